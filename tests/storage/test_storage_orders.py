"""Orders, answers and outcomes that other systems tell: late, in any order, under their calls."""

import asyncio
import itertools
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage_site import START_US, Site, fetch, ship
from storage_traffic import started

from acd.calls import events as ev
from acd.calls.cdr import Fold
from acd.calls.cdr_rows import CsatAnswer
from acd.calls.journal import Record
from acd.storage.agent_quarters import refresh_agent_quarters
from acd.storage.database import Batch, Progress, Writer
from acd.storage.frames import Position
from acd.storage.tables import TABLES

DAY_S = 86_400.0
_calls = itertools.count()
ORDERS = (
    "SELECT order_id, interaction, agent, queue, category, state, amount, currency FROM orders"
)


def at_us(after_s: float) -> int:
    return START_US + int(after_s * 1e6)


def sold(call: str, *, at_s: float = 0.0, agent: str = "1001") -> list[tuple[float, ev.Event]]:
    """Return the events of an answered sales call."""
    visit = {"interaction": call, "visit": f"visit {call}", "queue": "sales"}
    talk = {**visit, "agent": agent, "leg": f"agent's {call}"}
    leg = f"leg {call}"
    return [
        (at_s, started(call, leg, project="shop")),
        (at_s + 1, ev.QueueEntered(kind="sales", category="health", **visit)),
        (at_s + 2, ev.QueueLeft(reason="answered", waited_s=1.0, agent=agent, **visit)),
        (at_s + 2, ev.AgentConnected(**talk)),
        (at_s + 60, ev.AgentDisconnected(talk_s=58.0, hold_s=0.0, **talk)),
        (at_s + 61, ev.CallEnded(interaction=call, ended_by="caller", reason="hangup")),
    ]


def order(state: str, *, at_s: float, order_id: str = "A1", **more: object) -> ev.OrderChanged:
    return ev.OrderChanged(order_id=order_id, state=state, at_us=at_us(at_s), **more)


def told(dsn: str, folder: Path, *batches: list[tuple[float, ev.Event]]) -> None:
    """Write and ship one batch after the other; each by a shipper that remembers no call."""
    site = Site(folder)

    async def tell() -> None:
        for batch in batches:
            site.write(batch)
            await ship(site, dsn)

    asyncio.run(tell())
    assert site.alarms == []
    site.journal.close()


def rows(dsn: str, query: str) -> list[tuple]:
    return [tuple(row) for row in asyncio.run(fetch(dsn, query))]


def test_an_order_is_in_its_latest_state_by_its_own_time(dsn: str, tmp_path: Path) -> None:
    placed = order("placed", at_s=50, interaction="call", amount=19900, currency="CNY")
    signed, refused = order("signed", at_s=4 * DAY_S), order("refused", at_s=3 * DAY_S)
    told(
        dsn,
        tmp_path,
        sold("call"),
        [(100, placed)],
        [(5 * DAY_S, signed)],
        [(6 * DAY_S, refused)],  # what was refused first, and signed for at the second attempt
    )
    assert rows(dsn, ORDERS) == [("A1", "call", "1001", "sales", "health", "signed", 19900, "CNY")]
    steps = (
        "SELECT project, state FROM order_events"
        " JOIN interactions USING (started_at, interaction, project) ORDER BY at"
    )
    assert rows(dsn, steps) == [("shop", "placed"), ("shop", "refused"), ("shop", "signed")]


def test_an_entry_that_is_told_twice_by_its_key_is_one_row(dsn: str, tmp_path: Path) -> None:
    entry = order("placed", at_s=50, interaction="call", key="k-1")
    other = order("placed", at_s=50, interaction="call")
    told(dsn, tmp_path, sold("call"), [(100, entry)], [(200, entry)], [(300, other), (301, other)])
    assert rows(dsn, "SELECT key = 'k-1', count(*) FROM order_events GROUP BY 1 ORDER BY 1") == [
        (False, 2),  # without a key each is an entry of its own
        (True, 1),
    ]


def test_a_state_before_the_call_is_known_is_moved_there(dsn: str, tmp_path: Path) -> None:
    shipped = order("signed", at_s=40 * DAY_S)
    told(dsn, tmp_path, sold("call"), [(41 * DAY_S, shipped)])
    assert rows(dsn, ORDERS) == [("A1", "", "", "", "", "signed", None, "")]
    (tmp_path / "later").mkdir()
    told(dsn, tmp_path / "later", [(42 * DAY_S, order("placed", at_s=50, interaction="call"))])
    assert rows(dsn, ORDERS) == [("A1", "call", "1001", "sales", "health", "signed", None, "")]
    assert rows(dsn, "SELECT count(DISTINCT started_at) FROM order_events") == [(1,)]


def test_a_disposition_places_an_order_and_later_states_find_it(dsn: str, tmp_path: Path) -> None:
    said = ev.DispositionEntered(
        interaction="call",
        agent="1001",
        queue="sales",
        call_class="order",
        category="beauty",
        order_id="A1",
        ordered=True,
        amount=9900,
        currency="CNY",
    )
    # Entered a day late, after the shop had cancelled: it was placed in the call all the same.
    cancelled = order("cancelled", at_s=3600)
    told(dsn, tmp_path, sold("call"), [(4000, cancelled)], [(DAY_S, said)])
    assert rows(dsn, ORDERS) == [
        ("A1", "call", "1001", "sales", "beauty", "cancelled", 9900, "CNY")
    ]


def test_an_order_without_number_counts_until_one_with_number_is_told(
    dsn: str, tmp_path: Path
) -> None:
    said = ev.DispositionEntered(
        interaction="call", agent="1001", queue="sales", call_class="order", ordered=True
    )
    told(dsn, tmp_path, [*sold("call"), (70, said)])
    assert rows(dsn, ORDERS) == [("", "call", "1001", "sales", "", "placed", None, "")]
    (tmp_path / "later").mkdir()
    told(dsn, tmp_path / "later", [(100, order("placed", at_s=50, interaction="call"))])
    assert rows(dsn, "SELECT order_id FROM orders") == [("A1",)]


def test_a_second_call_about_an_order_does_not_take_it_away(dsn: str, tmp_path: Path) -> None:
    placed = order("placed", at_s=50, interaction="first")
    cancelled = order("cancelled", at_s=1050, interaction="second")
    told(
        dsn,
        tmp_path,
        [*sold("first"), *sold("second", at_s=1000, agent="1002"), (1100, placed)],
        [(1200, cancelled)],
    )
    assert rows(dsn, ORDERS) == [("A1", "first", "1001", "sales", "health", "cancelled", None, "")]


def test_an_order_of_a_call_that_nobody_knows_is_set_aside(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write([(10, order("placed", at_s=5, interaction="nobody's"))])
    asyncio.run(ship(site, dsn))
    site.journal.close()
    ((place, content),) = rows(dsn, "SELECT place, content FROM set_aside")
    assert place == "order_events"
    assert "nobody's" in content
    assert rows(dsn, ORDERS) == []


def test_a_late_order_corrects_what_was_summed_up(dsn: str, tmp_path: Path) -> None:
    said = ev.DispositionEntered(
        interaction="call", agent="1001", queue="sales", call_class="inquiry"
    )
    site = Site(tmp_path)

    async def orders() -> list[tuple]:
        await ship(site, dsn)
        connection = await asyncpg.connect(dsn)
        try:
            await refresh_agent_quarters(connection)
            marked = await connection.fetchval("SELECT count(*) FROM kpi_dirty")
            await connection.execute("DELETE FROM kpi_dirty")
            query = """
                SELECT (SELECT count(*) FROM kpi_visits WHERE ordered),
                    (SELECT sum(orders) FROM agent_quarters)
            """
            return [(marked > 0, *row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    site.write([*sold("call"), (70, said)])
    assert asyncio.run(orders()) == [(True, 0, 0)]
    site.write([(30 * DAY_S, order("placed", at_s=50, interaction="call"))])
    assert asyncio.run(orders()) == [(True, 1, 1)]
    site.journal.close()


STATES = st.lists(
    st.tuples(st.sampled_from(["placed", "cancelled", "signed", "refused"]), st.booleans()),
    min_size=1,
    max_size=5,
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=STATES, data=st.data())
def test_whatever_is_told_when_the_order_ends_up_the_same(
    dsn: str, states: list[tuple[str, bool]], data: st.DataObject
) -> None:
    """States with or without the call, told in any order and in any batches."""
    call = f"call {next(_calls)}"
    steps: list[ev.Event] = [
        order(state, at_s=60 + n, order_id=call, interaction=call if named or n == 0 else "")
        for n, (state, named) in enumerate(states)
    ]
    batches: list[list[ev.Event]] = [[event for _, event in sold(call)]]
    for number, step in enumerate(data.draw(st.permutations(steps))):
        if data.draw(st.booleans()) or number == 0:
            batches.append([])
        batches[-1].append(step)
    asyncio.run(write(dsn, f"journal of {call}", batches))
    found = rows(dsn, f"SELECT interaction, agent, state FROM orders WHERE order_id = '{call}'")
    assert found == [(call, "1001", states[-1][0])]


async def write(dsn: str, journal: str, batches: list[list[ev.Event]]) -> None:
    """Write each batch by a fold that remembers nothing of the one before."""
    seq, former = 0, None
    async with await Writer.connect(dsn, journal=journal, node="node") as writer:
        for events in batches:
            fold, batch = Fold(), Batch()
            for event in events:
                seq += 1
                record = Record("node", journal, seq, START_US + seq, float(seq), event)
                for row in fold.apply(record):
                    batch.add(row)
            place = Position(1, seq)
            progress = Progress(place, place, journal, seq, START_US + seq, float(seq))
            await writer.write(batch, former, progress)
            former = progress


def csat(score: int | None, *, at_s: float) -> ev.CsatRecorded:
    return ev.CsatRecorded(interaction="call", at_us=at_us(at_s), score=score)


@pytest.mark.parametrize("at_once", [True, False])
def test_an_answer_stands_whenever_the_question_is_told(
    dsn: str, tmp_path: Path, at_once: bool
) -> None:
    late = [(900.0, csat(5, at_s=200)), (901.0, csat(None, at_s=300)), (902.0, csat(1, at_s=150))]
    batches = [late] if at_once else [[one] for one in late]
    told(dsn, tmp_path, sold("call"), *batches)
    query = "SELECT score, answered, agent, queue, project FROM csat_answers"
    assert rows(dsn, query) == [(5, True, "1001", "sales", "shop")]


def test_a_matter_is_as_its_ticket_said_last(dsn: str, tmp_path: Path) -> None:
    solved = ev.MatterSettled(interaction="call", at_us=at_us(100), solved=True, ticket="T1")
    opened = ev.MatterSettled(interaction="call", at_us=at_us(300), solved=False, ticket="T1")
    told(dsn, tmp_path, sold("call"), [(1000, opened)], [(1001, solved)])
    assert rows(dsn, "SELECT ticket, solved FROM matter_outcomes") == [("T1", False)]


def test_of_two_rows_in_one_batch_the_one_with_precedence_is_kept() -> None:
    fields = {"interaction": "i", "started_us": START_US, "project": "main", "question": ""}
    fields |= {"scale_low": 1, "scale_high": 5, "comment": "", "channel": "", "agent": "1"}
    fields |= {"queue": "", "entered_us": START_US, "entered_by": ""}
    batch = Batch()
    for score, at in ((3, 100), (4, 90), (None, 120)):
        batch.add(CsatAnswer(score=score, at_us=START_US + at, **fields))
    (kept,) = TABLES[CsatAnswer].latest(batch.tables[CsatAnswer])
    assert kept.score == 3
