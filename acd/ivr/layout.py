"""A small layered graph layout: boxes in rows by their distance from the start, edges as lines.

The usual four phases (Sugiyama): turn edges that close rings, rank by longest way, order rows so
that neighbours stand together (barycentre), place without overlap. Long edges pass through a thin
place in each row, so that they never run across a box.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 12
"Orders settle after some; flows have at most 500 nodes."

GAP_X = 28.0
GAP_Y = 64.0
THIN = 10.0
"Width of a place that an edge passes through."

BACK_OFFSET = 11.0

Point = tuple[float, float]
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands, in the unit of the sizes given; y grows downwards."""

    boxes: Mapping[str, Point]
    "Centres."

    routes: Mapping[Edge, tuple[Point, ...]]
    "From the first box's edge to the second's, through the rows between."

    width: float
    height: float


def layered(sizes: Mapping[str, tuple[float, float]], edges: Iterable[Edge], start: str) -> Layout:
    """Lay out the boxes (name → width and height); edges to themselves have no route."""
    pairs = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    names = [start, *(name for name in sizes if name != start)]
    turned = _ring_closers(names, pairs)
    forward = [(b, a) if (a, b) in turned else (a, b) for a, b in pairs]
    ranks = _ranks(names, forward)
    rows, chains = _rows(names, forward, ranks)
    _order(rows, chains)
    widths = {name: sizes[name][0] if name in sizes else THIN for row in rows for name in row}
    x = _place(rows, chains, widths)
    tops, heights = _row_tops(rows, sizes)
    y = {
        name: top + height / 2
        for row, top, height in zip(rows, tops, heights, strict=True)
        for name in row
    }
    boxes = {name: (x[name], y[name]) for name in sizes}
    routes: dict[Edge, tuple[Point, ...]] = {}
    for pair, chain in zip(pairs, chains, strict=True):
        points = [(x[name], y[name]) for name in chain]
        points[0] = (points[0][0], points[0][1] + sizes[chain[0]][1] / 2)
        points[-1] = (points[-1][0], points[-1][1] - sizes[chain[-1]][1] / 2)
        if pair in turned:
            # Beside the way there, which may join the same two boxes.
            points = [(at[0] + BACK_OFFSET, at[1]) for at in reversed(points)]
        routes[pair] = tuple(points)
    width = max(x[name] + widths[name] / 2 for name in x)
    return Layout(boxes, routes, width, tops[-1] + heights[-1])


def _neighbours(edges: Iterable[Edge]) -> dict[str, list[str]]:
    ways: dict[str, list[str]] = {}
    for a, b in edges:
        ways.setdefault(a, []).append(b)
    return ways


def _ring_closers(names: Sequence[str], edges: Sequence[Edge]) -> set[Edge]:
    """Return the edges that lead back to a box on the way to them, found in depth first."""
    ways = _neighbours(edges)
    closers: set[Edge] = set()
    done: set[str] = set()
    for root in names:
        way: list[str] = []
        on_way: set[str] = set()
        ahead = [(root, 0)]
        while ahead:
            name, depth = ahead.pop()
            on_way.difference_update(way[depth:])
            del way[depth:]
            if name in on_way:
                closers.add((way[-1], name))
            elif name not in done:
                done.add(name)
                way.append(name)
                on_way.add(name)
                ahead += [(to, depth + 1) for to in reversed(ways.get(name, ()))]
    return closers


def _ranks(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return each box's row: the longest way to it."""
    ways = _neighbours(edges)
    waiting = dict.fromkeys(names, 0)
    for _, to in edges:
        waiting[to] += 1
    ranks = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    while ready:
        name = ready.pop()
        for to in ways.get(name, ()):
            ranks[to] = max(ranks[to], ranks[name] + 1)
            waiting[to] -= 1
            if not waiting[to]:
                ready.append(to)
    return ranks


def _rows(
    names: Sequence[str], edges: Sequence[Edge], ranks: Mapping[str, int]
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows, and each edge as the chain of places that it passes, one per row."""
    rows: list[list[str]] = [[] for _ in range(max(ranks.values()) + 1)]
    for name in names:
        rows[ranks[name]].append(name)
    chains: list[list[str]] = []
    for number, (a, b) in enumerate(edges):
        chain = [a]
        for rank in range(ranks[a] + 1, ranks[b]):
            # A space cannot stand in a node's name.
            place = f"edge {number} {rank}"
            rows[rank].append(place)
            chain.append(place)
        chains.append([*chain, b])
    return rows, chains


def _order(rows: list[list[str]], chains: Sequence[Sequence[str]]) -> None:
    above, below = _links(chains)
    for sweep in range(SWEEPS):
        links, order = (above, rows) if sweep % 2 == 0 else (below, list(reversed(rows)))
        position = {name: i for row in rows for i, name in enumerate(row)}
        for row in order:
            weight = {
                name: _mean([position[n] for n in links.get(name, ())], position[name])
                for name in row
            }
            row.sort(key=weight.__getitem__)
            position |= {name: i for i, name in enumerate(row)}


def _links(chains: Sequence[Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    steps = [step for chain in chains for step in pairwise(chain)]
    return _neighbours((b, a) for a, b in steps), _neighbours(steps)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _place(
    rows: Sequence[Sequence[str]],
    chains: Sequence[Sequence[str]],
    widths: Mapping[str, float],
) -> dict[str, float]:
    """Return each place's centre: near its neighbours' mean, in order, without overlap."""
    above, below = _links(chains)
    x: dict[str, float] = {}
    for row in rows:
        at = 0.0
        for name in row:
            x[name] = at + widths[name] / 2
            at += widths[name] + GAP_X
        x |= {name: x[name] - at / 2 for name in row}
    for sweep in range(SWEEPS):
        links, order = (above, rows) if sweep % 2 == 0 else (below, list(reversed(rows)))
        for row in order:
            wanted = [_mean([x[n] for n in links.get(name, ())], x[name]) for name in row]
            x |= zip(row, _apart(wanted, [widths[name] for name in row]), strict=True)
    left = min(x[name] - widths[name] / 2 for name in x)
    return {name: at - left for name, at in x.items()}


def _apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Return places in this order without overlap, on the mean where they are wanted."""
    pushed_right = list(wanted)
    pushed_left = list(wanted)
    for i in range(1, len(wanted)):
        room = (widths[i - 1] + widths[i]) / 2 + GAP_X
        pushed_right[i] = max(wanted[i], pushed_right[i - 1] + room)
    for i in range(len(wanted) - 2, -1, -1):
        room = (widths[i + 1] + widths[i]) / 2 + GAP_X
        pushed_left[i] = min(wanted[i], pushed_left[i + 1] - room)
    # Both keep the distances, so their mean does too.
    return [(a + b) / 2 for a, b in zip(pushed_right, pushed_left, strict=True)]


def _row_tops(
    rows: Sequence[Sequence[str]], sizes: Mapping[str, tuple[float, float]]
) -> tuple[list[float], list[float]]:
    heights = [max((sizes[n][1] for n in row if n in sizes), default=THIN) for row in rows]
    tops, at = [], 0.0
    for height in heights:
        tops.append(at)
        at += height + GAP_Y
    return tops, heights
