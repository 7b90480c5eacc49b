"""The terminal, or whatever stands in its place, as people's tables are written to it."""

from rich.console import Console


class Terminal(Console):
    """A console that shows texts as they are, and whose reader may leave (`… | head`)."""

    def __init__(self, *, width: int | None = None) -> None:
        """Write to the standard output, so many columns wide if it does not tell itself."""
        # Names of people and queues are no markup: of `[/]` the library would make an exception.
        super().__init__(width=width, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError, as every other stream does.

        The library would end the process here: a server that somebody looked at through `head`.
        """
        self.quiet = True
        raise BrokenPipeError
