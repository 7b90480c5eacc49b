"""Where the names of points stand so that they do not cover each other."""

from collections.abc import Sequence

from msgspec import Struct

LETTER_PX, WIDE_PX, LINE_PX = 6.5, 11.5, 13.0
"A letter's and a Chinese character's width, and a line's height, of the charts' 11 px."


class Label(Struct, frozen=True):
    """On which side of its point a name stands."""

    dx: int
    dy: int
    align: str
    "left: the name begins at the point; right: it ends there; center."


SIDES = (
    Label(9, 0, "left"),
    Label(-9, 0, "right"),
    Label(0, -13, "center"),
    Label(0, 13, "center"),
    Label(9, -12, "left"),
    Label(-9, -12, "right"),
    Label(9, 12, "left"),
    Label(-9, 12, "right"),
)
"Beside is read best; above and below come next."

Place = tuple[float, float, float, float]
"Left, top, right, bottom."


def place(points: Sequence[tuple[float, float, str]], width: float, height: float) -> list[Label]:
    """Return each name's side: the first that is free, else the least covered one.

    Points are (x, y, name) in pixels from the top left.
    """
    taken: list[Place] = [(x - 5, y - 5, x + 5, y + 5) for x, y, _ in points]
    chosen = []
    for own, (x, y, name) in enumerate(points):
        others = [place for at, place in enumerate(taken) if at != own]
        best = min(SIDES, key=lambda side: _cost(_extent(x, y, name, side), others, width, height))
        chosen.append(best)
        taken.append(_extent(x, y, name, best))
    return chosen


def _extent(x: float, y: float, name: str, side: Label) -> Place:
    length = sum(WIDE_PX if ord(letter) > 0x2E80 else LETTER_PX for letter in name)
    left = x + side.dx
    if side.align == "right":
        left -= length
    elif side.align == "center":
        left -= length / 2
    top = y + side.dy - LINE_PX / 2
    return (left, top, left + length, top + LINE_PX)


def _cost(extent: Place, taken: Sequence[Place], width: float, height: float) -> float:
    """Return how many square pixels of others a name would cover, or of the margin."""
    covered = sum(_overlap(extent, other) for other in taken)
    inside = _overlap(extent, (0.0, 0.0, width, height))
    return covered + (extent[2] - extent[0]) * (extent[3] - extent[1]) - inside


def _overlap(one: Place, other: Place) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)
