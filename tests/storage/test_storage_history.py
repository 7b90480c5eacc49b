"""The generator of a year's records (tests/bench/history.py): what it makes is consistent."""

import asyncio
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import numpy as np
import pytest
from storage_site import fetch

from acd.storage.agent_quarters import refresh_agent_quarters

BENCH = Path(__file__).parents[1] / "bench"
CONTACTS = 4_000
AGENTS = 25
FIRST = date(2025, 1, 1)


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch):
    """The script as a module; its parts lie beside it."""
    monkeypatch.syspath_prepend(str(BENCH))
    import history

    yield history
    for name in [name for name in sys.modules if name == "history" or name.startswith("year")]:
        del sys.modules[name]


def fill(history, dsn: str, seed: int = 3) -> None:
    year = history.Year(FIRST, 2, CONTACTS, seed, AGENTS)
    asyncio.run(history.Filling(dsn, history.Plan(year)).run(2))


NONE = {
    "two states of an agent at a time, or none": """
        SELECT count(*) FROM (
            SELECT ended_at, lead(started_at) OVER (
                PARTITION BY agent ORDER BY started_at, ended_at) AS following
            FROM agent_state_intervals) i
        WHERE following IS DISTINCT FROM ended_at AND following IS NOT NULL""",
    "two statuses of an agent at a time, or none": """
        SELECT count(*) FROM (
            SELECT ended_at, lead(started_at) OVER (
                PARTITION BY agent ORDER BY started_at, ended_at) AS following
            FROM agent_status_intervals) i
        WHERE following IS DISTINCT FROM ended_at AND following IS NOT NULL""",
    "a talk in which its agent was not talking": """
        SELECT count(*) FROM talk_segments t WHERE NOT EXISTS (
            SELECT FROM agent_state_intervals s WHERE s.agent = t.agent
                AND s.interaction = t.interaction AND s.state = 'talking'
                AND s.started_at = t.began_at)""",
    "an answered visit without its talk, offer or leg": """
        SELECT count(*) FROM queue_visits v
        LEFT JOIN talk_segments t USING (started_at, interaction, visit)
        LEFT JOIN offers o ON o.started_at = v.started_at AND o.interaction = v.interaction
            AND o.visit = v.visit AND o.outcome = 'answered'
        LEFT JOIN legs l ON l.started_at = v.started_at AND l.interaction = v.interaction
            AND l.leg = t.leg
        WHERE v.outcome = 'answered' AND (t.leg IS NULL OR o.offer IS NULL OR l.leg IS NULL)""",
    "a visit without its interaction, or outside of it": """
        SELECT count(*) FROM queue_visits v
        LEFT JOIN interactions i USING (started_at, interaction)
        WHERE i.interaction IS NULL OR v.entered_at < i.started_at OR v.left_at > i.ended_at""",
    "a call-back without its wish": """
        SELECT count(*) FROM interactions i WHERE i.direction = 'callback' AND NOT EXISTS (
            SELECT FROM queue_visits v WHERE v.interaction = i.interaction
                AND v.outcome = 'callback' AND v.left_at < i.started_at)""",
    "a transfer to nobody": """
        SELECT count(*) FROM transfers t WHERE NOT EXISTS (
            SELECT FROM queue_visits v WHERE v.interaction = t.interaction AND v.queue = t.queue
                AND v.entered_at >= t.requested_at)""",
    "an agent without profile": """
        SELECT count(*) FROM talk_segments t WHERE agent_team_at(t.agent, t.began_at) = ''""",
}
"What there may be none of."


def test_a_year_is_consistent_and_of_the_wanted_size(history, dsn: str) -> None:
    fill(history, dsn)
    for what, sql in NONE.items():
        [row] = asyncio.run(fetch(dsn, sql))
        assert row[0] == 0, what
    [row] = asyncio.run(fetch(dsn, "SELECT count(*) FROM interactions"))
    assert row[0] == CONTACTS
    outcomes = {
        row["outcome"]: row["n"]
        for row in asyncio.run(
            fetch(dsn, "SELECT outcome, count(*) AS n FROM queue_visits GROUP BY outcome")
        )
    }
    assert 0.70 * CONTACTS < outcomes["answered"] < 0.90 * CONTACTS
    assert 0.02 * CONTACTS < outcomes["abandoned"] < 0.15 * CONTACTS
    assert {"short_abandon", "overflowed", "callback"} <= set(outcomes)


def test_the_peaks_are_before_and_after_noon_and_weekends_are_calm(history) -> None:
    plan = history.Plan(history.Year(FIRST, 3, 1_500_000, 3, 300))
    march = plan.months()[2]
    floor = history.make_floor(plan, march, int(0.79 * march.interactions))
    hours = np.bincount((floor.slots.connected / 3600).astype(int) % 24)
    # By the hour from 08:00 in the centre's zone.
    assert min(hours[2], hours[7]) > 1.3 * hours[5]
    assert hours[20] < hours[2] / 5
    days = np.bincount((floor.slots.connected / 86_400).astype(int))
    weekend = [day for day in range(31) if (FIRST.replace(month=3, day=day + 1)).weekday() > 4]
    working = [day for day in range(31) if day not in weekend]
    assert days[weekend].mean() < 0.85 * days[working].mean()


def test_agents_quarters_are_those_that_the_database_computes(history, dsn: str) -> None:
    fill(history, dsn)

    async def compute() -> tuple[list, list]:
        connection = await asyncpg.connect(dsn)
        made = await connection.fetch(QUARTERS)
        await connection.execute(
            "INSERT INTO agent_quarters_dirty (quarter_at, agent)"
            " SELECT DISTINCT quarter_at, agent FROM agent_quarters"
            " WHERE quarter_at < '2025-01-04'"
        )
        await refresh_agent_quarters(connection)
        computed = await connection.fetch(QUARTERS)
        await connection.close()
        return made, computed

    made, computed = asyncio.run(compute())
    assert len(made) == len(computed) > 300
    for ours, theirs in zip(made, computed, strict=True):
        assert rounded(ours) == rounded(theirs)


QUARTERS = """
SELECT * FROM agent_quarters WHERE quarter_at < '2025-01-04' ORDER BY quarter_at, agent, queue
"""


def rounded(row: asyncpg.Record) -> dict[str, object]:
    """A row with its seconds as precise as the records: µs, several of them added."""
    values = dict(row) | {"away_reasons": json.loads(row["away_reasons"])}
    values |= values.pop("away_reasons")
    return {
        name: pytest.approx(value, abs=1e-4) if isinstance(value, float) else value
        for name, value in values.items()
    }


def test_it_goes_on_where_it_stopped_and_takes_no_other_year(history, dsn: str) -> None:
    fill(history, dsn)
    asyncio.run(fetch(dsn, "DELETE FROM history.months WHERE first = '2025-02-01'"))
    with pytest.raises(ExceptionGroup) as refused:
        fill(history, dsn)
    assert "holds rows" in str(refused.value.exceptions[0])
    with pytest.raises(history.HistoryError, match="empty it first"):
        fill(history, dsn, seed=4)


def test_months_lie_in_their_partitions(history, dsn: str) -> None:
    fill(history, dsn)
    rows = asyncio.run(
        fetch(dsn, "SELECT min(started_at) AS a, max(started_at) AS b FROM interactions_202502")
    )
    assert rows[0]["a"] >= datetime(2025, 2, 1, tzinfo=UTC)
    assert rows[0]["b"] < datetime(2025, 3, 1, tzinfo=UTC)
