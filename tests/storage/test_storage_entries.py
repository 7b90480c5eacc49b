"""Orders, classes, answers and outcomes by HTTP: real client, real journal, real Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from storage_site import LIMIT_S, START_US, Site, fetch
from test_storage_orders import DAY_S, sold

from acd.app.database import Database
from acd.app.entries import Entries, Surroundings
from acd.app.handled_calls import HandledCalls
from acd.app.order_outcomes import OrderOutcomes
from acd.calls import events as ev
from acd.calls.centre import CallCentre
from acd.calls.effects import Effects
from acd.calls.numbers import NumberPlan
from acd.calls.settings import CentreSettings
from acd.config.reasons import Category, Reasons
from acd.ivr.book import FlowBook
from acd.routing.model import AgentProfile, Grade, LayerProfile, QueueKind, QueueProfile
from acd.routing.router import Router
from acd.storage.entry_keys import KeyBook
from acd.storage.outcomes import SalesOutcome
from acd.storage.upkeep import Kept
from acd.web.access import Actor, Role
from acd.web.app import WebServer, build_app
from acd.web.ports import AuditWish, WebServices

ACTORS = {
    "shop": Actor("shop", Role.INTEGRATION),
    "wang": Actor("wang", Role.AGENT, "1001"),
    "qa": Actor("qa", Role.ANALYST),
    "li": Actor("li", Role.SUPERVISOR),
}
AGENTS = tuple(
    AgentProfile(number=number, name="", account=number, skills={"sales": Grade.A})
    for number in ("1001", "1002")
)
SALES = QueueProfile(
    name="sales",
    skill="sales",
    kind=QueueKind.SALES,
    layers=(LayerProfile(name="all", order="longest_idle"),),
)
CONFIG = SimpleNamespace(
    reasons=Reasons(categories=(Category(code="health", name="保健"),)),
)
ORDER = {"order_id": "A1", "state": "placed", "interaction": "call"}
SHANGHAI = ZoneInfo("Asia/Shanghai")


class House:
    """What of the server takes entries; calls are events that the test writes."""

    def __init__(self, folder: Path, dsn: str) -> None:
        ids = count(1)
        self.site = Site(folder / "journal")
        self.dsn = dsn
        self.writable = True
        self.router = Router(agents=AGENTS, queues=(SALES,), new_id=lambda: f"id{next(ids)}")
        centre = CallCentre(
            router=self.router,
            agents=AGENTS,
            queues=(SALES,),
            numbers=NumberPlan(targets={}),
            flows=FlowBook(),
            settings=CentreSettings(),
            new_id=lambda: f"id{next(ids)}",
            wall=lambda: datetime(2026, 9, 21, tzinfo=UTC),
        )
        self.database = Database(dsn, folder, self.site.journal, Kept(), "UTC")
        self.calls = HandledCalls(
            centre.desk,
            handlings=self.database.handlings,
            orders=self.database.order_homes,
            wall_s=self.wall_s,
        )
        self.learned = asyncio.Event()
        self.outcomes = OrderOutcomes(self.router, self.ask, settle_s=0.0)
        self.keys = KeyBook(folder, self.wall_s)
        self.keys.open()
        self.entries = Entries(
            Surroundings(
                centre=centre,
                calls=self.calls,
                keys=self.keys,
                config=lambda: cast("Any", CONFIG),
                zone=SHANGHAI,
                carry_out=self.carry_out,
                writable=lambda: self.writable,
                wall_s=self.wall_s,
            )
        )

    async def ask(
        self, calls: Iterable[str], orders: Iterable[str]
    ) -> AsyncIterator[list[SalesOutcome]]:
        async for outcomes in self.database.outcomes_of(calls, orders):
            yield outcomes
        self.learned.set()

    def wall_s(self) -> float:
        return START_US / 1e6 + self.site.at_s

    def carry_out(self, effects: Effects) -> None:
        told = [effect for effect in effects if isinstance(effect, ev.Event)]
        for record in self.site.journal.append(told, self.site.at_s):
            for subscriber in (self.outcomes, self.calls):
                if type(record.event) in subscriber.KINDS:
                    subscriber(record)

    def happens(self, timed: list[tuple[float, ev.Event]]) -> None:
        self.site.write(timed)

    async def records(self, query: str) -> list[tuple]:
        """Ask the tables, which hold all that is journalled by then."""
        async with asyncio.timeout(LIMIT_S):
            await self.database._shipper.drain()
            return [tuple(row) for row in await fetch(self.dsn, query)]


class Client:
    """Posts entries by one of the tokens."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.replayed = False

    async def post(
        self, path: str, body: dict[str, object], *, by: str = "shop", key: str = ""
    ) -> dict[str, Any]:
        status, answer = await self.try_post(path, body, by=by, key=key)
        assert status == 200, answer
        return answer

    async def refused(
        self, path: str, body: dict[str, object], *, by: str = "shop", key: str = ""
    ) -> tuple[int, str, str]:
        """Return status, code and field of an entry that is not taken."""
        status, answer = await self.try_post(path, body, by=by, key=key)
        assert status != 200, answer
        return status, answer["error"]["code"], answer["error"]["field"] or ""

    async def try_post(
        self, path: str, body: dict[str, object], *, by: str, key: str
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {by}"} | ({"Idempotency-Key": key} if key else {})
        async with self.session.post(path, json=body, headers=headers) as answer:
            self.replayed = "Idempotency-Replayed" in answer.headers
            return answer.status, await answer.json()


@asynccontextmanager
async def serving(house: House, *, database: bool = True) -> AsyncIterator[Client]:
    services = SimpleNamespace(token="", named_token=ACTORS.get, entries=house.entries, moves=None)
    server = WebServer(build_app(cast("WebServices", services)))
    await server.start("127.0.0.1", 0)
    tasks = [asyncio.create_task(house.outcomes.run())]
    if database:
        tasks.append(asyncio.create_task(house.database.run()))
    host, port = server.bound_address()
    try:
        async with (
            asyncio.timeout(LIMIT_S),
            aiohttp.ClientSession(f"http://{host}:{port}") as session,
        ):
            yield Client(session)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()
        house.keys.close()
        house.site.journal.close()


async def eventually(house: House, *, ordered: bool) -> None:
    """Wait until the router knows this of the one call."""
    async with asyncio.timeout(LIMIT_S):
        while [one.success for _, one in house.router.outcomes()] != [ordered]:
            await house.learned.wait()
            house.learned.clear()


@pytest.mark.asyncio
async def test_an_order_from_call_to_cancellation(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        house.happens(sold("call"))
        await house.records("SELECT 1")
        house.site.at_s = 2 * DAY_S  # the call is long over, and known from the records alone
        placed = await client.post("/api/orders", {**ORDER, "amount": 19900, "currency": "CNY"})
        assert placed == {
            "order_id": "A1",
            "state": "placed",
            "interaction": "call",
            "agent": "1001",
            "queue": "sales",
            "category": "health",
            "amount": 19900,
            "currency": "CNY",
            "at": "2026-09-23T22:13:20+08:00",
        }
        await eventually(house, ordered=True)
        # Later states come with the number alone, and with their own time.
        await house.records("SELECT 1")
        change = {"order_id": "A1", "state": "cancelled", "at": "2026-09-23T12:00:00Z"}
        cancelled = await client.post("/api/orders", change)
        assert (cancelled["interaction"], cancelled["agent"]) == ("call", "1001")
        query = "SELECT state, entered_by FROM order_events ORDER BY at"
        assert await house.records(query) == [("cancelled", "shop"), ("placed", "shop")]
        await eventually(house, ordered=True)  # cancelled before it was placed: ordered anew
        house.site.at_s += 3600
        await client.post("/api/orders", {"order_id": "A1", "state": "cancelled"})
        await eventually(house, ordered=False)


@pytest.mark.asyncio
async def test_a_key_is_used_once_over_restarts(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    house.happens(sold("call"))
    async with serving(house) as client:
        await house.records("SELECT 1")
        first = await client.post("/api/orders", ORDER, key="k1")
        assert not client.replayed
        house.site.at_s += 10
        assert await client.post("/api/orders", {**ORDER, "key": "k1"}) == first
        assert client.replayed
        other = {**ORDER, "state": "signed"}
        assert await client.refused("/api/orders", other, key="k1") == (409, "key_reused", "key")
        assert (await client.post("/api/csat", {"interaction": "call", "score": 5}, key="k1"))[
            "score"
        ] == 5  # keys of answers are not those of orders
        both = {**ORDER, "key": "k2"}
        assert (await client.refused("/api/orders", both, key="k1"))[2] == "key"
        assert await house.records("SELECT count(*) FROM order_events") == [(1,)]
    house.keys = KeyBook(tmp_path, house.wall_s)
    house.keys.open()
    used = house.keys.find("orders k1")
    assert used is not None
    assert b'"A1"' in bytes(used.answer)
    house.keys.close()
    house.site.at_s += 9 * DAY_S
    house.keys.open()
    house.keys = KeyBook(tmp_path, house.wall_s)
    house.keys.open()
    assert house.keys.find("orders k1") is None


@pytest.mark.asyncio
async def test_a_class_told_days_later_replaces_the_agents_own(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        own = ev.DispositionEntered(
            interaction="call", agent="1001", queue="sales", call_class="inquiry"
        )
        house.happens([*sold("call"), (65.0, own)])
        await house.records("SELECT 1")
        house.site.at_s = DAY_S
        entry = {"interaction": "call", "class": "order", "order_id": "A1", "solved": True}
        told = await client.post("/api/dispositions", entry | {"why": "heard"}, by="li")
        assert (told["agent"], told["queue"], told["ordered"]) == ("1001", "sales", True)
        query = "SELECT call_class, category, ordered, solved, entered_by FROM dispositions"
        assert await house.records(query) == [("order", "health", True, True, "li")]
        audit = "SELECT changed_by, action, subject, value_before, value_after, why FROM audit"
        assert await house.records(audit) == [
            ("li", "disposition", "call 1001", "inquiry", "order health A1 solved", "heard")
        ]
        await eventually(house, ordered=True)


@pytest.mark.asyncio
async def test_answers_and_outcomes(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        house.happens(sold("call"))
        await house.records("SELECT 1")
        asked = {"interaction": "call", "channel": "sms"}
        assert (await client.post("/api/csat", asked))["score"] is None
        await client.post("/api/csat", asked | {"score": 4, "comment": "好"})
        query = "SELECT answered, score, comment, channel, agent, queue FROM csat_answers"
        assert await house.records(query) == [(True, 4, "好", "sms", "1001", "sales")]
        matter = {"interaction": "call", "state": "solved", "ticket": "T9"}
        await client.post("/api/matters", matter)
        await client.post("/api/matters", matter | {"state": "reopened"})
        assert await house.records("SELECT ticket, solved FROM matter_outcomes") == [("T9", False)]


AUDIT = """
SELECT changed_by, role, action, subject, value_before, value_after
FROM audit ORDER BY started_at, seq
"""


@pytest.mark.asyncio
async def test_who_told_what_is_on_record_once_per_post(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        house.happens(sold("call"))
        await house.records("SELECT 1")
        priced = {**ORDER, "amount": 123456700, "currency": "CNY"}
        for _ in range(2):  # the second is answered out of the keys, and tells nothing
            await client.post("/api/orders", priced, key="k1")
        await client.post("/api/orders", {"order_id": "A2", "state": "signed"}, by="li")
        own = {**ORDER, "order_id": "A3"}
        await client.post("/api/orders", own, by="wang")  # pay depends on it: agents' own, too
        csat = {"interaction": "call", "question": "tone", "channel": "sms"}
        await client.post("/api/csat", csat)
        await client.post("/api/csat", csat | {"score": 4, "comment": "call me: 13812345678"})
        await client.post(
            "/api/matters", {"interaction": "call", "state": "solved", "ticket": "T9"}
        )
        assert await house.records(AUDIT) == [
            ("shop", "integration", "order", "A1 call 1001", "", "placed health 1,234,567.00 CNY"),
            ("li", "supervisor", "order", "A2", "", "signed"),
            ("wang", "agent", "order", "A3 call 1001", "", "placed health"),
            ("shop", "integration", "csat", "call tone", "", "asked sms"),
            ("shop", "integration", "csat", "call tone", "", "4 (1-5) sms"),
            ("shop", "integration", "matter", "call T9", "", "solved"),
        ]


@pytest.mark.asyncio
async def test_a_class_that_is_replaced_stands_in_the_audit(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        house.happens(sold("call"))
        await house.records("SELECT 1")
        entry: dict[str, object] = {"interaction": "call"}
        # The second finds the first one among the latest events, before it is in the tables.
        await client.post("/api/dispositions", entry | {"class": "inquiry"}, by="wang")
        worth = {"class": "order", "order_id": "A1", "amount": 500, "currency": "JPY"}
        await client.post("/api/dispositions", entry | worth, by="li")
        await house.records("SELECT 1")
        again = HandledCalls(
            cast("Any", SimpleNamespace()),
            handlings=house.database.handlings,
            orders=house.database.order_homes,
            wall_s=house.wall_s,
        )
        found = await again.find("call", "1001")
        assert again.classed("call", "1001", found) == "order health A1"
        await client.post(
            "/api/dispositions", entry | {"class": "other", "solved": False}, by="li"
        )
        query = "SELECT changed_by, value_before, value_after FROM audit ORDER BY started_at, seq"
        assert await house.records(query) == [
            ("wang", "", "inquiry health"),
            ("li", "inquiry health", "order health A1 500 JPY"),
            ("li", "order health A1", "other health unsolved"),
        ]


@pytest.mark.asyncio
async def test_the_audit_is_read_by_who_what_and_of_what(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        house.happens(sold("call"))
        await house.records("SELECT 1")
        for number in range(3):
            order = {"order_id": f"A{number}", "state": "placed", "interaction": "call"}
            await client.post("/api/orders", order)
        await client.post("/api/csat", {"interaction": "call", "score": 1})
        await client.post("/api/orders", {**ORDER, "state": "signed"}, by="li")
        await house.records("SELECT 1")

        async def seen(**wish: Any) -> list[str]:
            entries = await house.database.audit(AuditWish(day="2026-09-21", **wish), SHANGHAI)
            return [f"{entry.subject} {entry.after}" for entry in entries]

        signed, asked = "A1 call 1001 signed health", "call 1 (1-5)"
        placed = [f"A{number} call 1001 placed health" for number in (2, 1, 0)]
        assert await seen() == [signed, asked, *placed]
        assert await seen(by="li") == [signed]
        assert await seen(action="csat") == [asked]
        assert await seen(subject="A1") == [signed, placed[1]]
        assert await seen(subject="call 100") == []
        assert await seen(page=2) == []


@pytest.mark.asyncio
async def test_an_answer_finds_its_call_by_the_order(dsn: str, tmp_path: Path) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        house.happens([*sold("call"), *sold("again", at_s=100.0, agent="1002")])
        await house.records("SELECT 1")
        await client.post("/api/orders", ORDER)
        # To cancel it the customer calls again: the order stays with the first call.
        later = {**ORDER, "state": "cancelled", "interaction": "again"}
        await client.post("/api/orders", later)
        asked = {"order_id": "A1", "question": "price"}
        told = await client.post("/api/csat", asked)  # before the records have it
        assert (told["interaction"], told["agent"], told["queue"]) == ("call", "1001", "sales")
        await house.records("SELECT 1")
        house.calls._homes.clear()
        answered = {**asked, "score": 2}
        first = await client.post("/api/csat", answered, key="k1")
        assert await client.post("/api/csat", answered, key="k1") == first
        assert client.replayed
        other = {**asked, "agent": "1002"}
        assert await client.refused("/api/csat", other) == (409, "not_handled", "agent")
        query = "SELECT interaction, question, score, agent FROM csat_answers"
        assert await house.records(query) == [("call", "price", 2, "1001")]


REFUSED = [
    ("/api/orders", {"state": "placed"}, (422, "missing_field", "order_id")),
    ("/api/orders", {**ORDER, "state": "lost"}, (422, "invalid", "state")),
    ("/api/orders", {**ORDER, "amount": 5}, (422, "invalid", "amount")),
    ("/api/orders", {**ORDER, "at": "2026-11-28 10:00"}, (422, "invalid", "at")),
    ("/api/orders", {**ORDER, "at": "2030-01-01T00:00:00Z"}, (409, "invalid_time", "at")),
    ("/api/orders", {**ORDER, "at": "2020-01-01T00:00:00Z"}, (409, "invalid_time", "at")),
    ("/api/orders", {**ORDER, "category": "beer"}, (409, "unknown_category", "category")),
    ("/api/orders", {**ORDER, "agent": "1002"}, (409, "not_handled", "agent")),
    (
        "/api/orders",
        {**ORDER, "interaction": "nobody's"},
        (409, "unknown_interaction", "interaction"),
    ),
    ("/api/csat", {"interaction": "call", "score": 6}, (422, "invalid", "score")),
    ("/api/csat", {"score": 5}, (422, "invalid", "interaction")),
    ("/api/csat", {"interaction": "call", "order_id": "A1"}, (422, "invalid", "interaction")),
    ("/api/csat", {"order_id": "nobody's"}, (409, "unknown_order", "order_id")),
    ("/api/orders", {**ORDER, "order_id": " \t"}, (422, "invalid", "order_id")),
    ("/api/orders", {**ORDER, "order_id": "A\0"}, (422, "invalid", "order_id")),
    ("/api/orders", {**ORDER, "interaction": "call\0"}, (422, "invalid", "interaction")),
    ("/api/orders", {**ORDER, "key": "\x1b[2J"}, (422, "invalid", "key")),
    ("/api/orders", {**ORDER, "amount": 1, "currency": "RMB"}, (422, "invalid", "currency")),
    ("/api/csat", {"interaction": "call", "comment": "\0"}, (422, "invalid", "comment")),
    ("/api/matters", {"interaction": "call", "state": "closed"}, (422, "invalid", "state")),
    ("/api/dispositions", {"interaction": "call", "class": "x"}, (422, "invalid", "class")),
]


@pytest.mark.asyncio
async def test_what_is_wrong_is_said_by_field_and_nothing_is_told(
    dsn: str, tmp_path: Path
) -> None:
    house = House(tmp_path, dsn)
    async with serving(house) as client:
        house.happens(sold("call"))
        await house.records("SELECT 1")
        end = house.site.journal.end
        for path, body, expected in REFUSED:
            assert await client.refused(path, body) == expected, body
        assert await client.refused("/api/orders", ORDER, by="qa") == (403, "forbidden", "")
        csat = {"interaction": "call", "score": 5}
        assert (await client.refused("/api/csat", csat, by="wang"))[:2] == (403, "forbidden")
        others = {**ORDER, "agent": "1002"}
        assert await client.refused("/api/orders", others, by="wang") == (
            *(409, "not_handled", "agent"),
        )
        house.writable = False
        assert (await client.refused("/api/orders", ORDER))[:2] == (503, "unavailable")
        assert house.site.journal.end == end


@pytest.mark.asyncio
async def test_a_key_that_no_file_can_hold_is_refused_before_anything_is_told(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, "postgresql://nobody@127.0.0.1:1/none")
    async with serving(house, database=False) as client:
        end = house.site.journal.end
        assert await raw_post(client.session, b"k\xff") == (422, "key")
        assert house.site.journal.end == end
        lines = {**ORDER, "interaction": "", "order_id": " A9 "}
        assert (await client.post("/api/orders", lines))["order_id"] == "A9"


async def raw_post(session: aiohttp.ClientSession, key: bytes) -> tuple[int, str]:
    """Post an order as no proper client does: its key in bytes that are no UTF-8."""
    there = session._build_url("/api/orders")
    head = b"POST /api/orders HTTP/1.0\r\nAuthorization: Bearer shop\r\nIdempotency-Key: " + key
    body = json.dumps(ORDER).encode()
    head += b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    reader, writer = await asyncio.open_connection(there.host, there.port)
    writer.write(head + body)
    status, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(status.split()[1]), json.loads(answer)["error"]["field"]


def test_a_key_after_a_torn_line_is_known_after_the_next_start(tmp_path: Path) -> None:
    for number in range(3):
        keys = KeyBook(tmp_path, lambda: START_US / 1e6)
        keys.open()
        assert [keys.find(f"k{n}") is not None for n in range(number)] == [True] * number
        keys.keep(f"k{number}", "", b"{}")
        keys.close()
        (path,) = (tmp_path / "entry_keys").iterdir()
        with path.open("ab") as file:
            file.write(b'{"key":"torn","finger')


@pytest.mark.asyncio
async def test_without_the_database_entries_are_taken_all_the_same(tmp_path: Path) -> None:
    house = House(tmp_path, "postgresql://nobody@127.0.0.1:1/none")
    async with serving(house, database=False) as client:
        for at_s, event in sold("recent"):
            house.site.at_s = at_s
            for record in house.site.journal.append([event], at_s):
                if isinstance(event, ev.AgentConnected):
                    house.calls(record)
        recent = await client.post("/api/orders", {**ORDER, "interaction": "recent"})
        assert (recent["agent"], recent["queue"]) == ("1001", "sales")
        older = {**ORDER, "order_id": "A2", "interaction": "an older one"}
        told = await client.post("/api/orders", older)
        assert (told["interaction"], told["agent"]) == ("an older one", "")
        # The latest orders are known, by the call that named them first; of the others nobody can
        # be asked, nor believed.
        again = {"interaction": "again", "agent": "1002", "queue": "sales", "call_class": "order"}
        house.carry_out([ev.DispositionEntered(**again, order_id="A1", ordered=True)])
        told = await client.post("/api/csat", {"order_id": "A1", "score": 5})
        assert told["interaction"] == "recent"
        for order_id in ("A2", "A3"):
            csat = {"order_id": order_id, "score": 5}
            assert await client.refused("/api/csat", csat) == (503, "unavailable", "")
