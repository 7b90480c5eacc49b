"""What a broken promise of the core raises, in every part of the simulation."""


class InvariantError(AssertionError):
    """The core broke one of its promises."""


def require(holds: bool, message: str, about: object = "") -> None:
    """Raise InvariantError unless it holds."""
    # What it is about is written only when it is needed: an offer names all that were weighed.
    if not holds:
        raise InvariantError(f"{message} {about}" if about else message)
