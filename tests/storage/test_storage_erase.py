"""A customer who wants to be forgotten is, and stays so; figures do not change by it."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from kpi_function import queue_kpis
from msgspec.structs import astuple
from storage_site import START_US, Running, Site, fetch
from storage_traffic import started, timeline
from test_storage_replay import KEY, checked, moved_back, shipped, until_shipped, wrong

from acd.calls import events as ev
from acd.calls.cdr_rows import AuditEntry
from acd.sip.phone_numbers import ways_of_writing
from acd.storage import erase as erasing
from acd.storage.customer_keys import CustomerKeys
from acd.storage.erasures import (
    FILE,
    Eraser,
    Erasure,
    add_erasures,
    pattern_of,
    read_erasures,
)
from acd.storage.errors import ErasureError
from acd.storage.frames import segments
from acd.storage.replay import first_position

NUMBER, OTHER = "+8613812345678", "+8613900000000"
SPACED = "138 1234-5678"
KEYS = CustomerKeys(KEY)

TEXT_COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' AND data_type IN ('text', 'jsonb')
    AND table_name IN (SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')
        AND NOT relispartition)
"""


def story() -> list[tuple[float, ev.Event]]:
    """The customer calls, is called, is called back, is transferred; another one calls too."""
    visit = {"interaction": "in", "visit": "v", "queue": "sales"}
    transfer = {"interaction": "other", "transfer": "t", "agent": "1001", "kind": "blind"}
    wish = {"interaction": "in", "callback": "in", "queue": "sales", "number": NUMBER}
    wish |= {"requested_us": START_US, "first_enqueued_us": START_US}
    return [
        (0.0, started("in", "l1", caller=NUMBER, caller_name="Li")),
        (1.0, ev.QueueEntered(**visit, kind="sales")),
        (2.0, ev.FlowStepTaken(interaction="in", flow="f", node="n", outcome="x", note=NUMBER)),
        (9.0, ev.QueueLeft(**visit, reason="abandoned", waited_s=8.0)),
        (9.0, ev.CallEnded(interaction="in", ended_by="caller", reason="hangup")),
        (10.0, ev.CallbackRequested(**wish)),
        (20.0, started("out", "l2", caller="1001", called="013812345678", direction="outbound",
            number=NUMBER)),
        (21.0, ev.PartyCalled(interaction="out", leg="l3", sip_call_id="x", number=NUMBER)),
        (25.0, ev.LegEnded(interaction="out", leg="l3", ended_by="peer")),
        (25.0, ev.CallEnded(interaction="out", ended_by="called", reason="hangup")),
        (30.0, started("other", "l4", caller=OTHER)),
        (31.0, ev.TransferRequested(**transfer, leg="a", target=NUMBER)),
        (32.0, ev.TransferFailed(**transfer, reason="busy")),
        (33.0, ev.CallEnded(interaction="other", ended_by="caller", reason="hangup")),
        (34.0, ev.CommandAudited(by="li", role="admin", action="status", subject="1001",
            why=f"asked by {NUMBER}, {SPACED}")),
    ]  # fmt: skip


async def places(dsn: str, text: str) -> list[str]:
    """Every column of every table in which the text still stands."""
    found = []
    for table, column in await fetch(dsn, TEXT_COLUMNS):
        query = f"SELECT count(*) FROM {table} WHERE position($1 IN {column}::text) > 0"
        ((count,),) = await fetch(dsn, query, text)
        found += [f"{table}.{column}"] * (count > 0)
    return found


async def erase(dsn: str, site: Site, **who: object) -> erasing.Erased:
    connection = await asyncpg.connect(dsn)
    wanted = {"numbers": ways_of_writing(NUMBER, "CN"), "customer_key": "", **who}
    try:
        return await erasing.erase(
            *(connection, site.erased.parent, KEYS),
            now_us=START_US + 40_000_000,
            by="root",
            **wanted,
        )
    finally:
        await connection.close()


async def figures(dsn: str):
    connection = await asyncpg.connect(dsn)
    begin = datetime.fromtimestamp(START_US / 1e6, UTC)
    try:
        found = await queue_kpis(
            connection, from_at=begin - timedelta(days=1), to_at=begin + timedelta(days=1)
        )
    finally:
        await connection.close()
    # A row that was changed is summed up at another place than before.
    return [
        [round(value, 9) if isinstance(value, float) else value for value in astuple(one)]
        for one in found
    ]


def test_the_number_is_nowhere_any_more_and_figures_stay(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path, keep_bytes=1 << 30)
    site.write([*story(), *((100 + at_s, event) for at_s, event in timeline(31, 30))])

    async def check() -> None:
        await shipped(site, dsn)
        assert set(await places(dsn, NUMBER)) == {
            *("interactions.caller", "interactions.number", "legs.number", "callbacks.number"),
            *("transfers.target", "flow_steps.note", "audit.why"),
        }
        before = await figures(dsn)
        done = await erase(dsn, site)
        assert await places(dsn, "13812345678") == []
        assert await places(dsn, SPACED) == []
        assert await places(dsn, "Li") == []
        assert await figures(dsn) == before
        rows = await fetch(dsn, "SELECT interaction, customer_key FROM interactions"
            " WHERE interaction IN ('in', 'out', 'other') ORDER BY 1")  # fmt: skip
        found = dict(map(tuple, rows))
        assert found == {
            "in": done.pseudonym,
            "out": done.pseudonym,
            "other": KEYS.of(OTHER),
        }
        ((subject, by),) = await fetch(
            dsn, "SELECT subject, changed_by FROM audit WHERE action = 'erase'"
        )
        assert (subject, by) == (done.pseudonym, "root")
        assert NUMBER not in (tmp_path / FILE).read_text()
        assert done.rows["interactions"] == 2

    asyncio.run(check())
    site.journal.close()


def test_nothing_that_is_shipped_again_brings_it_back(
    copied: Callable[[str], str], dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, keep_bytes=1 << 30)
    site.write(story())
    comment = f"call me at {SPACED}, not at 138123456789"
    site.write([(35.0, ev.CsatRecorded(interaction="in", at_us=START_US, comment=comment))])
    asyncio.run(shipped(site, dsn))
    backup = copied(dsn)

    async def check() -> None:
        async with Running(site.shipper(dsn, customer_key=KEY)) as shipper:
            await shipper.drain()
            await erase(dsn, site)
            await moved_back(dsn, site, first_position(tmp_path))
            await until_shipped(dsn, site)
            assert await places(dsn, "13812345678") == ["csat_answers.comment"]
            ((left,),) = await fetch(dsn, "SELECT comment FROM csat_answers")
            assert left == "call me at , not at 138123456789"
            assert wrong(await checked(site, dsn)) == {}
            # Who calls again later is a customer like any other.
            site.write([(50.0, started("again", "l9", caller=NUMBER))])
            site.write([(60.0, ev.CallEnded(interaction="again", ended_by="x", reason="y"))])
            await shipper.drain()
            rows = await fetch(
                dsn, "SELECT interaction, customer_key FROM interactions WHERE caller = $1", NUMBER
            )
            assert [tuple(row) for row in rows] == [("again", KEYS.of(NUMBER))]
        # A backup holds it; restored and shipped again from its begin, it is clean as well.
        await moved_back_all(backup, site)
        await shipped(site, backup)
        assert await places(backup, "Li") == []
        assert await places(backup, NUMBER) == ["interactions.caller"]  # who called again later
        assert await places(backup, SPACED) == []

    asyncio.run(check())
    site.journal.close()


async def moved_back_all(dsn: str, site: Site) -> None:
    await fetch(dsn, "DELETE FROM journal_position")


def test_by_its_hash_alone_a_customer_is_found(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(story())

    async def check() -> None:
        await shipped(site, dsn)
        connection = await asyncpg.connect(dsn)
        numbers = await erasing.numbers_of(connection, KEYS.of(NUMBER))
        await connection.close()
        assert numbers == {NUMBER}
        await erase(dsn, site, numbers=numbers, customer_key=KEYS.of(NUMBER))
        assert await places(dsn, NUMBER) == []

    asyncio.run(check())
    site.journal.close()


def test_a_number_in_a_text_is_that_number_however_it_is_written_and_no_other() -> None:
    ways = ways_of_writing("13812345678", "CN")
    assert ways == {
        *("13812345678", "+8613812345678", "8613812345678", "008613812345678", "013812345678"),
    }
    assert ways_of_writing("+13812345678", "CN") == {
        "+13812345678",
        "0013812345678",
    }
    assert ways_of_writing("95588", "CN") == {"95588"}
    eraser = Eraser(KEYS, tuple(Erasure(KEYS.of(way), "erased", START_US) for way in ways))
    pattern = pattern_of(ways)
    for text, left in {
        "13812345678": "",
        "ask +86 138-1234-5678 (Li)": "ask  (Li)",
        "(0138) 1234.5678": "(",
        "1381234567890": "1381234567890",
        "9913812345678": "9913812345678",
        "138123456781 13812345678": "138123456781 ",
        "01a22743-a919-7001-a07d-8dcf85cdf8f8": "01a22743-a919-7001-a07d-8dcf85cdf8f8",
    }.items():
        row = audited(START_US - 1, text)
        eraser.clean(row)
        assert row.why == left
        assert re.sub(pattern, "", text) == left, "as the tables are cleaned"
        later = audited(START_US, text)
        eraser.clean(later)
        assert later.why == text


def audited(at_us: int, why: str) -> AuditEntry:
    return AuditEntry(
        **dict.fromkeys(("node", "boot", "project", "role", "action", "subject"), ""),
        **dict.fromkeys(("changed_by", "before", "after"), ""),
        seq=1,
        started_us=at_us,
        why=why,
    )


def test_an_extension_is_nobody_to_be_erased(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    with pytest.raises(ErasureError, match="fewer than 7 digits"):
        asyncio.run(erase(dsn, site, numbers={"1001"}))
    assert read_erasures(tmp_path / FILE) == ()
    site.journal.close()


def test_a_damaged_note_is_never_passed_over(tmp_path: Path) -> None:
    path = tmp_path / FILE
    add_erasures(path, (Erasure("key", "name", 1),))
    assert path.stat().st_mode & 0o777 == 0o600
    add_erasures(path, (Erasure("other", "name", 2),))
    assert [one.customer_key for one in read_erasures(path)] == ["key", "other"]
    path.write_text("[{]")
    with pytest.raises(ErasureError, match="put a copy of it back"):
        read_erasures(path)


def test_kept_segments_can_go_at_once(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=5000, keep_bytes=1 << 30)
    site.write(timeline(32, 30))
    asyncio.run(shipped(site, dsn))
    before = segments(tmp_path)
    assert erasing.drop_kept(tmp_path) > 2
    assert segments(tmp_path)[-1] == before[-1]
    assert len(segments(tmp_path)) < len(before)
    site.write([(100.0, started("more", "leg"))])
    asyncio.run(shipped(site, dsn))
    site.journal.close()
