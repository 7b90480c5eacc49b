"""Loss in dialling: the database's sums are the library's, and the report is what happened."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from kpi_histories import Loader, clear
from msgspec import Struct
from storage_site import START_US, Site, ship

from acd.app.reporting import REPORTS
from acd.calls import cdr_rows as cdr
from acd.calls import events as ev
from acd.calls.dial_plan import DialPlan
from acd.calls.effects import Effects
from acd.config import load_config
from acd.media import events as media_in
from acd.reports.cut import Cut
from acd.reports.dialling import dialled, dialling_lines
from acd.reports.report import Report, Value
from acd.reports.request import Period, Request, RequestError, microseconds
from acd.routing.model import Status
from acd.routing.waiting_rules import CallbackRules, Exit, First, WaitingRules
from acd.sip import events as sip
from acd.storage.cuts import Cutting
from acd.storage.database import Writer
from acd.storage.dialling import dialling_sums
from tests.calls.calls_stage import EVENTS, OFFER, WALL, Stage, queue

ROOT = Path(__file__).parents[2]
BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 10, 24, tzinfo=BERLIN)
FROM, TO = BEGIN + timedelta(days=1), BEGIN + timedelta(days=14)
"Over the end of summer time, and of a month."

SECOND = 1_000_000

# --- SQL and library ---


class Visited(Struct, frozen=True):
    """A visit of an attempt, by seconds since its begin."""

    entered_s: float
    outcome: str
    waited_s: float | None


class Attempt(Struct, frozen=True):
    """An attempt and all that was recorded of it."""

    hour: int
    direction: str
    project: str
    wish: str | None
    "Queue of the wish; None: its row is gone."

    answered_s: float | None
    over: bool
    ended_by: str
    reason: str
    visits: tuple[Visited, ...]


moments = st.sampled_from([0.0, 19.5, 20.0, 20.000_001, 21.0, 22.0, 22.5, 80.0])
visits = st.builds(
    Visited,
    moments,
    st.sampled_from(["answered", "answered", "abandoned", "overflowed", "waiting"]),
    st.sampled_from([None, 0.0, 1.0, 2.0, 2.000_001, 30.0]),
)
attempts = st.builds(
    Attempt,
    st.integers(0, 15 * 24),
    st.sampled_from(["callback", "callback", "callback", "inbound", "outbound"]),
    st.sampled_from(["main", "shop"]),
    st.sampled_from(["sales", "service", None]),
    st.sampled_from([None, 20.0, 20.0]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from(["caller", "called", "agent", "system", "fault"]),
    st.sampled_from(["hangup", "busy", "no_answer", "rejected", "call_failed", "restart"]),
    st.lists(visits, max_size=3).map(tuple),
)
cuts = st.tuples(
    st.sampled_from([*Period]),
    st.sampled_from([(), ("queue",), ("project",), ("project", "queue")]),
    st.sampled_from([{}, {"queue": "sales"}, {"queue": ""}, {"project": "shop"}]),
    st.sampled_from([0.0, 2.0, 2.0, 25.0]),
)


def rows_of(number: int, attempt: Attempt, hour: int) -> list[cdr.Row]:
    """Its rows, at that hour. Every second one is a further attempt of the wish before."""
    wish, start = f"w{number // 2}", microseconds(BEGIN) + hour * 3600 * SECOND + number
    home = {"interaction": wish, "started_us": start, "project": attempt.project}

    def at(after_s: float) -> int:
        return start + round(after_s * SECOND)

    texts = ("node", "boot", "agent", "number", "caller", "caller_name", "called", "account")
    rows: list[cdr.Row] = [
        cdr.Interaction(
            **home,
            **dict.fromkeys((*texts, "peer", "sip_call_id"), ""),
            direction=attempt.direction,
            answered_us=None if attempt.answered_s is None else at(attempt.answered_s),
            ended_us=at(90) if attempt.over else None,
            ended_by=attempt.ended_by if attempt.over else "",
            reason=attempt.reason if attempt.over else "",
        )
    ]
    rows += [
        cdr.QueueVisit(
            **home,
            visit=f"v{index}",
            queue="vip",
            kind="sales",
            priority=0,
            category="",
            entered_us=at(one.entered_s),
            outcome=one.outcome,
            waited_s=one.waited_s,
            waited_before_s=0.0,
            short_abandon_s=5.0,
            service_level_s=20.0,
            callback=True,
        )
        for index, one in enumerate(attempt.visits)
    ]
    if attempt.wish is not None and number % 2 == 0:
        rows.append(
            cdr.Callback(
                callback=wish,
                started_us=start - 3 * 86_400 * SECOND,
                project=attempt.project,
                queue=attempt.wish,
                number="+8613800138000",
                first_enqueued_us=start,
            )
        )
    return rows


def of(rows: list[cdr.Row], kind: type) -> list[Any]:
    return [row for row in rows if isinstance(row, kind)]


def test_sql_and_library_count_alike(dsn: str) -> None:
    with asyncio.Runner() as runner:
        writer = runner.run(Writer.connect(dsn, journal="j", node="n"))
        connection = runner.run(asyncpg.connect(dsn))

        async def asked(rows: list[cdr.Row], cutting: Cutting, within_s: float) -> Any:
            await clear(connection)
            await Loader(writer).load(rows)
            return await dialling_sums(connection, cutting, within_s=within_s)

        @settings(
            max_examples=60,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
        )
        @given(st.lists(attempts, max_size=12), cuts)
        def check(told: list[Attempt], cut: Any) -> None:
            period, by, only, within_s = cut
            rows = []
            for number, one in enumerate(told):
                # Within three days of the former one, and that within three of the wish.
                hour = told[number - 1].hour + one.hour % 72 if number % 2 else one.hour
                rows += rows_of(number, one, hour)
            cutting = Cutting(
                from_at=FROM.astimezone(UTC),
                to_at=TO.astimezone(UTC),
                zone=BERLIN,
                period=period,
                by=by,
                only=only,
            )
            pure = Cut(
                from_us=microseconds(FROM),
                to_us=microseconds(TO),
                timezone=BERLIN.key,
                period=period,
                by=by,
            )
            kinds = (cdr.Interaction, cdr.QueueVisit, cdr.Callback)
            found = runner.run(asked(rows, cutting, within_s))
            wanted = dialling_lines(
                dialled(*(of(rows, kind) for kind in kinds)), pure, only=only, within_s=within_s
            )
            assert found.keys() == wanted.keys()
            for place, sums in found.items():
                assert sums.wait_s == pytest.approx(wanted[place].wait_s)
                assert plain(sums) == plain(wanted[place])

        check()
        runner.run(connection.close())
        runner.run(writer.__aexit__(None, None, None))


def plain(sums: Any) -> dict[str, int]:
    names = sums.__struct_fields__
    return {name: getattr(sums, name) for name in names if name != "wait_s"}


CALLS, ONE_IN = 20_000, 100
FILL = (
    f"""
    INSERT INTO interactions (started_at, interaction, node, boot, direction, agent, number,
        caller, caller_name, called, account, peer, sip_call_id, flow, answered_at, ended_at,
        duration_s, ended_by, reason, sip_status)
    SELECT at, n::text, 'n', 'b', CASE n % {ONE_IN} WHEN 0 THEN 'callback' ELSE 'inbound' END,
        '', '', '', '', '', '', '', '', '', at, at, 1, 'caller', 'hangup', 0
    FROM generate_series(1, {CALLS}) n,
        LATERAL (SELECT timestamptz '2026-10-31 00:00Z' + n * interval '7 s') t (at)
    """,
    """
    INSERT INTO queue_visits (started_at, interaction, visit, queue, kind, priority, category,
        entered_at, left_at, outcome, waited_s, waited_before_s, short_abandon_s, service_level_s,
        agent)
    SELECT started_at, interaction, interaction, 'sales', 'sales', 0, '', started_at, started_at,
        'answered', 1, 0, 5, 20, '1001'
    FROM interactions
    """,
)


def test_no_call_is_read_that_is_no_call_back(dsn: str) -> None:
    async def read() -> tuple[int, dict[str, int]]:
        connection = await asyncpg.connect(dsn)
        await connection.execute("SELECT ensure_month($1)", FROM.date().replace(day=1))
        await connection.execute("SELECT ensure_month($1)", TO.date().replace(day=1))
        for statement in FILL:
            await connection.execute(statement)
        await connection.execute("ANALYZE")
        await connection.close()
        connection = await asyncpg.connect(dsn)  # what was read before is not counted in it
        cutting = Cutting(from_at=FROM, to_at=TO, zone=BERLIN, by=("queue",))
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found = await dialling_sums(connection, cutting)
            rows = await connection.fetch(
                "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS read"
                " FROM pg_stat_xact_user_tables"
            )
        await connection.close()
        attempts = sum(sums.attempts for sums in found.values())
        return attempts, {row["relname"]: row["read"] for row in rows if row["read"]}

    attempts, found = asyncio.run(read())
    assert attempts == CALLS // ONE_IN
    assert {name.rpartition("_")[0] for name in found} == {"interactions", "queue_visits"}
    # The planner looks at an end of the index, too.
    assert sum(found.values()) <= 2 * attempts + 20


# --- the whole way: the call centre, its journal, the shipper, the report ---

NUMBERS = ("+8613800138001", "+8613800138002", "+8613800138003", "+8613800138004")


class Floor(Stage):
    """A centre that calls back customer first in sales, agent first in service."""

    def __init__(self) -> None:
        self.story: list[tuple[float, ev.Event]] = []

        def waiting(first: First) -> WaitingRules:
            rules = CallbackRules(hours=Always(), first=first, attempts=1, retry_pause_s=300.0)
            return WaitingRules(exits={"1": Exit(callback=True)}, callback=rules)

        super().__init__(
            queues=(
                queue("sales", waiting=waiting(First.CUSTOMER), wrap_up_s=0.0),
                queue("service", waiting=waiting(First.AGENT), wrap_up_s=0.0),
            ),
            dial_plan=DialPlan(trunks=("carrier",)),
        )
        self.registers("1001", "1005")

    def take(self, effects: Effects | None) -> Effects:
        told = super().take(effects)
        events = [cast("ev.Event", one) for one in told if type(one) in EVENTS]
        self.story += [(self.now, event) for event in events]
        return told

    def status_of(self, agent: str, status: Status) -> None:
        self.take(self.centre.set_status(agent, status, "", "agent", self.now))

    def called_back(self, number: str, to: str, agent: str) -> str:
        """Let a caller ask for it, and the turn come; the leg of the customer, or the agent."""
        self.status_of(agent, Status.AWAY)
        leg = self.dials(to, caller=number)
        self.on_media(media_in.StreamOpened(leg, OFFER))
        self.presses(leg, "1")
        if any(call.leg == leg for call in self.centre.calls):
            self.hangs_up(leg)
        self.wait(30)
        self.status_of(agent, Status.READY)
        return self.customer() if to == "4001" else self.ringing(agent)

    def customer(self) -> str:
        leg = next(one.leg for one in reversed(list(self.centre.calls)) if one.back is not None)
        self.on_media(media_in.StreamOpened(leg, OFFER))
        return leg

    def taken_after(self, customer: str, wait_s: float) -> None:
        """The customer answers, an agent's phone rings and is picked up, they talk."""
        self.wait(6)
        self.answers(customer)
        phone = self.ringing("1001")
        self.wait(wait_s)
        self.answers(phone)
        self.wait(30)
        self.hangs_up(customer)


class Always:
    """Opening hours."""

    def is_open(self, _: datetime) -> bool:
        return True


def day_of_call_backs() -> list[tuple[float, ev.Event]]:
    """One is taken in time, one late, one never; one is busy; one has the agent first."""
    floor = Floor()
    in_time, late, never, busy = NUMBERS
    floor.taken_after(floor.called_back(in_time, "4001", "1001"), 1.5)
    floor.taken_after(floor.called_back(late, "4001", "1001"), 2.5)
    customer = floor.called_back(never, "4001", "1001")
    floor.status_of("1001", Status.AWAY)
    floor.answers(customer)
    floor.wait(10)
    floor.hangs_up(customer)
    floor.on_sip(sip.LegFailed(floor.called_back(busy, "4001", "1001"), 486, ""))
    # The agent picks up after 5 s, the customer's phone rings for 12 s more.
    phone = floor.called_back(in_time, "4002", "1005")
    floor.wait(5)
    floor.answers(phone)
    customer = floor.customer()
    floor.wait(12)
    floor.answers(customer)
    floor.wait(30)
    floor.hangs_up(phone)
    floor.check_over()
    return floor.story


def test_call_backs_of_a_centre_in_the_report(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    # By the wall clock that the stage tells the time of wishes by.
    since_s = WALL.timestamp() - START_US / 1e6 - Floor().now
    site.write((since_s + at_s, event) for at_s, event in day_of_call_backs())
    asyncio.run(ship(site, dsn))
    site.journal.close()
    sales, service = asked_for(dsn)
    assert (
        sales.items()
        >= {
            "queue": "sales",
            "attempts": 4,
            "dialled": 4,
            "busy": 1,
            "live_answers": 3,
            "taken_in_time": 1,
            "taken_late": 1,
            "never_taken": 1,
            "lost": 2,
            "loss_rate": 2 / 3,
            "average_wait_s": 2.0,
        }.items()
    )
    assert (
        service.items()
        >= {
            "queue": "service",
            "live_answers": 1,
            "taken_in_time": 1,
            "loss_rate": 0.0,
            "average_wait_s": 0.0,
        }.items()
    )
    sales, _ = asked_for(dsn, options={"within_s": "3"})
    assert (sales["taken_in_time"], sales["loss_rate"]) == (2, 1 / 3)
    (service,) = asked_for(dsn, only={"queue": "service"}, by=("project",), period=Period.DAY)
    assert (service["project"], service["attempts"]) == ("main", 1)


@pytest.mark.parametrize("within_s", ["-1", "soon", "nan", "61"])
def test_a_limit_that_is_none_is_told(dsn: str, within_s: str) -> None:
    with pytest.raises(RequestError, match="expected seconds from 0 to 60"):
        asked_for(dsn, options={"within_s": within_s})


def asked_for(dsn: str, **wanted: Any) -> list[Mapping[str, Value]]:
    day = WALL.astimezone(SHANGHAI).date()
    fields = {"first": day, "last": day, "zone": SHANGHAI} | wanted

    async def ask() -> Report:
        connection = await asyncpg.connect(dsn)
        try:
            config = load_config(ROOT / "config")
            return await REPORTS["dialling"](connection, config, Request(**fields))
        finally:
            await connection.close()

    report = asyncio.run(ask())
    names = [column.name for column in report.columns]
    return [dict(zip(names, row, strict=True)) for row in report.rows]
