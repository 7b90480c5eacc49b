"""Repeat calls are recognised by a keyed hash, and by nothing that tells the number."""

import asyncio
import base64
import hashlib
import hmac
from pathlib import Path

import asyncpg
import pytest
from storage_site import LIMIT_S, Running, Site, fetch
from storage_traffic import started

from acd.calls import events as ev
from acd.storage.customer_backfill import fill_customer_keys
from acd.storage.customer_keys import FILE, CustomerKeys, customer_number, load_or_create_key
from acd.storage.errors import CustomerKeyError

KEY = bytes(range(32))
NUMBER = "+8613812345678"


def expected(number: str) -> str:
    digest = hmac.new(KEY, number.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:12]).decode()


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = load_or_create_key(tmp_path)
    assert len(first) == 32
    assert load_or_create_key(tmp_path) == first
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE).chmod(0o644)
    assert load_or_create_key(tmp_path) == first
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert load_or_create_key(tmp_path / "other") != first


@pytest.mark.parametrize("content", [b"", b"abc\n", b"\xff\xfe", b"G" * 64])
def test_a_file_that_holds_no_key_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(CustomerKeyError, match="put a copy of it back"):
        load_or_create_key(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize(
    ("direction", "caller", "number", "customer"),
    [
        ("inbound", NUMBER, "", NUMBER),
        ("inbound", "110", "", "110"),
        ("inbound", "", "", ""),
        ("inbound", "anonymous", "", ""),
        ("inbound", "+86 138", "", ""),
        ("outbound", "1001", NUMBER, NUMBER),
        ("callback", NUMBER, NUMBER, NUMBER),
        ("internal", "1001", "1002", ""),
    ],
)
def test_who_the_customer_is(direction: str, caller: str, number: str, customer: str) -> None:
    assert customer_number(direction, caller, number) == customer


def ended(call: str) -> ev.CallEnded:
    return ev.CallEnded(interaction=call, ended_by="caller", reason="hangup")


CALLS = [
    (0.0, started("in", "l1", caller=NUMBER)),
    (1.0, ended("in")),
    (2.0, started("out", "l2", caller="1001", direction="outbound", number=NUMBER)),
    (3.0, ended("out")),
    (4.0, started("hidden", "l3", caller="", withheld=True)),
    (5.0, ended("hidden")),
    (6.0, started("colleague", "l4", caller="1001", direction="internal", number="1002")),
    (7.0, ended("colleague")),
    (8.0, started("other", "l5", caller="+8613900000000")),
    (9.0, ended("other")),
]
KEYS = {
    "in": expected(NUMBER),
    "out": expected(NUMBER),
    "hidden": "",
    "colleague": "",
    "other": expected("+8613900000000"),
}


async def ship(site: Site, dsn: str, key: bytes) -> None:
    async with asyncio.timeout(LIMIT_S), Running(site.shipper(dsn, customer_key=key)) as shipper:
        await shipper.drain()


async def stored(dsn: str) -> dict[str, str]:
    return {
        row["interaction"]: row["customer_key"]
        for row in await fetch(dsn, "SELECT interaction, customer_key FROM interactions")
    }


def test_the_shipper_fills_it_in_for_calls_that_ended_and_those_under_way(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    waits = ev.QueueEntered(interaction="waits", visit="v", queue="sales", kind="sales")
    site.write([*CALLS, (10.0, started("waits", "l6", caller=NUMBER)), (11.0, waits)])

    async def check() -> None:
        await ship(site, dsn, KEY)
        assert await stored(dsn) == KEYS | {"waits": expected(NUMBER)}

    asyncio.run(check())
    site.journal.close()


def test_older_rows_get_it_later_and_all_of_them_after_the_key_was_lost(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    site.write(CALLS)

    async def fill(key: bytes, *, again: bool) -> int:
        connection = await asyncpg.connect(dsn)
        try:
            told: list[int] = []
            done = await fill_customer_keys(
                connection, CustomerKeys(key), again=again, on_progress=told.append
            )
            assert told[-1] == done
            return done
        finally:
            await connection.close()

    async def check() -> None:
        await ship(site, dsn, b"")
        assert set((await stored(dsn)).values()) == {""}
        other = bytes(32)
        assert await fill(other, again=False) == 3
        made = await stored(dsn)
        assert made["in"] == made["out"] not in {"", KEYS["in"], made["other"]}
        assert await fill(KEY, again=False) == 0
        assert await fill(KEY, again=True) == 3
        assert await stored(dsn) == KEYS
        assert await fill(KEY, again=True) == 0

    asyncio.run(check())
    site.journal.close()
