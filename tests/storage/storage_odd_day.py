"""A day with every oddity, as events of the call centre, of its agents, and of two boots.

It is the 25th of October 2026 of a centre in Berlin, which has 25 hours: at three the clocks go
back to two. Times below are UTC; the day goes from 22:00 of the 24th to 23:00 of the 25th. On it:

    A  enters the line of sales before midnight, is answered after it
    B  is handed on blindly from sales to the line of service; its order is entered ten hours late
    C  is handed on after a consultation; its order is taken back later
    D  overflows from sales to service and gives up there, in the second hour from two to three
    E  asks to be called back, and is
    F  calls three times: hangs up at once, gives up, is served; its order comes with a correction
    G  waits while the wall clock is set back by an hour; it is right again in the after-call work
    H  talks, and I waits, while the server is killed
    J  is an agent's own call outside
    K  enters the line before the next midnight, is answered after it
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from storage_traffic import started

from acd.calls import events as ev
from acd.storage.journal import Journal
from acd.storage.recovery import begin_boot

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 10, 25)
EVENING = datetime(2026, 10, 24, tzinfo=UTC)
KINDS = {"sales": "sales", "service": "service"}
Story = list[tuple[float, ev.Event]]
"Seconds since 00:00 UTC of the 24th, as a right clock shows them."

CALLER_E, CALLER_F, CALLED_BY_J = "+4930100005", "+4930100006", "+4940100007"


def at(day: int, hours: int, minutes: int = 0, seconds: float = 0.0) -> float:
    """Seconds since the story's beginning of a time in UTC."""
    return (day - 24) * 86_400 + hours * 3600 + minutes * 60 + seconds


# --- what calls and agents do ---


def ids(call: str, queue: str) -> dict[str, str]:
    return {"interaction": call, "visit": f"{call}-{queue}", "queue": queue}


def state(agent: str, name: str, at_s: float, call: str = "", queue: str = "") -> Story:
    return [(at_s, ev.AgentStateChanged(agent=agent, state=name, queue=queue, interaction=call))]


def status(agent: str, name: str, at_s: float, reason: str = "") -> Story:
    return [(at_s, ev.AgentStatusChanged(agent=agent, status=name, reason=reason))]


def logged_in(agent: str, from_s: float) -> Story:
    return status(agent, "ready", from_s) + state(agent, "idle", from_s)


def logged_out(agent: str, at_s: float) -> Story:
    return status(agent, "logged_out", at_s) + state(agent, "offline", at_s)


def entered(call: str, queue: str, at_s: float, **more: Any) -> Story:
    return [(at_s, ev.QueueEntered(**ids(call, queue), kind=KINDS[queue], **more))]


def left(call: str, queue: str, reason: str, at_s: float, waited_s: float) -> Story:
    """The end of a visit that began so long before."""
    gone = ev.QueueLeft(**ids(call, queue), reason=reason, waited_s=waited_s)
    return [*entered(call, queue, at_s - waited_s), (at_s, gone)]


def answered(
    call: str, queue: str, agent: str, at_s: float, waited_s: float, **more: Any
) -> Story:
    """A visit that ends in a talk which begins at this time."""
    gone = ev.QueueLeft(**ids(call, queue), reason="answered", waited_s=waited_s, agent=agent)
    connected = ev.AgentConnected(**ids(call, queue), agent=agent, leg=f"{call}-{agent}")
    return [
        *entered(call, queue, at_s - waited_s, **more),
        (at_s, gone),
        (at_s, connected),
        *state(agent, "talking", at_s, call, queue),
    ]


def parted(
    call: str,
    queue: str,
    agent: str,
    at_s: float,
    *,
    talk_s: float,
    hold_s: float = 0.0,
    wrap_up_s: float = 0.0,
    visit_of: str = "",
) -> Story:
    """The end of a talk, and the after-call work that follows."""
    leg = f"{visit_of or call}-{agent}"
    of = ids(call, queue) | {"visit": f"{visit_of or call}-{queue}"}
    over = ev.AgentDisconnected(**of, agent=agent, leg=leg, talk_s=talk_s, hold_s=hold_s)
    story: Story = [
        (at_s, over),
        (at_s, ev.LegEnded(interaction=call, leg=leg, ended_by="peer")),
    ]
    if wrap_up_s:
        story += state(agent, "wrap_up", at_s, call, queue)
    return story + state(agent, "idle", at_s + wrap_up_s)


def begun(call: str, at_s: float, caller: str = "", **more: Any) -> Story:
    caller = caller or f"+49301000{sum(call.encode()) % 100:02}99"
    return [(at_s, started(call, f"{call}-leg", caller=caller, **more))]


def ended(call: str, at_s: float, reason: str = "hangup") -> Story:
    return [
        (at_s, ev.LegEnded(interaction=call, leg=f"{call}-leg", ended_by="peer")),
        (at_s, ev.CallEnded(interaction=call, ended_by="caller", reason=reason)),
    ]


def classed(call: str, agent: str, at_s: float, *, ordered: bool) -> Story:
    entry = {"call_class": "order" if ordered else "inquiry", "ordered": ordered}
    return [(at_s, ev.DispositionEntered(interaction=call, agent=agent, **entry))]


# --- the calls ---


def a_over_midnight() -> Story:
    talk = at(24, 22, 0, 5)
    return [
        *begun("A", talk - 12),
        *answered("A", "sales", "1001", talk, 10.0),
        *parted("A", "sales", "1001", talk + 60, talk_s=60.0, wrap_up_s=30.0),
        *ended("A", talk + 60),
    ]


def b_handed_on_blindly() -> Story:
    talk = at(24, 23, 10, 5)
    wish = {"interaction": "B", "transfer": "B-t", "agent": "1001", "kind": "blind"}
    asked = ev.TransferRequested(**wish, leg="B-1001", target="4002")
    return [
        *begun("B", talk - 6),
        *state("1001", "offered", talk - 2, "B", "sales"),
        *answered("B", "sales", "1001", talk, 5.0),
        (talk + 20, ev.HoldStarted(interaction="B", agent="1001", leg="B-1001")),
        *state("1001", "held", talk + 20, "B", "sales"),
        (talk + 26, ev.HoldEnded(interaction="B", agent="1001", leg="B-1001")),
        *state("1001", "talking", talk + 26, "B", "sales"),
        (talk + 36, asked),
        (talk + 36, ev.TransferCompleted(**wish, queue="service")),
        *parted("B", "sales", "1001", talk + 36, talk_s=30.0, hold_s=6.0, wrap_up_s=7.0),
        *answered("B", "service", "1005", talk + 61, 25.0),
        *parted("B", "service", "1005", talk + 81, talk_s=20.0, wrap_up_s=10.0),
        *ended("B", talk + 81),
        *classed("B", "1001", at(25, 9, 0), ordered=True),
    ]


def c_handed_on_after_consultation() -> Story:
    talk = at(25, 0, 30, 3)
    wish = {"interaction": "C", "transfer": "C-t", "agent": "1001", "kind": "attended"}
    asked = ev.TransferRequested(**wish, leg="C-1001", target="4002", consult="C2")
    with_caller = {**ids("C", "service"), "visit": "C2-service", "agent": "1005"}
    return [
        *begun("C", talk - 3),
        *answered("C", "sales", "1001", talk, 3.0),
        *begun("C2", talk + 18, direction="internal", agent="1001"),
        *answered("C2", "service", "1005", talk + 22, 2.0),
        (talk + 32, ev.AgentDisconnected(**ids("C2", "service"), agent="1005", leg="C2-1005",
                                         talk_s=10.0, hold_s=0.0)),
        (talk + 32, asked),
        (talk + 32, ev.TransferCompleted(**wish, queue="service", to_agent="1005",
                                         leg="C2-1005")),
        (talk + 32, ev.AgentConnected(**with_caller, leg="C2-1005")),
        *ended("C2", talk + 32, "transferred"),
        *parted("C", "sales", "1001", talk + 32, talk_s=32.0, wrap_up_s=8.0),
        *parted("C", "service", "1005", talk + 72, talk_s=40.0, wrap_up_s=9.0, visit_of="C2"),
        *ended("C", talk + 72),
        *classed("C", "1001", talk + 35, ordered=True),
        *classed("C", "1001", at(25, 10, 0), ordered=False),
    ]  # fmt: skip


def d_overflows() -> Story:
    # 02:30 in Berlin, like C an hour before.
    over = at(25, 1, 32)
    return [
        *begun("D", over - 121),
        *left("D", "sales", "overflowed", over, 120.0),
        *entered("D", "service", over, waited_before_s=120.0),
        (over + 8, ev.QueueLeft(**ids("D", "service"), reason="abandoned", waited_s=8.0)),
        *ended("D", over + 8),
    ]


def e_is_called_back() -> Story:
    asked, called = at(25, 2, 0, 15), at(25, 2, 20)
    began_us = int((EVENING + timedelta(seconds=asked - 16)).timestamp() * 1e6)
    wish = {"callback": "E", "queue": "sales", "number": CALLER_E}
    wish |= {"requested_us": began_us, "first_enqueued_us": began_us}
    attempt = ev.CallbackAttempted(interaction="E", attempt=1, first="agent", trunk="", **wish)
    done = ev.CallbackEnded(
        interaction="E", attempts=1, outcome="reached", agent="1002",
        last_attempt_us=began_us + int((called - asked + 16) * 1e6), **wish,
    )  # fmt: skip
    return [
        *begun("E", asked - 16, CALLER_E),
        *left("E", "sales", "callback", asked, 15.0),
        (asked, ev.CallbackRequested(interaction="E", **wish)),
        *ended("E", asked, "callback"),
        (called, attempt),
        *begun("E2", called, CALLER_E, direction="callback", agent="1002", number=CALLER_E),
        *answered("E2", "sales", "1002", called + 5, 0.0, callback=True),
        *parted("E2", "sales", "1002", called + 55, talk_s=50.0, wrap_up_s=5.0),
        *ended("E2", called + 55),
        (called + 55, done),
    ]


def f_calls_three_times() -> Story:
    first, second, third = at(25, 3, 0), at(25, 3, 5), at(25, 3, 10, 25)
    return [
        *begun("F1", first - 4, CALLER_F),
        *left("F1", "sales", "short_abandon", first, 3.0),
        *ended("F1", first),
        *begun("F2", second - 31, CALLER_F),
        *left("F2", "sales", "abandoned", second, 30.0),
        *ended("F2", second),
        *begun("F3", third - 26, CALLER_F),
        *answered("F3", "sales", "1002", third, 25.0),
        *parted("F3", "sales", "1002", third + 10, talk_s=10.0),
        *ended("F3", third + 10),
        *classed("F3", "1002", third + 12, ordered=False),
        *classed("F3", "1002", at(25, 11, 0), ordered=True),
    ]


CLOCK_BACK, CLOCK_RIGHT = at(25, 4, 0, 4), at(25, 4, 0, 55)
"Somebody sets the wall clock back by an hour while G waits, and right again after its talk."


def g_while_the_clock_is_set() -> Story:
    talk = at(25, 4, 0, 10)
    return [
        *begun("G", talk - 12),
        *answered("G", "sales", "1002", talk, 10.0),
        *parted("G", "sales", "1002", talk + 40, talk_s=40.0, wrap_up_s=12.0),
        *ended("G", talk + 40),
    ]


KILLED, STARTED_AGAIN = at(25, 5, 1, 0), at(25, 5, 10)
"Between the last record of the first boot and the first one of the second."


def h_and_i_while_the_server_is_killed() -> Story:
    talk = at(25, 5, 0, 5)
    return [
        *begun("H", talk - 6),
        *answered("H", "sales", "1002", talk, 5.0),
        *begun("I", at(25, 5, 0, 49)),
        *entered("I", "sales", at(25, 5, 0, 50)),
        # The last record: it tells how long all that was open surely lasted.
        (KILLED, ev.ClosureChanged(queue="service", closed=False, by="api")),
    ]


def j_own_call() -> Story:
    talk = at(25, 6, 0, 10)
    ours = {"interaction": "J", "agent": "1003", "leg": "J-leg"}
    return [
        *begun("J", talk - 10, "1003", direction="outbound", agent="1003", number=CALLED_BY_J),
        (talk - 9, ev.PartyCalled(interaction="J", leg="J-out", sip_call_id="j",
                                  number=CALLED_BY_J)),
        (talk, ev.PartyAnswered(interaction="J", leg="J-out", ring_s=9.0)),
        (talk, ev.AgentConnected(**ours)),
        *state("1003", "talking", talk, "J"),
        (talk + 100, ev.AgentDisconnected(**ours, talk_s=100.0, hold_s=0.0)),
        (talk + 100, ev.LegEnded(interaction="J", leg="J-out", ended_by="peer")),
        *state("1003", "idle", talk + 100),
        *ended("J", talk + 100),
    ]  # fmt: skip


def k_over_the_next_midnight() -> Story:
    talk = at(25, 23, 0, 5)
    return [
        *begun("K", talk - 12),
        *answered("K", "sales", "1003", talk, 10.0),
        *parted("K", "sales", "1003", talk + 60, talk_s=60.0, wrap_up_s=30.0),
        *ended("K", talk + 60),
    ]


def first_boot() -> Story:
    return [
        *logged_in("1001", at(24, 21, 30)),
        *status("1001", "away", at(25, 0, 40), "meal"),
        *status("1001", "ready", at(25, 1, 10)),
        *logged_out("1001", at(25, 2, 0)),
        *logged_in("1005", at(24, 22, 0)),
        *logged_out("1005", at(25, 2, 0)),
        *logged_in("1002", at(25, 2, 0)),
        *a_over_midnight(),
        *b_handed_on_blindly()[:-1],
        *c_handed_on_after_consultation()[:-1],
        *d_overflows(),
        *e_is_called_back(),
        *f_calls_three_times()[:-1],
        *g_while_the_clock_is_set(),
        *h_and_i_while_the_server_is_killed(),
    ]


def second_boot() -> Story:
    """What comes after the restart, the late and corrected dispositions among it."""
    return [
        *logged_in("1002", STARTED_AGAIN + 1),
        *logged_out("1002", at(25, 6, 0)),
        *logged_in("1003", at(25, 5, 30)),
        *logged_out("1003", at(25, 23, 30)),
        *j_own_call(),
        b_handed_on_blindly()[-1],
        c_handed_on_after_consultation()[-1],
        f_calls_three_times()[-1],
        *k_over_the_next_midnight(),
    ]


# --- the records of it ---


class Clocks:
    """The wall clock, which is set now and then, and each boot's monotonic one."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def wall_us(self) -> int:
        wrong_s = 3600 if CLOCK_BACK <= self.at_s < CLOCK_RIGHT else 0
        return int((EVENING.timestamp() + self.at_s - wrong_s) * 1e6)


def open_journal(folder: Path, clocks: Clocks, boot: str) -> Journal:
    return Journal.open(
        folder, node="node", boot=boot, wall_us=clocks.wall_us, on_alarm=pytest.fail
    )


def write(journal: Journal, clocks: Clocks, story: Story, booted_s: float) -> None:
    for at_s, event in sorted(story, key=lambda pair: pair[0]):
        clocks.at_s = at_s
        journal.append([event], at_s - booted_s)


def write_day(folder: Path) -> Journal:
    """Write the day as two boots of a server do; return the journal, still open."""
    clocks = Clocks()
    journal = open_journal(folder, clocks, "boot-1")
    write(journal, clocks, first_boot(), at(24, 0))
    # Killed: nothing is closed, the next boot finds what was open.
    journal.close()
    journal = open_journal(folder, clocks, "boot-2")
    clocks.at_s = STARTED_AGAIN
    begin_boot(journal, version="1", mono_s=5.0)
    write(journal, clocks, second_boot(), STARTED_AGAIN - 5.0)
    return journal
