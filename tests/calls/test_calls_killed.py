"""The server is killed in the midst of it: the next start closes every record."""

import pytest
from calls_stage import Stage
from test_calls_callbacks import started
from test_calls_transfer_party import PLAN

from acd.calls import cdr_rows, events
from acd.calls.cdr import Fold
from acd.calls.cdr_recovery import recover
from acd.calls.effects import Effects
from acd.calls.journal import Record
from acd.sip import events as sip


def consultation(number: str, *, swapped: bool) -> Effects:
    """An agent asks a colleague, or the other line, and hands the caller on; all that happens."""
    stage = Stage(dial_plan=PLAN)
    stage.registers("1001", "1005")
    caller, phone = stage.talk("4001", "1001")
    stage.holds(phone)
    own = stage.calls(number, account="phone1001")
    stage.answers(stage.ringing("1005") if number == "4002" else stage.party())
    legs = (own, phone) if swapped else (phone, own)
    stage.refers(legs[0], replaces=legs[1])
    if not swapped:
        stage.hangs_up(phone)
    stage.hangs_up(caller)
    stage.wait(30)
    return stage.log


def call_back() -> Effects:
    """A customer who is busy first and answers then."""
    desk = started()
    desk.ready()
    desk.answers(desk.ringing("1001"))
    desk.on_sip(sip.LegFailed(desk.customer(), 486, ""))
    desk.wait(300)
    desk.answers(desk.ringing("1001"))
    customer = desk.customer()
    desk.answers(customer)
    desk.hangs_up(customer)
    return desk.log


@pytest.mark.parametrize(
    "log",
    [
        *(consultation(number, swapped=end) for number in ("1005", "4002") for end in (0, 1)),
        call_back(),
    ],
)
def test_nothing_stays_open_wherever_the_kill_comes(log: Effects) -> None:
    told = [effect for effect in log if isinstance(effect, events.Event)]
    records = [Record("n", "b1", i, 1_000_000 * i, float(i), told[i]) for i in range(len(told))]
    for cut in range(1, len(records) + 1):
        died = records[:cut]
        closing = recover(died)
        after = [
            Record("n", "b2", i, 1_000_000 * (cut + i), float(i), event)
            for i, event in enumerate([events.ServerStarted(version="1"), *closing])
        ]
        fold = Fold()
        rows = [row for record in (*died, *after) for row in fold.apply(record)]
        assert (fold.open_calls, fold.strays, fold.open_rows()) == (0, 0, []), told[cut - 1]
        last = {row.visit: row for row in rows if isinstance(row, cdr_rows.QueueVisit)}
        assert all(row.outcome != "waiting" for row in last.values()), told[cut - 1]
        ended = [event.reason for event in closing if isinstance(event, events.CallEnded)]
        assert set(ended) <= {"restart"}
        assert recover([*died, *after]) == []
