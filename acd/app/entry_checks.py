"""What an entry must hold to besides its form and its time: the categories that there are."""

from acd.config import Config
from acd.web.ports import CommandRefusedError


def check_category(config: Config, category: str) -> None:
    """Raise CommandRefusedError for a category that is not one of those configured, if any are."""
    codes = sorted(entry.code for entry in config.reasons.categories)
    if category and codes and category not in codes:
        text = f"category must be one of {', '.join(codes)} (reasons.yaml)"
        raise CommandRefusedError("unknown_category", text, field="category")
