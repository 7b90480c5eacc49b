"""Which DSNs are refused at once, and which only the database can tell about."""

import asyncio

import asyncpg
import pytest

from acd.config.dsn import dsn_fault

GOOD = (
    "",
    "postgresql://acd:secret@db/acd",
    "postgres://acd:p%40ss%2Fword@db.example.com:5432/acd",
    "postgresql://acd@[2001:db8::1]:5433/acd",
    "postgresql://acd@[::1]/acd",
    "postgresql:///acd?host=/var/run/postgresql",
    "postgresql://acd@/acd?host=/tmp/a%20b&port=5432",
    "postgresql://acd:x@one:5432,two:5433/acd?target_session_attrs=read-write",
    "postgresql://acd:x@db/acd?sslmode=require",
)

MALFORMED = (
    "postgres//acd:secret@db/acd",
    "mysql://acd:secret@db/acd",
    "host=localhost dbname=acd",
    "postgresql://acd:secret@db:port/acd",
    "postgresql://acd:secret@db:0/acd",
    "postgresql://acd:secret@db:99999/acd",
    "postgresql://acd:secret@[::1/acd",
    "postgresql://acd:secret@::1/acd",
    "postgresql://acd:sec/ret@db/acd",
    "postgresql://acd:sec@ret@db/acd",
    "postgresql://acd:sec%ret@db/acd",
    "postgresql://acd:secret@one,,two/acd",
    "postgresql://acd:secret@db/acd?sslmode=on",
    "postgresql://acd:secret@one,two/acd?target_session_attrs=master",
)


@pytest.mark.parametrize("dsn", GOOD)
def test_what_may_be_right_is_left_to_the_database(dsn: str) -> None:
    assert dsn_fault(dsn) is None


@pytest.mark.parametrize("dsn", MALFORMED)
def test_what_never_connects_is_told_without_its_password(dsn: str) -> None:
    told = dsn_fault(dsn)
    assert told is not None
    assert "malformed DSN" in told[0]
    assert "sec" not in " ".join(told)


@pytest.mark.parametrize("name", ["sslmode", "target_session_attrs"])
def test_the_driver_refuses_the_same_values(name: str) -> None:
    async def connect() -> None:
        await asyncpg.connect(f"postgresql://acd:x@127.0.0.1:1/acd?{name}=nonsense")

    with pytest.raises(asyncpg.ClientConfigurationError):
        asyncio.run(connect())
