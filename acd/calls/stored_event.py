"""What all events have in common."""

from msgspec import Struct


class StoredEvent(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, gc=False):
    """Common options: tagged by class name, defaults left out of the wire form."""
