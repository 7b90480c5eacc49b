"""Pictures of a flow: Mermaid text for documents, SVG for everybody."""

from html import escape
from itertools import pairwise
from unicodedata import east_asian_width

from . import model
from .layout import Edge, Layout, Point, layered

CHARACTER = 7.0
"Width of a Latin character of the drawing's font, in pixels; Chinese ones take two."

LINE = 17.0
PADDING = 12.0
MARGIN = 24.0

LOOP_WIDTH = 110.0
"A loop and its label stand out to the right of their box."

DETAIL_CHARACTERS = 34
LABEL_CHARACTERS = 22

COLOURS = {
    "play": "#dbeafe",
    "menu": "#fef3c7",
    "collect": "#fde8c8",
    "branch": "#ede9fe",
    "set": "#e5e7eb",
    "queue": "#d1fae5",
    "callback": "#dcfce7",
    "goto": "#cffafe",
    "echo": "#fce7f3",
    "hangup": "#fee2e2",
}


def mermaid(flow: model.FlowFile) -> str:
    """Return the flow as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for name, node in flow.nodes.items():
        text = "<br>".join(_quote(line) for line in _words(name, node))
        left, right = ("{{", "}}") if isinstance(node, model.Branch) else ("[", "]")
        lines.append(f'    {_key(flow, name)}{left}"{text}"{right}')
    for (name, to), label in _edges(flow).items():
        middle = f'-- "{_quote(label)}" -->' if label else "-->"
        lines.append(f"    {_key(flow, name)} {middle} {_key(flow, to)}")
    lines.append(f"    begin(( )) --> {_key(flow, flow.start)}")
    for name, node in flow.nodes.items():
        lines.append(f"    style {_key(flow, name)} fill:{COLOURS[node.type]},stroke:#555")
    return "\n".join(lines) + "\n"


def _key(flow: model.FlowFile, name: str) -> str:
    # Mermaid gives some names ("end") a meaning of their own.
    return f"n{list(flow.nodes).index(name)}"


def _quote(text: str) -> str:
    return escape(text).replace("&#x27;", "'").replace("&quot;", "#quot;")


def svg(flow: model.FlowFile) -> str:
    """Return the flow as an SVG document."""
    words = {name: _words(name, node) for name, node in flow.nodes.items()}
    sizes = {name: _size(lines) for name, lines in words.items()}
    edges = _edges(flow)
    layout = layered(sizes, edges, flow.start)
    loops = any(name == to for name, to in edges)
    width = layout.width + 2 * MARGIN + (LOOP_WIDTH if loops else 0.0)
    height = layout.height + 2 * MARGIN + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(flow.flow)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<g transform="translate({MARGIN:.0f} {MARGIN + 24:.0f})">',
    ]
    parts.append(_start_arrow(layout.boxes[flow.start], sizes[flow.start]))
    lines, labels = _edge_parts(layout, edges, sizes)
    parts += lines
    parts += [
        _box(layout.boxes[name], sizes[name], words[name], node.type)
        for name, node in flow.nodes.items()
    ]
    return "\n".join([*parts, *labels, "</g>", "</svg>", ""])


def _words(name: str, node: model.Node) -> list[str]:
    """Return a box's lines: name, type, and what matters most."""
    detail = ""
    match node:
        case model.Play() | model.HangUp():
            detail = ", ".join(map(_sound, node.sounds))
        case model.Menu():
            detail = ", ".join(map(_sound, node.prompts))
        case model.Collect():
            detail = f"{node.variable}: {node.min_digits}–{node.max_digits} digits"
        case model.SetVariables():
            names = [*node.values, *node.expressions]
            detail = ", ".join(names + ([f"language {node.language}"] if node.language else []))
        case model.Queue():
            detail = f"{node.queue}{f', priority {node.priority}' if node.priority else ''}"
        case model.Callback():
            detail = f"{node.queue}{f', {node.number}' if node.number else ''}"
        case model.Goto():
            detail = f"flow {node.flow}"
        case model.Branch() | model.Echo():
            pass
    return [name, node.type, *([_short(detail, DETAIL_CHARACTERS)] if detail else [])]


def _sound(sound: model.Sound) -> str:
    if isinstance(sound, str):
        return sound
    return "".join(f"{{{variable}}}" for _, variable in sound)


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _edges(flow: model.FlowFile) -> dict[Edge, str]:
    """Return the label of each pair of nodes; several ways between two are one edge."""
    labels: dict[Edge, list[str]] = {}
    for name, node in flow.nodes.items():
        for _, label, to in model.ways_out(node):
            labels.setdefault((name, to), []).append("" if label == "next" else label)
    return {edge: ", ".join(filter(None, several)) for edge, several in labels.items()}


def _text_width(text: str) -> float:
    return CHARACTER * sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _size(lines: list[str]) -> tuple[float, float]:
    return max(map(_text_width, lines)) + 2 * PADDING, LINE * len(lines) + PADDING


def _box(centre: Point, size: tuple[float, float], lines: list[str], kind: str) -> str:
    (x, y), (width, height) = centre, size
    radius = 16 if kind in {"queue", "hangup", "echo", "goto"} else 4
    shape = (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{radius}" fill="{COLOURS[kind]}" stroke="#555"/>'
    )
    texts = []
    for index, line in enumerate(lines):
        weight = ' font-weight="bold"' if index == 0 else ' fill="#444"'
        at = y - height / 2 + PADDING / 2 + LINE * (index + 0.75)
        texts.append(
            f'<text x="{x:.1f}" y="{at:.1f}" text-anchor="middle"{weight}>{escape(line)}</text>'
        )
    return "".join([shape, *texts])


def _start_arrow(centre: Point, size: tuple[float, float]) -> str:
    x, top = centre[0], centre[1] - size[1] / 2
    return (
        f'<circle cx="{x:.1f}" cy="{top - 34:.1f}" r="5" fill="#555"/>'
        f'<path d="M{x:.1f},{top - 29:.1f} V{top - 1:.1f}" stroke="#555" marker-end="url(#tip)"/>'
    )


def _edge_parts(
    layout: Layout, edges: dict[Edge, str], sizes: dict[str, tuple[float, float]]
) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    labels: list[str] = []
    for (name, to), label in edges.items():
        if name == to:
            path, at, back = *_loop(layout.boxes[name], sizes[name]), False
        else:
            points = layout.routes[name, to]
            path, at, back = *_curve(points), points[0][1] > points[-1][1]
        dashes = ' stroke-dasharray="5 3"' if back else ""
        lines.append(
            f'<path d="{path}" fill="none" stroke="#777"{dashes} marker-end="url(#tip)"/>'
        )
        if label:
            labels.append(_label(at, _short(label, LABEL_CHARACTERS)))
    return lines, labels


def _loop(centre: Point, size: tuple[float, float]) -> tuple[str, Point]:
    x, y = centre[0] + size[0] / 2, centre[1]
    return (
        f"M{x:.1f},{y - 8:.1f} C{x + 34:.1f},{y - 22:.1f} {x + 34:.1f},{y + 22:.1f} "
        f"{x + 1:.1f},{y + 8:.1f}",
        (x + 28, y),
    )


def _curve(points: tuple[Point, ...]) -> tuple[str, Point]:
    """Return a path through the points that leaves and enters upright, and its label's place."""
    path = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (y1 + y2) / 2
        path.append(f"C{x1:.1f},{middle:.1f} {x2:.1f},{middle:.1f} {x2:.1f},{y2:.1f}")
    # On the first stretch, nearer to where it leads: there the ways of a menu are apart.
    (x1, y1), (x2, y2) = points[:2]
    return " ".join(path), (x1 + 0.72 * (x2 - x1), y1 + 0.62 * (y2 - y1))


def _label(at: Point, text: str) -> str:
    width = _text_width(text) * 0.86 + 6
    x, y = at
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - 8:.1f}" width="{width:.1f}" height="15" rx="3" '
        f'fill="#fff" fill-opacity="0.9"/><text x="{x:.1f}" y="{y + 3.5:.1f}" font-size="11" '
        f'text-anchor="middle" fill="#333">{escape(text)}</text>'
    )
