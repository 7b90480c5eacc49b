"""Closed queues stay closed over a restart, and the file follows every change."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from test_app_keeper import Boot

from acd.app.standing import StandingOrders
from acd.calls.closures import EVERY_QUEUE
from acd.calls.effects import Effects
from acd.calls.journal import Record
from acd.calls.steering import Steering
from acd.routing.activation import SwitchedGroup
from acd.storage.standing import FILE, Standing, StandingError, read_standing, write_standing


def begin(folder: Path) -> tuple[Boot, StandingOrders]:
    boot = Boot(folder)
    orders = StandingOrders(folder, boot.centre, boot.router)
    orders.restore(0.0)
    return boot, orders


def tell(orders: StandingOrders, effects: Effects | None) -> None:
    for effect in effects or []:
        if type(effect) in StandingOrders.KINDS:
            orders(Record("n", "b", 1, 0, 0.0, effect))


def steer(boot: Boot, act: Callable[[Steering], object]) -> Effects:
    return boot.centre.steer(act, boot.now())[0]


@pytest.mark.asyncio
async def test_closed_by_a_person_closed_after_a_restart(tmp_path: Path) -> None:
    boot, orders = begin(tmp_path)
    tell(orders, boot.centre.close_queue(EVERY_QUEUE, "fire", "chen", boot.now()))
    await orders.save()
    again, orders = begin(tmp_path)
    closure = again.centre.closures.of("any")
    assert closure is not None
    assert (closure.reason, closure.by) == ("fire", "chen")
    tell(orders, again.centre.open_queue(EVERY_QUEUE, "chen"))
    await orders.save()
    third, _ = begin(tmp_path)
    assert third.centre.closures.of("any") is None


@pytest.mark.asyncio
@pytest.mark.parametrize("on", [True, False])
async def test_a_group_is_as_a_person_switched_it_after_a_restart(
    tmp_path: Path, on: bool
) -> None:
    boot, orders = begin(tmp_path)
    tell(orders, steer(boot, lambda s: s.activate_group("sales", "mobile", True, "chen")))
    if not on:
        tell(orders, steer(boot, lambda s: s.activate_group("sales", "mobile", False, "lin")))
    await orders.save()
    again, _ = begin(tmp_path)
    assert again.router.active_groups("sales") == ({"mobile": "chen"} if on else {})


@pytest.mark.asyncio
async def test_a_group_that_nobody_names_any_more_is_passed_over(tmp_path: Path) -> None:
    said = SwitchedGroup(queue="sales", group="leaders", on=True, by="chen")
    elsewhere = SwitchedGroup(queue="nowhere", group="mobile", on=True, by="chen")
    write_standing(tmp_path, Standing(groups=(said, elsewhere)))
    boot, _ = begin(tmp_path)
    assert boot.router.active_groups("sales") == {}


@pytest.mark.asyncio
async def test_changes_in_a_burst_leave_the_last_one_in_the_file(tmp_path: Path) -> None:
    boot, orders = begin(tmp_path)
    for number in range(20):
        tell(orders, boot.centre.close_queue(EVERY_QUEUE, f"reason {number}", "chen", boot.now()))
        await asyncio.sleep(0)
    await orders.save()
    assert [one.reason for one in read_standing(tmp_path).closures] == ["reason 19"]


def test_a_file_that_cannot_be_read_is_no_open_house(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"rubbish")
    with pytest.raises(StandingError):
        begin(tmp_path)
