"""What ranking gained, from events through the journal and the tables."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from itertools import count

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from storage_site import QUICK, START_US, Site
from storage_traffic import started
from test_storage_kpi_rollup import Site as Rolled
from test_storage_kpi_rollup import Sold, several

from acd.calls import cdr_rows as cdr
from acd.calls import events as ev
from acd.reports.intervals import newcombe
from acd.reports.routing import RoutingGain
from acd.routing.model import Choice
from acd.storage.outcomes import sales_outcomes
from acd.storage.routing import gains

START = datetime.fromtimestamp(START_US / 1e6, UTC)
_names = count(1)


def call(
    *,
    hold_out: bool,
    ordered: bool | None,
    queue: str = "sales",
    kind: str = "sales",
    order: str = "",
    amount: int | None = None,
    currency: str = "CNY",
) -> list[ev.Event]:
    """One answered call; `ordered` None: not classed."""
    name = f"i{next(_names)}"
    order = order or ("hold_out" if hold_out else "conversion")
    choice = Choice("all", order, ((-0.5, 1.0, "1001"),), 3, 1.0, hold_out, 2, 4.5, 10.0)
    visit = {"interaction": name, "visit": f"v {name}", "queue": queue}
    offer = {**visit, "offer": f"o {name}", "agent": "1001", "leg": f"a {name}"}
    happened: list[ev.Event] = [
        started(name, f"leg {name}"),
        ev.QueueEntered(kind=kind, **visit),
        ev.OfferMade(sip_call_id=f"s {name}", choice=choice, **offer),
        ev.OfferEnded(outcome="answered", sip_status=200, ring_s=1.0, **offer),
        ev.QueueLeft(reason="answered", waited_s=2.0, agent="1001", **visit),
        ev.LegEnded(interaction=name, leg=f"a {name}", ended_by="peer"),
        ev.LegEnded(interaction=name, leg=f"leg {name}", ended_by="peer"),
        ev.CallEnded(interaction=name, ended_by="caller", reason="hangup"),
    ]
    if ordered is not None:
        disposition = ev.DispositionEntered(
            interaction=name,
            agent="1001",
            queue=queue,
            call_class="order" if ordered else "inquiry",
            ordered=ordered,
            amount=amount,
            currency=currency if amount is not None else "",
        )
        happened.append(disposition)
    return happened


async def report(site: Site, dsn: str) -> tuple[list[RoutingGain], asyncpg.Record, list]:
    shipper = site.shipper(dsn, settings=QUICK)
    running = asyncio.create_task(shipper.run())
    await asyncio.wait_for(shipper.drain(), 120)
    running.cancel()
    connection = await asyncpg.connect(dsn)
    found = await gains(connection, from_at=START, to_at=START + timedelta(hours=1))
    assert await gains(connection, from_at=START - timedelta(hours=1), to_at=START) == []
    offer = await connection.fetchrow("SELECT hold_out, spared, overtook_s FROM offers LIMIT 1")
    outcomes = [one async for chunk in sales_outcomes(connection) for one in chunk]
    await connection.close()
    return found, offer, outcomes


def test_conversion_and_value_of_ranked_and_held_out_calls(dsn: str, tmp_path) -> None:
    site = Site(tmp_path)
    plan = [
        *[call(hold_out=False, ordered=True, amount=20_000) for _ in range(9)],
        call(hold_out=False, ordered=True, amount=99, currency="USD"),
        *[call(hold_out=False, ordered=False) for _ in range(4)],
        call(hold_out=False, ordered=None),
        call(hold_out=False, ordered=False, order="unmeasured"),
        *[call(hold_out=True, ordered=True, amount=10_000) for _ in range(3)],
        *[call(hold_out=True, ordered=False) for _ in range(7)],
        call(hold_out=False, ordered=True, queue="other"),
        call(hold_out=True, ordered=True, queue="service", kind="service"),
    ]
    site.write((1.0, event) for events in plan for event in events)
    found, offer, outcomes = asyncio.run(report(site, dsn))
    site.journal.close()
    other, sales = found
    assert (sales.queue, sales.ranked, sales.ranked_orders) == ("sales", 16, 10)
    assert (sales.hold_out, sales.hold_out_orders, sales.pending) == (10, 3, 1)
    assert sales.unmeasured == 1
    assert sales.gain == pytest.approx(10 / 16 - 0.3)
    assert (sales.gain_low, sales.gain_high) == pytest.approx(newcombe(10, 16, 3, 10))
    assert sales.currency == "CNY"
    assert sales.ranked_value == pytest.approx(9 * 20_000 / 16)
    assert sales.hold_out_value == pytest.approx(3_000)
    assert sales.value_gain_low < sales.value_gain == 9 * 20_000 / 16 - 3_000
    assert (other.queue, other.ranked, other.hold_out_conversion) == ("other", 1, None)
    assert (other.gain, other.gain_low, other.currency) == (None, None, "")
    assert tuple(offer)[1:] == (2, 4.5)
    assert {(one.amount, one.currency) for one in outcomes} == {
        (20_000, "CNY"),
        (10_000, "CNY"),
        (99, "USD"),
        (None, ""),
    }


def offer_of(visit: cdr.QueueVisit, *, hold_out: bool) -> cdr.Offer:
    return cdr.Offer(
        interaction=visit.interaction,
        started_us=visit.started_us,
        project=visit.project,
        offer=f"offer {visit.visit}",
        visit=visit.visit,
        queue=visit.queue,
        agent=visit.agent,
        leg="leg",
        offered_us=visit.entered_us,
        outcome="answered",
        layer="all",
        ranked_by="conversion",
        waited_s=1.0,
        candidates=(),
        candidates_total=1,
        hold_out=hold_out,
    )


@several
@given(st.integers(0, 10**9))
def test_orders_are_those_of_the_kpis(dsn: str, seed: int) -> None:
    pick = random.Random(seed)

    async def check() -> None:
        async with Rolled(dsn) as site:
            rows = Sold(seed).rows
            answered = [
                row
                for row in rows
                if isinstance(row, cdr.QueueVisit) and row.outcome == "answered"
            ]
            held = {visit.visit: pick.random() < 0.4 for visit in answered}
            rows += [offer_of(visit, hold_out=held[visit.visit]) for visit in answered]
            await site.loader.load(rows)
            seen = await site.connection.fetch(
                "SELECT queue, visit, ordered, EXISTS (SELECT FROM ("
                " SELECT k.started_at, k.interaction UNION ALL"
                " SELECT x.started_at, x.interaction FROM transfers x"
                " WHERE x.consult = k.interaction AND x.outcome = 'completed') part"
                " JOIN (SELECT started_at, interaction, agent FROM dispositions UNION ALL"
                " SELECT started_at, interaction, agent FROM order_events) d"
                " USING (started_at, interaction) WHERE d.agent = k.agent"
                ") AS is_classed FROM kpi_visits k"
                " WHERE outcome = 'answered' AND kind = 'sales'"
            )
            found = await gains(
                site.connection,
                from_at=datetime(2026, 10, 1, tzinfo=UTC),
                to_at=datetime(2026, 12, 1, tzinfo=UTC),
            )
            told = {
                (one.queue, hold_out): figures
                for one in found
                for hold_out, figures in (
                    (False, (one.ranked, one.ranked_orders)),
                    (True, (one.hold_out, one.hold_out_orders)),
                )
            }
            for (queue, hold_out), figures in told.items():
                calls = [
                    row for row in seen if (row["queue"], held[row["visit"]]) == (queue, hold_out)
                ]
                assert figures == (len(calls), sum(row["ordered"] for row in calls))
            assert sum(calls for calls, _ in told.values()) == len(seen) > 0
            pending = sum(not row["ordered"] and not row["is_classed"] for row in seen)
            assert sum(one.pending for one in found) == pending

    asyncio.run(check())
