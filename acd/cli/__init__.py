"""The `acd` command, one file per noun."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("acd: not yet")
