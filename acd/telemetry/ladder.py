"""Draws SIP messages and events as a ladder of text. Secrets never get in."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .masking import is_secret_name, mask_text

LANE_CHARACTERS = 30
"Wide enough for `183 Session Progress` and for the transport address of an IPv4 peer."

TIME_CHARACTERS = 15
"`03:11:20.123456`."

PARTIES_MAX = 6
"Lanes beside ours; further parties share the last one."

VALUE_CHARACTERS = 40
"A value beside an event is cut there; `acd journal dump` shows it whole."

HIDDEN_FIELDS = frozenset({"type", "interaction", "leg", "visit", "offer", "sip_call_id"})
"Fields that the ladder shows in another way, or that nobody reads."


class Party(NamedTuple):
    """One lane beside ours."""

    role: str
    '"caller 13800138000", "agent 1001", or empty.'

    address: str
    '"udp:192.0.2.7:5060".'


class Line(NamedTuple):
    """One row: a message from or to a party, or (`party` is None) an event of ours."""

    wall_us: int
    incoming: bool
    party: Party | None
    label: str


def message_line(wall_us: int, party: Party, data: bytes, *, incoming: bool) -> Line:
    """Make the row of a SIP message: its method and user, or its code and reason."""
    start = data.partition(b"\r\n")[0].decode(errors="replace")
    words = start.split(" ", 2)
    if start.startswith("SIP/") or len(words) == 1:
        label = " ".join(words[1:]) or start
    else:
        user = words[1].partition("@")[0].partition(":")[2].partition(":")[0]
        label = f"{words[0]} {user}".rstrip()
    return Line(wall_us, incoming, party, _printable(mask_text(label)))


def event_line(wall_us: int, name: str, fields: dict[str, Any]) -> Line:
    """Make the row of an event, from its fields as plain values."""
    shown = [name]
    for key, value in _flat(fields):
        if key in HIDDEN_FIELDS or is_secret_name(key) or value is None or value == "":
            continue
        text = mask_text(str(value))
        if len(text) > VALUE_CHARACTERS:
            text = text[: VALUE_CHARACTERS - 1] + "…"
        shown.append(f"{key}={_printable(text)}")
    return Line(wall_us, False, None, " ".join(shown))


def message_text(wall_us: int, party: Party, data: bytes, *, incoming: bool) -> str:
    """Return the whole message as text, with a line above that says when and between whom."""
    way = "from" if incoming else "to"
    head = f"{_clock(wall_us)} {way} {party.address} {party.role}".rstrip()
    body = mask_text(data.decode(errors="replace")).replace("\r\n", "\n").rstrip("\n")
    printable = "\n".join(_printable(line) for line in body.split("\n"))
    return f"\n--- {head}\n{printable}"


def draw(title: str, lines: list[Line]) -> str:
    """Draw the rows, in order of time, under the names of the parties.

    The party that spoke first stands left, we beside it, everybody else to the right.
    """
    ordered = sorted(lines, key=lambda line: line.wall_us)
    lanes: dict[Party, int] = {}
    for line in ordered:
        if line.party is not None and line.party not in lanes:
            # Lane 1 is ours.
            lanes[line.party] = min(len(lanes) + 1, PARTIES_MAX) if lanes else 0
    count = max(2, max(lanes.values(), default=0) + 1)
    day = (
        f"{datetime.fromtimestamp(ordered[0].wall_us / 1e6, UTC):%Y-%m-%d} UTC" if ordered else ""
    )
    rows = [_printable(title), day, "", *_heads(lanes, count)]
    rows += [_row(line, lanes, count) for line in ordered]
    return "\n".join(row.rstrip() for row in rows) + "\n"


def _heads(lanes: dict[Party, int], count: int) -> list[str]:
    roles, addresses = [""] * count, [""] * count
    roles[1] = "acd"
    for party, lane in lanes.items():
        roles[lane] = roles[lane] or party.role or party.address
        addresses[lane] = addresses[lane] or party.address
    return [
        " " * (TIME_CHARACTERS + 2)
        + "".join(_printable(name)[: LANE_CHARACTERS - 1].ljust(LANE_CHARACTERS) for name in names)
        for names in (roles, addresses)
    ]


def _row(line: Line, lanes: dict[Party, int], count: int) -> str:
    time = f"{_clock(line.wall_us)}  "
    ladder = list(("|".ljust(LANE_CHARACTERS) * count)[: LANE_CHARACTERS * (count - 1) + 1])
    if line.party is None:
        return f"{time}{''.join(ladder)}  * {line.label}"
    lane = lanes[line.party]
    left, right = sorted((lane * LANE_CHARACTERS, LANE_CHARACTERS))
    # An arrow points right when it comes to us from the left lane, or leaves us for a right one.
    rightwards = line.incoming == (lane == 0)
    width = right - left - 1
    label = f" {line.label[: width - 6]} ".center(width - 1, "-")
    ladder[left + 1 : right] = f"{label}>" if rightwards else f"<{label}"
    return time + "".join(ladder)


def _clock(wall_us: int) -> str:
    return f"{datetime.fromtimestamp(wall_us / 1e6, UTC):%H:%M:%S.%f}"


def _flat(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Put the fields of nested values, such as the reason of a choice, beside the others."""
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
            yield key, " ".join(",".join(str(item) for item in row.values()) for row in value)
        else:
            yield key, value


def _printable(text: str) -> str:
    """Peers' bytes must not steer the terminal of whoever reads the trace."""
    return "".join(character if character.isprintable() else "?" for character in text)
