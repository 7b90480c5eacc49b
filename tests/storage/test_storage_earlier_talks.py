"""Who is remembered of a caller's earlier talks after a restart, asked of a real Postgres."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from storage_dated import NOW, DatedJournal
from storage_traffic import started

from acd.app.earlier_contacts import learn_contacts
from acd.calls import events as ev
from acd.calls.contacts import LAST_AGENT, OPEN_MATTER, Contacts
from acd.storage.earlier_talks import EarlierTalk, earlier_talks

WEEK_S = 7 * 86_400.0


class Days(DatedJournal):
    """Talks of some days."""

    def talk(
        self,
        name: str,
        caller: str,
        agent: str,
        *,
        ago: timedelta,
        solved: bool | None = None,
        classed_by: str = "",
        **told: object,
    ) -> None:
        leg, visit = f"leg {name}", f"visit {name}"
        talk = {"interaction": name, "agent": agent, "leg": f"agent {name}"}
        visited = {"visit": visit, "queue": "sales"}
        happened: list[ev.Event] = [
            started(name, leg, caller=caller, **told),
            ev.QueueEntered(interaction=name, kind="sales", **visited),
            ev.QueueLeft(
                interaction=name, reason="answered", waited_s=1.0, agent=agent, **visited
            ),
            ev.AgentConnected(**talk, **visited),
            ev.AgentDisconnected(**talk, **visited, talk_s=5.0, hold_s=0.0),
        ]
        if solved is not None:
            happened.append(
                ev.DispositionEntered(
                    interaction=name,
                    agent=classed_by or agent,
                    queue="sales",
                    call_class="inquiry",
                    solved=solved,
                )
            )
        happened += [
            ev.LegEnded(interaction=name, leg=leg, ended_by="peer"),
            ev.CallEnded(interaction=name, ended_by="caller", reason="hangup"),
        ]
        self.note(NOW - ago, happened)


def test_talks_of_callers_who_may_be_told_oldest_first(dsn: str, tmp_path: Path) -> None:
    days = Days(tmp_path)
    days.talk("stale", "1380001", "1001", ago=timedelta(days=8))
    days.talk("open", "1380001", "1002", ago=timedelta(days=2), solved=False)
    days.talk("hidden", "1380002", "1003", ago=timedelta(days=1), withheld=True)
    days.talk("later", "1380001", "1004", ago=timedelta(hours=3))
    days.talk("other", "1380003", "1005", ago=timedelta(hours=1), solved=True, classed_by="1009")

    async def ask(most: int) -> list[EarlierTalk]:
        found = earlier_talks(connection, within_s=WEEK_S, most=most)
        return [talk async for chunk in found for talk in chunk]

    async def scenario() -> None:
        nonlocal connection
        connection = await days.shipped(dsn)
        try:
            found = await ask(100)
            assert [(talk.interaction, talk.caller, talk.agent) for talk in found] == [
                ("open", "1380001", "1002"),
                ("later", "1380001", "1004"),
                ("other", "1380003", "1005"),
            ]
            # Whose disposition it is decides who is responsible; another's says nothing here.
            assert [talk.solved for talk in found] == [False, None, None]
            assert found[0].began_s == (NOW - timedelta(days=2)).timestamp()
            # The newest are those that are kept.
            assert [talk.interaction for talk in await ask(2)] == ["later", "other"]
        finally:
            await connection.close()

    connection: asyncpg.Connection
    asyncio.run(scenario())


def test_a_restarted_server_prefers_whom_it_preferred_before() -> None:
    monotonic = 1_000.0
    wall_s = datetime.now(UTC).timestamp()
    contacts = Contacts(kept_s=WEEK_S, maximum=10)
    contacts.talked("1380004", "1008", "live", monotonic - 1.0)

    async def talks():
        yield [
            EarlierTalk("1380001", "1002", "open", wall_s - 2 * 86_400, False),
            EarlierTalk("1380001", "1004", "later", wall_s - 3_600, None),
        ]
        yield [EarlierTalk("1380004", "1001", "before", wall_s - 60, None)]

    asyncio.run(learn_contacts(contacts, talks(), lambda: monotonic))
    reasons = (OPEN_MATTER, LAST_AGENT)
    first = contacts.preferred("1380001", reasons, monotonic)
    assert [(one.agent, one.reason) for one in first] == [
        ("1002", OPEN_MATTER),
        ("1004", LAST_AGENT),
    ]
    assert contacts.visits("1380001", monotonic) == 2
    # What has happened since the start is newer than anything on record.
    assert contacts.preferred("1380004", reasons, monotonic)[0].agent == "1008"
    # Ages count from then, not from the start.
    assert contacts.preferred("1380001", reasons, monotonic + WEEK_S - 3_500) == ()
