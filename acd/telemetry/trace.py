"""Keeps the SIP messages and events of the last calls, for `acd trace`.

A trace is filed by SIP Call-ID, which is found by a search of the bytes: nothing is parsed until
somebody asks. Events tie Call-IDs to their interaction.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import get_args

import msgspec
from msgspec import Struct

from acd.calls.events import CallStarted, Event, OfferMade, PartyCalled, TransferCompleted
from acd.sip.peer import Peer

from .ladder import Line, Party, draw, event_line, message_line, message_text
from .masking import MASK

_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
"Header names ignore case, and i is short for Call-ID (RFC 3261 20.8)."

_USUAL_CALL_ID = b"\r\nCall-ID: "
"How nearly everybody writes it; searching these bytes costs a third of the expression above."

_USUAL_BYTES = len(_USUAL_CALL_ID)


_BLANK = frozenset({b"\r", b"\n"})
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
"Before the body; some phones end lines by LF only."


class TraceLimits(Struct, frozen=True, kw_only=True):
    """How much is kept. The oldest goes first."""

    calls: int = 1_000
    "Interactions, and SIP Call-IDs four times as many: caller, agent and two missed offers."

    bytes: int = 32 * 1024 * 1024
    "Messages of all calls together: 1,000 calls of 40 messages of 800 bytes."

    messages_per_call: int = 500
    "Per Call-ID; a phone that retransmits for ever cannot push the others out."

    events_per_call: int = 500

    requests: int = 500
    "Call-IDs outside calls (REGISTER, OPTIONS): they come every minute from every phone."


class _Message(Struct, frozen=True, gc=False):
    wall_us: int
    incoming: bool
    peer: Peer
    data: bytes


class _Dialog(Struct):
    """What went under one Call-ID."""

    messages: list[_Message]
    bytes: int = 0
    interaction: str = ""


class _Interaction(Struct):
    """The Call-IDs and events of one caller's contact."""

    call_ids: list[str]
    events: list[tuple[int, Event]]
    parties: dict[str, str]
    "Call-ID → who is at the other end."


class _Shelf:
    """Dialogs in the order in which they began, within a number and a size."""

    def __init__(self, dialogs_max: int, bytes_max: int, messages_max: int) -> None:
        self.dialogs: OrderedDict[bytes, _Dialog] = OrderedDict()
        self._dialogs_max = dialogs_max
        self._bytes_max = bytes_max
        self._messages_max = messages_max
        self._bytes = 0

    def begin(self, call_id: bytes) -> _Dialog:
        dialog = self.dialogs[call_id] = _Dialog([])
        if len(self.dialogs) > self._dialogs_max:
            self._drop_oldest()
        return dialog

    def add(self, dialog: _Dialog, message: _Message) -> None:
        messages, size = dialog.messages, len(message.data)
        if len(messages) >= self._messages_max:
            return
        messages.append(message)
        dialog.bytes += size
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, dialog = self.dialogs.popitem(last=False)
        self._bytes -= dialog.bytes


class Tracer:
    """Remembers the last calls and draws them. Runs in the event loop's thread."""

    KINDS = frozenset(kind for kind in get_args(Event) if "interaction" in kind.__struct_fields__)
    "The kinds of events that can be part of an interaction."

    def __init__(self, limits: TraceLimits = TraceLimits()) -> None:  # noqa: B008  frozen
        self._limits = limits
        self._events_max = limits.events_per_call
        self._calls = _Shelf(limits.calls * 4, limits.bytes, limits.messages_per_call)
        self._requests = _Shelf(limits.requests, limits.bytes // 8, limits.messages_per_call)
        self._interactions: OrderedDict[str, _Interaction] = OrderedDict()

    def message(self, direction: str, peer: Peer, data: bytes, wall_us: int) -> None:
        """Keep one SIP message as it was on the wire; `direction` is "in" or "out".

        `wall_us` is UTC, µs since 1970.
        """
        call_id = _call_id(data)
        if not call_id:
            return
        begin = data[:5]
        if begin[:1] in _BLANK:
            data = data.lstrip(b"\r\n")  # as the endpoint reads it
            begin = data[:5]
        if begin == b"INFO ":
            data = _without_digits(data)
        shelf = self._calls
        dialog = shelf.dialogs.get(call_id)
        if dialog is None:
            if not data.startswith(b"INVITE "):
                shelf = self._requests
                dialog = shelf.dialogs.get(call_id)
            if dialog is None:
                dialog = shelf.begin(call_id)
        shelf.add(dialog, _Message(wall_us, direction == "in", peer, data))

    def observe(self, event: Event, wall_us: int) -> None:
        """Keep one event of the stream, if it is part of an interaction."""
        name = getattr(event, "interaction", "")
        if not name:
            return
        interaction = self._interactions.get(name)
        if interaction is None:
            if not isinstance(event, CallStarted):
                return  # its beginning has been forgotten
            interaction = self._interactions[name] = _Interaction([], [], {})
            if len(self._interactions) > self._limits.calls:
                self._interactions.popitem(last=False)
        kept = interaction.events
        if len(kept) < self._events_max:
            kept.append((wall_us, event))
        legs_of = _LEGS_OF.get(type(event))
        if legs_of is not None:
            for call_id, party in legs_of(event):
                self._link(interaction, name, call_id, party)

    def ladder(self, interaction_or_call_id: str, *, messages: bool = False) -> str | None:
        """Draw what is known of a call, secrets masked; None when nothing is.

        `messages` adds the text of every SIP message below the ladder.
        """
        name = interaction_or_call_id
        dialog = self._dialog(name)
        if dialog is not None and dialog.interaction:
            name = dialog.interaction
        interaction = self._interactions.get(name)
        if interaction is None:
            if dialog is None:
                return None
            interaction = _Interaction([name], [], {})
        return self._draw(name, interaction, messages=messages)

    def _draw(self, name: str, interaction: _Interaction, *, messages: bool) -> str:
        lines: list[Line] = []
        texts: list[tuple[int, str]] = []
        for call_id in interaction.call_ids:
            dialog = self._dialog(call_id)
            role = interaction.parties.get(call_id, "")
            for kept in dialog.messages if dialog is not None else ():
                party = Party(role, f"{kept.peer.transport}:{kept.peer.host}:{kept.peer.port}")
                incoming = kept.incoming
                lines.append(message_line(kept.wall_us, party, kept.data, incoming=incoming))
                if messages:
                    text = message_text(kept.wall_us, party, kept.data, incoming=incoming)
                    texts.append((kept.wall_us, text))
        for wall_us, event in interaction.events:
            readable = event.readable() if isinstance(event, OfferMade) else event
            fields = msgspec.to_builtins(readable)
            lines.append(event_line(wall_us, type(event).__name__, fields))
        texts.sort(key=lambda pair: pair[0])
        return draw(name, lines) + "".join(f"{text}\n" for _, text in texts)

    def _dialog(self, call_id: str) -> _Dialog | None:
        key = call_id.encode("utf-8", "replace")
        return self._calls.dialogs.get(key) or self._requests.dialogs.get(key)

    def _link(self, interaction: _Interaction, name: str, call_id: str, party: str) -> None:
        # The caller's INVITE is here before its event; an agent's may come after it.
        key = call_id.encode("utf-8", "replace")
        dialog = self._calls.dialogs.get(key) or self._calls.begin(key)
        dialog.interaction = name
        if call_id not in interaction.parties:
            interaction.call_ids.append(call_id)
            interaction.parties[call_id] = party


Legs = list[tuple[str, str]]
"Call-IDs, each with whom the leg leads to."


def _offered(event: OfferMade) -> Legs:
    further = enumerate(event.further_legs, 2)
    return [
        (event.sip_call_id, f"agent {event.agent}"),
        *((leg, f"agent {event.agent} ({number})") for number, leg in further),
    ]


def _joined(event: TransferCompleted) -> Legs:
    """Return the leg from another interaction, if one came: its messages belong to both."""
    return [(event.sip_call_id, _party(event.to_agent, ""))] if event.sip_call_id else []


def _party(agent: str, number: str) -> str:
    return f"agent {agent}" if agent else f"called {number}".rstrip()


_LEGS_OF: dict[type, Callable[..., Legs]] = {
    CallStarted: lambda event: [(event.sip_call_id, f"caller {event.caller}")],
    OfferMade: _offered,
    PartyCalled: lambda event: [(event.sip_call_id, _party(event.agent, event.number))],
    TransferCompleted: _joined,
}


def _without_digits(data: bytes) -> bytes:
    """Return an INFO without the key that it tells: it may be one of a card number or a PIN."""
    blank = _EMPTY_LINE.search(data)
    if blank is None or blank.end() == len(data) or b"dtmf" not in data.lower():
        return data
    return data[: blank.end()] + MASK.encode()


def _call_id(data: bytes) -> bytes:
    """Return the Call-ID's bytes, as `str.encode` gives them of the text in an event."""
    start = data.find(_USUAL_CALL_ID)
    if start >= 0:
        start += _USUAL_BYTES
        value = data[start : data.find(b"\r\n", start)].strip()
    else:
        found = _CALL_ID.search(data)
        value = found[1].strip() if found else b""
    return value if value.isascii() else value.decode(errors="replace").encode()
