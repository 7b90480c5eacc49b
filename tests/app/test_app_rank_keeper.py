"""What was learned of conversion outlives the process without a database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from msgspec import structs

from acd.app.rank_keeper import RankKeeper
from acd.calls import events
from acd.calls.journal import Record
from acd.routing.events import OfferMade
from acd.routing.model import (
    AgentProfile,
    Grade,
    LayerProfile,
    QueueKind,
    QueueProfile,
    Status,
    WaitingCall,
)
from acd.routing.router import Router
from acd.storage.outcomes import SalesOutcome
from acd.storage.outcomes_file import (
    CHUNK,
    FILE,
    KEPT,
    SavedOutcome,
    read_outcomes,
    write_outcomes,
)

SALES = QueueProfile(
    name="sales", kind=QueueKind.SALES, skill="sales", layers=(LayerProfile(name="all"),)
)
AGENT = AgentProfile(number="1001", name="", account="1001", skills={"sales": Grade.A})
ENTERED = events.DispositionEntered(interaction="i", agent="1001", call_class="order")


def router() -> Router:
    return Router(agents=(AGENT,), queues=(SALES,), new_id=lambda: "id")


def keeper_of(folder: Path, ranked: Router) -> RankKeeper:
    return RankKeeper(folder, ranked, wake=lambda: None)


@pytest.mark.asyncio
async def test_outcomes_come_back_and_are_not_counted_twice(tmp_path: Path) -> None:
    former = router()
    for number in range(CHUNK + 3):
        former.record_outcome(
            "1001", "sales", "", f"i{number}", number % 2 == 0, 1e9 + number, amount=100
        )
    keeper = keeper_of(tmp_path, former)
    keeper(Record("n", "b", 1, 0, 0.0, ENTERED))
    await keeper.save()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    later = router()
    assert await keeper_of(tmp_path, later).restore() == CHUNK + 3
    assert later.outcomes() == former.outcomes()
    assert await keeper_of(tmp_path, later).restore() == CHUNK + 3  # as the database will, too
    assert later.outcomes() == former.outcomes()


@pytest.mark.asyncio
async def test_nothing_learned_is_nothing_written(tmp_path: Path) -> None:
    await keeper_of(tmp_path, router()).save()
    assert not (tmp_path / FILE).exists()
    assert await keeper_of(tmp_path, router()).restore() == 0


@pytest.mark.asyncio
async def test_a_corrupt_file_is_said_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense")
    with structlog.testing.capture_logs() as logs:
        assert await keeper_of(tmp_path, router()).restore() == 0
    assert [line["event"] for line in logs] == ["outcomes_not_read"]


def test_the_newest_are_kept(tmp_path: Path) -> None:
    many = [SavedOutcome(f"i{n}", "1001", "sales", "", True, float(n)) for n in range(KEPT + 1)]
    write_outcomes(tmp_path, many)
    back = [one for chunk in read_outcomes(tmp_path) for one in chunk]
    assert len(back) == KEPT
    assert (back[0], back[-1]) == (many[1], many[-1])


@pytest.mark.asyncio
async def test_what_a_former_start_kept_from_ahead_does_not_count_and_is_said(
    tmp_path: Path,
) -> None:
    right = [SavedOutcome(f"i{n}", "1001", "sales", "", n < 9, 1e9 + n) for n in range(10)]
    slip = [SavedOutcome(f"s{n}", "1001", "sales", "", False, 2e9 + n) for n in range(5)]
    write_outcomes(tmp_path, [*right[:5], *slip, *right[5:]])
    later = Router(
        agents=(AGENT,), queues=(SALES,), new_id=lambda: "id", wall_s=lambda: 1e9 + 86_400
    )

    async def recorded() -> AsyncIterator[list[SalesOutcome]]:
        yield [SalesOutcome("1001", "sales", "", "s0", False, 2e9, None, "")]

    with structlog.testing.capture_logs() as logs:
        await keeper_of(tmp_path, later).learn(recorded())
    assert [interaction for interaction, _ in later.outcomes()] == [f"i{n}" for n in range(10)]
    said = [line for line in logs if line["event"] == "outcomes_dated_ahead"]
    assert [line["outcomes"] for line in said] == [6]


@pytest.mark.asyncio
async def test_the_first_call_after_a_restart_is_decided_by_all_that_was_learned(
    tmp_path: Path,
) -> None:
    """One agent sold five of five, which counts for little where all others sell one in five."""
    numbers = [f"{1001 + index}" for index in range(20)]
    agents = [structs.replace(AGENT, number=number, account=number) for number in numbers]
    by_rank = structs.replace(SALES, layers=(LayerProfile(name="all", order="conversion"),))
    later = Router(agents=agents, queues=(by_rank,), new_id=lambda: "id")
    lucky, proven, *others = numbers
    told = {lucky: (5, 5), proven: (55, 100), **dict.fromkeys(others, (20, 100))}
    outcomes = [
        SavedOutcome(f"{number} {n}", number, "sales", "", n < orders, 1e9)
        for number, (orders, calls) in told.items()
        for n in range(calls)
    ]
    write_outcomes(tmp_path, outcomes)
    woken = []

    async def recorded() -> AsyncIterator[list[SalesOutcome]]:
        for each in ():
            yield each

    keeper = RankKeeper(tmp_path, later, wake=lambda: woken.append(later.next_deadline()))
    await keeper.learn(recorded())
    now = asyncio.get_running_loop().time()
    assert woken
    assert woken[0] <= now, "due at once"
    while (due_at := later.next_deadline()) <= now + 1.0:
        later.on_time(due_at)
    for number in (lucky, proven):
        later.set_reachable(number, True, now)
        later.set_status(number, Status.READY, "", "agent", now)
    call = WaitingCall(call="c", interaction="c", queue="sales", enqueued_at=now)
    [made] = [one for one in later.enqueue(call, now) if isinstance(one, OfferMade)]
    assert made.agent == proven
    assert later.next_deadline() > now + 1.0, "nothing is left to be fitted"
