"""Who opens a queue or gives a call-back up is on record, and why."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_app_keeper import Boot

from acd.app.waiting_floor import WaitingFloor
from acd.calls import events
from acd.calls.callback import SavedCallback
from acd.web.access import Actor, Order, Role
from acd.web.ports import CommandRefusedError

CHEN = Actor("chen", Role.SUPERVISOR)
WALL_US = round(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1e6)
WISH = SavedCallback(
    callback="i1",
    number="+8613800138000",
    queue="sales",
    category="",
    priority=0,
    language="zh",
    called="4000",
    first_enqueued_us=WALL_US,
    requested_us=WALL_US,
    expires_us=WALL_US + 3_600_000_000,
)


def floor_of(tmp_path: Path) -> tuple[WaitingFloor, list[object]]:
    boot = Boot(tmp_path)
    told: list[object] = []
    boot.centre.call_backs.restore([WISH], 0.0)
    return WaitingFloor(boot.centre, told.extend, lambda: 1.0), told


@pytest.mark.parametrize("queue", ["sales", ""])
def test_who_opens_a_queue_may_say_why(tmp_path: Path, queue: str) -> None:
    floor, told = floor_of(tmp_path)
    floor.close(queue, "typhoon", "chen")
    opened = floor.open(queue, Order(CHEN, "it is over"))
    assert opened == {"queue": queue, "closed": False, "reason": "it is over", "by": "chen"}
    [closed, again] = [one for one in told if isinstance(one, events.ClosureChanged)]
    assert (closed.closed, closed.reason, closed.by) == (True, "typhoon", "chen")
    assert (again.closed, again.reason, again.by) == (False, "it is over", "chen")
    with pytest.raises(CommandRefusedError, match="nobody has closed it"):
        floor.open(queue, Order(CHEN, "again"))


def test_who_gives_a_call_back_up_is_in_the_audit(tmp_path: Path) -> None:
    floor, told = floor_of(tmp_path)
    assert floor.cancel("i1", Order(CHEN, "was here in person"))
    [ended] = [one for one in told if isinstance(one, events.CallbackEnded)]
    assert (ended.outcome, ended.by) == ("cancelled", "chen")
    [audited] = [one for one in told if isinstance(one, events.CommandAudited)]
    assert audited == events.CommandAudited(
        by="chen",
        role="supervisor",
        action="cancel_callback",
        subject="i1",
        before="sales",
        after="cancelled",
        why="was here in person",
    )


def test_what_is_no_call_back_leaves_no_record(tmp_path: Path) -> None:
    floor, told = floor_of(tmp_path)
    assert not floor.cancel("nobody", Order(CHEN, "why not"))
    assert told == []
