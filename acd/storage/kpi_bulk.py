"""Facts of many days at once: what `kpi_visits` says of each visit, joined as whole tables.

The view looks up what followed from a visit one by one, which is right for a quarter-hour and slow
for a year. Nearly every visit is simple: of the answered ones its call has no other, and it is no
consultation. What followed from those is in their own call, and so the tables can be joined; the
few others are left to the view. A test holds the two against each other.
"""

from datetime import datetime, timedelta

import asyncpg

from .kpi_sums import FACT_COLUMNS

LEAST = timedelta(days=5)
"""From so long a stretch on it is quicker: after-call work is looked for in a month, which is read
as a whole here, however few visits there are."""

MOST = timedelta(days=10)
"In one transaction: half a minute of work at 30,000 visits a day."

JOIN_MEMORY = "128MB"
"What follows from 300,000 visits fits."


async def insert_facts(connection: asyncpg.Connection, begin: datetime, end: datetime) -> None:
    """Insert the facts of the visits that entered in [begin, end), within a transaction."""
    for statement in (*_VISITS, f"SET LOCAL work_mem = '{JOIN_MEMORY}'", *_WITHOUT_LOOK_UPS):
        arguments = (begin, end) if "$1" in statement else ()
        await connection.execute(statement, *arguments)
    first = await connection.fetchval("SELECT min(started_at) FROM bulk_visits")
    last = await connection.fetchval("SELECT max(started_at) FROM bulk_visits")
    if first is not None:
        await connection.execute(_OTHERS, first, last)
        await connection.execute("ANALYZE bulk_others")
        await connection.execute(_SIMPLE, first, last)
    for statement in (*_WITH_LOOK_UPS, _BY_VIEW, _END):
        await connection.execute(statement)


# A table of its own: statistics of it make good plans, and the two statements below agree on it.
_VISITS = (
    "DROP TABLE IF EXISTS bulk_visits, bulk_others",
    "CREATE TEMP TABLE bulk_others (started_at timestamptz, interaction text) ON COMMIT DROP",
    "CREATE TEMP TABLE bulk_visits (LIKE queue_visits) ON COMMIT DROP",
    """
INSERT INTO bulk_visits
SELECT * FROM queue_visits WHERE entered_at >= $1 AND entered_at < $2 AND NOT callback
""",
    "ANALYZE bulk_visits",
)

# The planner takes two equal columns for two conditions of which few rows hold both, and would
# look up one by one.
_WITHOUT_LOOK_UPS = ("SET LOCAL enable_nestloop = off", "SET LOCAL enable_mergejoin = off")
_WITH_LOOK_UPS = ("SET LOCAL enable_nestloop = on", "SET LOCAL enable_mergejoin = on")

# Calls with several answered visits, and consultations.
_OTHERS = """
INSERT INTO bulk_others
SELECT started_at, interaction FROM queue_visits
WHERE outcome = 'answered' AND started_at BETWEEN $1 AND $2
GROUP BY started_at, interaction HAVING count(*) > 1
UNION
SELECT v.started_at, v.interaction FROM transfers x
JOIN bulk_visits v ON v.interaction = x.consult
WHERE x.consult <> '' AND x.outcome = 'completed'
    AND x.started_at BETWEEN $1::timestamptz - interval '31 days'
        AND $2::timestamptz + interval '1 day'
"""

_SIMPLE = f"""
INSERT INTO kpi_facts ({FACT_COLUMNS})
SELECT v.project, v.entered_at, v.queue, v.kind, v.outcome, v.waited_s,
    coalesce(v.waited_s <= v.service_level_s, false),
    CASE WHEN d.interaction IS NULL THEN coalesce(told.queue IN ('', v.queue), false)
        ELSE d.queue IN ('', v.queue) AND (d.ordered OR told.interaction IS NOT NULL) END,
    coalesce(talk.talk_s, 0), coalesce(talk.hold_s, 0), coalesce(wrap_up.wrap_up_s, 0),
    v.agent, coalesce(team.team, ''),
    v.skill,
    coalesce(nullif(CASE WHEN d.queue IN ('', v.queue) THEN d.category END, ''), v.category),
    coalesce(CASE WHEN d.queue IN ('', v.queue) THEN d.call_class END, ''),
    v.region, v.trunk, v.flow_version
FROM bulk_visits v
LEFT JOIN bulk_others other
    ON other.interaction = v.interaction AND other.started_at = v.started_at
LEFT JOIN (
    SELECT started_at, interaction, visit, sum(talk_s) AS talk_s, sum(hold_s) AS hold_s
    FROM talk_segments WHERE started_at BETWEEN $1 AND $2 GROUP BY 1, 2, 3
) talk ON v.outcome = 'answered' AND talk.interaction = v.interaction AND talk.visit = v.visit
    AND talk.started_at = v.started_at
LEFT JOIN (
    SELECT w.started_at, w.interaction, w.visit, sum(s.duration_s) AS wrap_up_s
    FROM agent_state_intervals s
    JOIN bulk_visits w ON w.interaction = s.interaction AND w.queue = s.queue
        AND w.agent = s.agent AND w.outcome = 'answered'
        AND s.started_at BETWEEN w.started_at - interval '1 day'
            AND w.started_at + interval '31 days'
    WHERE s.state = 'wrap_up'
        AND s.started_at BETWEEN $1::timestamptz - interval '1 day'
            AND $2::timestamptz + interval '31 days'
    GROUP BY 1, 2, 3
) wrap_up ON wrap_up.interaction = v.interaction AND wrap_up.visit = v.visit
    AND wrap_up.started_at = v.started_at
LEFT JOIN dispositions d
    ON v.outcome = 'answered' AND d.interaction = v.interaction AND d.started_at = v.started_at
    AND d.agent = v.agent AND d.started_at BETWEEN $1 AND $2
LEFT JOIN (
    SELECT DISTINCT ON (started_at, interaction, agent) started_at, interaction, agent, queue
    FROM order_events
    WHERE started_at BETWEEN $1 AND $2 AND interaction <> '' AND agent <> ''
    ORDER BY started_at, interaction, agent,
        entered_at DESC, order_id COLLATE "C" DESC, key COLLATE "C" DESC
) told ON v.outcome = 'answered' AND told.interaction = v.interaction
    AND told.started_at = v.started_at AND told.agent = v.agent
LEFT JOIN agent_team_spans team
    ON team.agent = v.agent AND team.from_at <= v.entered_at AND team.to_at > v.entered_at
WHERE v.outcome <> 'answered' OR other.interaction IS NULL
"""

_BY_VIEW = f"""
INSERT INTO kpi_facts ({FACT_COLUMNS})
SELECT {", ".join(f"k.{name.strip()}" for name in FACT_COLUMNS.split(","))}
FROM (
    SELECT v.started_at, v.interaction, v.visit FROM bulk_visits v
    JOIN bulk_others o ON o.started_at = v.started_at AND o.interaction = v.interaction
    WHERE v.outcome = 'answered'
) v JOIN kpi_visits k
    ON k.started_at = v.started_at AND k.interaction = v.interaction AND k.visit = v.visit
"""

_END = "DROP TABLE bulk_visits, bulk_others"

CONTACTS = """
SELECT i.project, i.started_at, i.trunk,
    flow_label(i.flow, i.flow_version) AS flow_version,
    traffic_outcome(
        visits.answered, talk.interaction IS NOT NULL, visits.callback, i.ended_at, i.ended_by
    ) AS outcome
FROM interactions i
LEFT JOIN (
    SELECT started_at, interaction, bool_or(outcome = 'answered') AS answered,
        bool_or(outcome = 'callback') AS callback
    FROM queue_visits WHERE started_at >= $1 AND started_at < $2 GROUP BY 1, 2
) visits ON visits.started_at = i.started_at AND visits.interaction = i.interaction
LEFT JOIN (
    SELECT DISTINCT started_at, interaction FROM talk_segments
    WHERE started_at >= $1 AND started_at < $2
) talk ON talk.started_at = i.started_at AND talk.interaction = i.interaction
WHERE i.direction = 'inbound'
"""
"""The view traffic_contacts for the contacts of [$1, $2), by joining whole tables: a condition on
the view's time would not reach what is grouped there. What became of a caller both have from the
same function."""
