"""An interaction under way, as the fold of the CDR holds it, and the events that close it."""

from msgspec import Struct

from . import events as ev
from .cdr_rows import HoldSegment, Interaction, Leg, Offer, QueueVisit, TalkSegment, Transfer
from .journal import Record

Mark = tuple[int, int]
"Where a record stands, in whatever order its reader gives: (segment, offset)."


class Moment(Struct, frozen=True):
    """A boot's point in time on both clocks."""

    boot: str
    wall_us: int
    mono_s: float


Instant = Moment | Record
"A record is the moment at which it was written: most need no copy of that."


def elapsed_s(begin_s: float, end_s: float) -> float:
    """Return a length of time, in whole µs: what the clocks give, without the noise of floats."""
    return round(max(0.0, end_s - begin_s), 6)


class OpenLeg(Struct):
    """A leg under way, and when it began."""

    row: Leg
    mono_s: float


class OpenVisit(Struct):
    """A stay in a queue under way, and when it began."""

    row: QueueVisit
    mono_s: float


class OpenOffer(Struct):
    """A ringing phone, and since when."""

    row: Offer
    mono_s: float


class OpenTalk(Struct):
    """A talk under way, its talk and hold counted so far."""

    row: TalkSegment
    at_s: float
    "Up to here talk and hold are counted."

    talk_s: float = 0.0
    hold_s: float = 0.0
    holds: int = 0
    hold: HoldSegment | None = None
    "The hold that lasts."

    @property
    def held(self) -> bool:
        """Whether one side is on hold."""
        return self.hold is not None

    def settle(self, mono_s: float) -> None:
        """Count the time up to now as hold or as talk."""
        passed_s = elapsed_s(self.at_s, mono_s)
        if self.held:
            self.hold_s += passed_s
        else:
            self.talk_s += passed_s
        self.at_s = mono_s

    def turn(self, moment: Instant, *, held: bool) -> list[HoldSegment]:
        """Begin or end a hold, if that is a change; return the row of one that ends."""
        self.settle(moment.mono_s)
        if held == self.held:
            return []
        ended, self.hold = self.hold, None
        if ended is not None:
            ended.ended_us = moment.wall_us
            ended.duration_s = elapsed_s(ended.began_mono_s, moment.mono_s)
            return [ended]
        self.holds += 1
        talk = self.row
        self.hold = HoldSegment(
            interaction=talk.interaction,
            started_us=talk.started_us,
            project=talk.project,
            leg=talk.leg,
            hold=self.holds,
            visit=talk.visit,
            queue=talk.queue,
            agent=talk.agent,
            began_us=moment.wall_us,
            began_mono_s=moment.mono_s,
        )
        return []


class OpenCall(Struct):
    """An interaction under way."""

    row: Interaction
    mono_s: float
    mark: Mark
    version: str = ""
    steps: int = 0
    legs: dict[str, OpenLeg] = {}
    visits: dict[str, OpenVisit] = {}
    offers: dict[str, OpenOffer] = {}
    talks: dict[str, OpenTalk] = {}

    transfers: dict[str, Transfer] | None = None
    "Wishes without outcome; most calls never have any."

    @property
    def under_way(self) -> bool:
        """Whether a part of it has not ended."""
        return bool(self.legs or self.visits or self.offers or self.talks or self.transfers)

    @property
    def flow_version(self) -> str:
        """The first flow and its version; empty before any."""
        row = self.row
        return f"{row.flow}@{row.flow_version}" if row.flow else ""


def closing_events(call: OpenCall, moment: Instant, reason: str) -> list[ev.Event]:
    """Return the events that end all that is open in a call, `CallEnded` last."""
    interaction = call.row.interaction
    out: list[ev.Event] = []
    out += (
        ev.OfferEnded(
            interaction=interaction,
            visit=offer.row.visit,
            queue=offer.row.queue,
            offer=offer.row.offer,
            agent=offer.row.agent,
            leg=offer.row.leg,
            outcome="failed",
            ring_s=elapsed_s(offer.mono_s, moment.mono_s),
        )
        for offer in call.offers.values()
    )
    out += (
        ev.QueueLeft(
            interaction=interaction,
            visit=visit.row.visit,
            queue=visit.row.queue,
            reason="faulted",
            waited_s=elapsed_s(visit.mono_s, moment.mono_s),
        )
        for visit in call.visits.values()
    )
    out += (
        ev.TransferFailed(
            interaction=interaction,
            transfer=row.transfer,
            agent=row.agent,
            kind=row.kind,
            reason=reason,
        )
        for row in (call.transfers or {}).values()
    )
    for talk in call.talks.values():
        talk.settle(moment.mono_s)
        out.append(
            ev.AgentDisconnected(
                interaction=interaction,
                visit=talk.row.visit,
                queue=talk.row.queue,
                agent=talk.row.agent,
                leg=talk.row.leg,
                talk_s=talk.talk_s,
                hold_s=talk.hold_s,
            )
        )
    out += (
        ev.LegEnded(interaction=interaction, leg=leg, ended_by="fault", reason=reason)
        for leg in call.legs
    )
    out.append(ev.CallEnded(interaction=interaction, ended_by="fault", reason=reason))
    return out
