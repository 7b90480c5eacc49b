"""Long reports by pages: which lines are wanted, and which of how many a report holds."""

from msgspec import Struct

READ_LINES = 500
"Lines of a page where people read: some ten screens, and a browser shows them at once."

ANSWER_LINES = 1_000
"Of a page over HTTP: what a program decodes in milliseconds."

PAGE_LINES_MAX = 100_000
"Of a page that is kept in memory; more is what CSV and workbooks are for."

BROWSER_LINES_MAX = 5_000
"More make a page slow in a browser."


class Page(Struct, frozen=True, kw_only=True):
    """Which lines are wanted."""

    number: int = 1
    "From 1."

    lines: int = READ_LINES

    @property
    def skipped(self) -> int:
        """Lines before it."""
        return (self.number - 1) * self.lines


class Part(Struct, frozen=True, kw_only=True):
    """Which lines a report holds."""

    page: Page
    total: int
    "Lines that there are."

    @property
    def first(self) -> int:
        """Number of the first one here, from 1; 0: there are none."""
        return min(self.page.skipped + 1, self.total)

    @property
    def last(self) -> int:
        """Number of the last one here."""
        return min(self.page.skipped + self.page.lines, self.total)

    @property
    def pages(self) -> int:
        """How many there are; an empty report is one."""
        return max(1, -(-self.total // self.page.lines))

    @property
    def next(self) -> int | None:
        """Number of the next page."""
        return self.page.number + 1 if self.page.number < self.pages else None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.pages == 1
