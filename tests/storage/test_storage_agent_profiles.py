"""Which team an agent was in, at any time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage_site import START_US, Site, fetch, ship

from acd.calls import events as ev

START = datetime.fromtimestamp(START_US / 1e6, UTC)


def test_the_team_of_an_agent_at_a_time(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    first = ev.AgentDescribed(
        agent="1001", name="王丽", team="一组", skills={"sales": "AAA"}, groups=("mobile",)
    )
    # Of what the same microsecond tells, the later record counts.
    site.write([(10.0, ev.AgentDescribed(agent="1001", team="无")), (10.0, first)])
    site.write([(70.0, ev.AgentDescribed(agent="1001", team="二组", configured=False))])
    site.write([(20.0, ev.AgentDescribed(agent="1002", team="三组"))])

    async def check() -> None:
        await ship(site, dsn)
        asked = [(agent, s) for agent in ("1001", "1002", "1003") for s in (0, 10, 69, 70, 900)]
        found = [
            (await fetch(dsn, "SELECT agent_team_at($1, $2)", agent, START + timedelta(seconds=s)))
            for agent, s in asked
        ]
        assert [rows[0][0] for rows in found] == [
            *("", "一组", "一组", "二组", "二组"),
            *("", "", "三组", "三组", "三组"),
            *("", "", "", "", ""),
        ]
        (row,) = await fetch(
            dsn,
            "SELECT p.name, p.skills ->> 'sales', p.groups, p.configured"
            " FROM agent_profile_at('1001', $1) p",
            START + timedelta(seconds=30),
        )
        assert tuple(row) == ("王丽", "AAA", ["mobile"], True)
        assert await fetch(dsn, "SELECT * FROM set_aside") == []

    asyncio.run(check())
    site.journal.close()
