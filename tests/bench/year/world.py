"""What stands beside the months: queues, customers, lists of candidates, and how ids are made."""

import asyncpg
import numpy as np

from acd.storage.customer_keys import CustomerKeys

from .contacts import NOBODY, customers
from .floor import PER_PROJECT, QUEUES
from .plan import Plan

PROJECTS = ("main", "insurance", "loans", "travel")
TEAM = 20
"Agents of a team."

CANDIDATES = 6
"Most candidates in an offer's record here; ten are kept at most."

KEY = b"the key of an invented centre..."
"Of the customers' hashes: a real one is made by chance and kept secret."

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS history;
CREATE TABLE IF NOT EXISTS history.months (
    first date, name text, interactions bigint NOT NULL, took_s float8 NOT NULL,
    PRIMARY KEY (first, name)
);
CREATE TABLE IF NOT EXISTS history.year (
    first date, months integer, interactions bigint, seed bigint, agents integer
);
"""

KINDS = """
CREATE TABLE IF NOT EXISTS history.queues (
    queue smallint PRIMARY KEY, name text, kind text, project text, hotline text, flow text,
    priority integer
);
CREATE TABLE IF NOT EXISTS history.candidates (
    agent integer, total integer, candidates jsonb, PRIMARY KEY (agent, total)
);
CREATE TABLE IF NOT EXISTS history.customers (
    customer integer PRIMARY KEY, number text NOT NULL, customer_key text NOT NULL
);
"""


def queue_name(queue: int) -> str:
    """Return a queue's name."""
    project, place = PROJECTS[queue // PER_PROJECT], queue % PER_PROJECT
    words = ("sales", "sales_vip", "sales_tv", "service", "complaints")
    return words[place] if project == "main" else f"{project}_{words[place]}"


def kind_name(queue: int) -> str:
    """Return a queue's kind."""
    return "sales" if queue % PER_PROJECT < 3 else "service"


async def make_world(connection: asyncpg.Connection, plan: Plan) -> None:
    """Make what all months need, unless it is there."""
    await connection.execute(SCHEMA + KINDS)
    if await connection.fetchval("SELECT count(*) FROM history.queues"):
        return
    async with connection.transaction():
        await connection.copy_records_to_table(
            "queues", schema_name="history", records=[_queue(queue) for queue in range(QUEUES)]
        )
        await connection.execute(_PROFILES, plan.year.first, plan.year.agents, TEAM, QUEUES)
        await connection.execute(_CANDIDATES, plan.year.agents, CANDIDATES, QUEUES)
        await connection.copy_records_to_table(
            "customers", schema_name="history", records=_customers(customers(plan))
        )
    await connection.execute("ANALYZE history.customers")


def _queue(queue: int) -> tuple[int, str, str, str, str, str, int]:
    project = PROJECTS[queue // PER_PROJECT]
    hotline = f"400{queue // PER_PROJECT}{queue % PER_PROJECT // 3}00"
    flow = "hotline" if project == "main" else f"hotline_{project}"
    priority = 10 if kind_name(queue) == "sales" else 0
    return queue, queue_name(queue), kind_name(queue), project, hotline, flow, priority


_PROFILES = """
INSERT INTO agent_profiles
    (project, started_at, node, boot, seq, agent, name, team, leader, skills, groups, configured)
SELECT 'main', $1::date::timestamptz + since * interval '182 days', 'node1', 'profiles',
    2 * a + since, (1001 + a)::text, 'agent ' || (1001 + a), 'team ' || team, 'leader ' || team,
    jsonb_build_object(q.name, (ARRAY['C', 'B', 'A', 'AA', 'AAA'])[a % 5 + 1]), '{}', true
FROM generate_series(0, $2 - 1) a
-- One agent in ten is in another team from the year's middle on.
JOIN generate_series(0, 1) since ON since = 0 OR a % 10 = 0
CROSS JOIN LATERAL (SELECT (a / $3 + since) % greatest($2 / $3, 1) + 1 AS team) t
JOIN history.queues q ON q.queue = a % $4
ON CONFLICT DO NOTHING
"""

_CANDIDATES = """
INSERT INTO history.candidates
SELECT a, n, jsonb_agg(jsonb_build_object(
    'agent', (1001 + (a + k * $3) % $1)::text,
    'score', round((0.55 - 0.03 * k)::numeric, 4), 'idle_s', round((7.3 * (k + 1))::numeric, 1)
) ORDER BY k)
FROM generate_series(0, $1 - 1) a, generate_series(1, $2) n, generate_series(0, n - 1) k
GROUP BY a, n
"""


def _customers(count: int) -> list[tuple[int, str, str]]:
    """Return so many customers with a mobile number each, none of them twice."""
    keys = CustomerKeys(KEY)
    # A prime below 10^9 and a factor without common divisor: each number once, in no order.
    mixed = (np.arange(count, dtype=np.int64) * 387_420_489 + 1_234_567) % 999_999_937
    rows = [(index, f"13{number:09}") for index, number in enumerate(mixed.tolist())]
    return [(NOBODY, "anonymous", ""), *((index, text, keys.of(text)) for index, text in rows)]
