"""The managers' dashboard of Grafana: what its queries say of a small evening that is known."""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from storage_site import START_US, Site, ship
from storage_traffic import started

from acd.calls import events as ev

DASHBOARD = Path(__file__).parents[2] / "deploy/grafana/dashboards/en/managers.json"
SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
ALL = "''"
"What Grafana puts in for a project when all are chosen: the variable's allValue, as it stands."


def panels() -> dict[str, str]:
    """Return each panel's query by its title."""
    made = json.loads(DASHBOARD.read_text("utf-8"))
    found = [
        (panel["title"], target["rawSql"])
        for panel in made["panels"]
        for target in panel.get("targets", ())
    ]
    assert len(dict(found)) == len(found), "two panels of one name"
    return dict(found)


def variable(name: str) -> dict[str, Any]:
    made = json.loads(DASHBOARD.read_text("utf-8"))
    [found] = [each for each in made["templating"]["list"] if each["name"] == name]
    return found


def quoted(values: str | list[str]) -> str:
    """Return what `:sqlstring` makes of a choice."""
    several = [values] if isinstance(values, str) else values
    return ",".join("'" + value.replace("'", "''") + "'" for value in several)


def expanded(sql: str, from_at: datetime, to_at: datetime, **choice: str | list[str]) -> str:
    """Do what Grafana does: put in what was chosen, then the macros of its Postgres plugin."""
    usual = {"period": "1 day", "definition": "offered", "zone": "Asia/Shanghai"}
    chosen = {"queue": ["sales", "service"], **usual, **choice}
    project = quoted(chosen.pop("project")) if "project" in chosen else ALL
    sql = sql.replace("${project:sqlstring}", project)
    for name, value in chosen.items():
        sql = sql.replace(f"${{{name}:sqlstring}}", quoted(value))
    begin, end = (f"'{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'" for at in (from_at, to_at))
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN {begin} AND {end}", sql)
    sql = sql.replace("$__timeFrom()", begin).replace("$__timeTo()", end)
    assert "$" not in sql, sql
    return sql


def call(number: int, at: datetime, queue: str, reason: str, waited_s: float, **more: Any):
    """Yield one visit of one call; an answered one talks for 60 s, and may order."""
    at_s = at.timestamp() - START_US / 1e6
    call_id, leg, visit = f"call-{number}", f"leg-{number}", f"visit-{number}"
    agent = "1001" if reason == "answered" else ""
    ids = {"interaction": call_id, "visit": visit, "queue": queue}
    kind = "sales" if queue == "sales" else "service"
    yield at_s, started(call_id, leg)
    yield at_s, ev.QueueEntered(kind=kind, **ids)
    at_s += waited_s
    yield at_s, ev.QueueLeft(reason=reason, waited_s=waited_s, agent=agent, **ids)
    if agent:
        talk = {**ids, "agent": agent, "leg": f"agent-{number}"}
        yield at_s, ev.AgentConnected(**talk)
        at_s += 60.0
        yield at_s, ev.AgentDisconnected(talk_s=60.0, hold_s=0.0, **talk)
        yield (
            at_s,
            ev.DispositionEntered(
                interaction=call_id, agent=agent, queue=queue, call_class="order", **more
            ),
        )
    yield at_s, ev.LegEnded(interaction=call_id, leg=leg, ended_by="peer")
    yield at_s, ev.CallEnded(interaction=call_id, ended_by="caller", reason="hangup")


EVENING = datetime(2026, 9, 21, 22, 30, tzinfo=SHANGHAI)
NIGHT = datetime(2026, 9, 22, 0, 10, tzinfo=SHANGHAI)
"The same day in UTC, the next one in Shanghai."

CLOCKS_BACK = datetime(2026, 10, 25, 23, 30, tzinfo=BERLIN)
"The last half hour of a day of 25 hours."

VISITS = (
    *((EVENING, "sales", "answered", 5.0, {"ordered": number < 4}) for number in range(6)),
    *((EVENING, "sales", "answered", 30.0, {}) for _ in range(2)),
    (EVENING, "sales", "short_abandon", 3.0, {}),
    (EVENING, "sales", "abandoned", 25.0, {}),
    (NIGHT, "sales", "answered", 5.0, {}),
    (NIGHT, "sales", "overflowed", 120.0, {}),
    (NIGHT, "service", "answered", 8.0, {}),
    (CLOCKS_BACK, "sales", "answered", 5.0, {}),
)
DAYS = {
    "from_at": datetime(2026, 9, 21, tzinfo=SHANGHAI),
    "to_at": datetime(2026, 9, 22, 23, 59, 59, tzinfo=SHANGHAI),
}


@pytest.fixture
def evening(dsn: str, tmp_path: Path) -> str:
    site = Site(tmp_path)
    timed = [
        pair
        for number, (at, queue, reason, waited_s, more) in enumerate(VISITS)
        for pair in call(number, at, queue, reason, waited_s, **more)
    ]
    asked = {"callback": "call-9", "queue": "sales", "number": "+8613800000000"}
    asked |= {"requested_us": int(EVENING.timestamp() * 1e6)}
    asked |= {"first_enqueued_us": asked["requested_us"]}
    timed.append(
        (
            EVENING.timestamp() - START_US / 1e6,
            ev.CallbackRequested(interaction="call-9", **asked),
        )
    )
    site.write(sorted(timed, key=lambda pair: pair[0]))
    asyncio.run(ship(site, dsn))
    assert site.alarms == []
    site.journal.close()
    ask(dsn, "SELECT refresh_agent_quarters()")  # as is done beside the shipper
    return dsn


def ask(dsn: str, sql: str) -> list[dict[str, Any]]:
    async def fetch() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(dsn)
        try:
            # Not the zone of the figures: Grafana's session has any.
            await connection.execute("SET TIME ZONE 'America/Lima'")
            return [dict(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def of(dsn: str, title: str, **choice: Any) -> list[dict[str, Any]]:
    return ask(dsn, expanded(panels()[title], **(DAYS | choice)))


def points(rows: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Return a series' values by begin in UTC and by name."""
    return {
        (f"{row['time'].astimezone(UTC):%m-%dT%H:%M}", row["metric"]): row["value"] for row in rows
    }


def test_figures_of_the_time_that_is_shown(evening: str) -> None:
    totals = {"offered": 13, "answered": 10, "abandons": 1, "orders": 4}
    assert of(evening, "Calls") == [totals]
    [rates] = of(evening, "Rates")
    assert {name: float(rate) for name, rate in rates.items()} == pytest.approx(
        {
            "answer_rate": 10 / 13,
            "abandon_rate": 1 / 13,
        }
    )
    levels = {row["metric"]: row["value"] for row in of(evening, "Service level")}
    assert levels == pytest.approx({"sales": 7 / 12, "service": 1.0})
    sales, service = of(evening, "KPIs per queue")
    assert (sales["queue"], service["queue"]) == ("sales", "service")
    assert (sales["offered"], sales["short_abandons"], sales["overflowed"]) == (12, 1, 1)
    assert sales["conversion_rate"] == pytest.approx(4 / 9)
    assert sales["asa_s"] == pytest.approx((7 * 5 + 2 * 30) / 9)
    assert sales["aht_s"] == pytest.approx(60.0)
    assert service["conversion_rate"] is None


def test_days_begin_in_the_centres_zone(evening: str) -> None:
    assert points(of(evening, "Answer rate")) == pytest.approx(
        {
            ("09-20T16:00", "sales"): 0.8,
            ("09-21T16:00", "sales"): 0.5,
            ("09-21T16:00", "service"): 1.0,
        }
    )
    in_utc = points(of(evening, "Answer rate", zone="UTC"))
    assert in_utc[("09-21T00:00", "sales")] == pytest.approx(9 / 12)
    first, second = of(evening, "How visits ended")
    assert (first["answered"], first["short_abandons"], first["abandons"]) == (8, 1, 1)
    assert (second["answered"], second["overflowed"]) == (2, 1)
    assert sum(value for name, value in first.items() if name != "time") == 10


@pytest.mark.parametrize(
    ("period", "begin"),
    [
        ("15 minutes", "09-21T14:30"),
        ("1 hour", "09-21T14:00"),
        ("1 week", "09-20T16:00"),
        ("1 month", "08-31T16:00"),
    ],
)
def test_periods_are_cut_where_the_centre_cuts_them(evening: str, period: str, begin: str) -> None:
    offered = {
        moment: value
        for (moment, queue), value in points(of(evening, "Orders", period=period)).items()
        if queue == "sales" and value
    }
    assert offered == {begin: 4}
    assert set(variable("period")["query"].split(", ")) >= {"day : 1 day", "week : 1 week"}


def test_a_day_of_25_hours_is_one_day(evening: str) -> None:
    weekend = {
        "from_at": datetime(2026, 10, 24, tzinfo=BERLIN),
        "to_at": datetime(2026, 10, 26, 23, 59, tzinfo=BERLIN),
        "zone": "Europe/Berlin",
    }
    # Berlin's Sunday began at 22:00 UTC, and ended 25 hours later.
    assert points(of(evening, "Answer rate", **weekend)) == {("10-24T22:00", "sales"): 1.0}
    hours = of(evening, "Offered and answered by the hour", **weekend)
    assert hours == [{"hour": "23", "offered": 1, "answered": 1}]


def test_hours_of_the_day_and_callbacks(evening: str) -> None:
    assert of(evening, "Offered and answered by the hour") == [
        {"hour": "00", "offered": 3, "answered": 2},
        {"hour": "22", "offered": 10, "answered": 8},
    ]
    assert of(evening, "Call-backs") == [
        {"queue": "sales", "outcome": "waiting", "wishes": 1, "attempts": 0}
    ]


def test_what_is_chosen_counts_alone(evening: str) -> None:
    assert [row["metric"] for row in of(evening, "Service level", queue=["service"])] == [
        "service"
    ]
    assert of(evening, "KPIs per queue", project="main") == of(evening, "KPIs per queue")
    assert of(evening, "KPIs per queue", project="o'hara") == []
    [level] = of(evening, "Service level", queue=["sales"], definition="answered")
    assert level["value"] == pytest.approx(7 / 9)
    definitions = [option["value"] for option in variable("definition")["options"]]
    for definition in definitions:
        [level] = of(evening, "Service level", queue=["sales"], definition=definition)
        assert 0.5 < level["value"] < 1, definition


def test_every_query_runs(evening: str) -> None:
    for title in panels():
        assert of(evening, title), title
    for name, found in (("project", "main"), ("queue", "sales")):
        shown = expanded(variable(name)["query"], **DAYS)
        # The lists go back from now, wherever the clock of the test stands.
        rows = ask(evening, shown.replace("now()", "timestamptz '2026-10-01'"))
        assert found in {row[name] for row in rows}


def test_an_account_that_may_only_read_is_enough(evening: str) -> None:
    reader = f"reader_{evening.partition('/test')[2].partition('?')[0]}"

    async def read() -> None:
        connection = await asyncpg.connect(evening)
        transaction = connection.transaction()
        await transaction.start()
        try:
            # As docs/monitoring.md says.
            await connection.execute(f"CREATE ROLE {reader} LOGIN")
            await connection.execute(f"GRANT pg_read_all_data TO {reader}")
            await connection.execute(f"SET LOCAL ROLE {reader}")
            for title, sql in panels().items():
                assert await connection.fetch(expanded(sql, **DAYS)), title
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("DELETE FROM callbacks")
        finally:
            await transaction.rollback()  # accounts belong to the whole server
            await connection.close()

    asyncio.run(read())
