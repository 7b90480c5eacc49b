"""What COPY's text brings into a table is what the driver would: for every kind of row."""

import asyncio
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs
from storage_site import LIMIT_S, START_US, Site, fetch, ship
from storage_traffic import started

from acd.calls import events as ev
from acd.calls.cdr_rows import CsatAnswer, Row
from acd.routing.model import Candidate
from acd.storage.copy_text import NULL, array_text, lines, moment_text
from acd.storage.database import BAD_DATA
from acd.storage.table import Table, at
from acd.storage.tables import TABLES

_TEXTS = st.text("\t\n\r\\\"'{},;N.x1a 好𝄞\x1a\x1b\x7f\x85\u2028\uffff", max_size=8).map(
    lambda text: "" if text == NULL else text
)
_SHORT, _LONG = st.integers(-(2**15), 2**15 - 1), st.integers(-(2**31), 2**31 - 1)
_FLOATS = st.floats(allow_nan=False)
_MOMENTS = st.integers(-62_135_596_799_999_999, 253_402_300_799_999_998)
"All but the first and the last of `datetime`, which the driver takes for infinity."
_VALUES: dict[object, st.SearchStrategy[Any]] = {
    str: _TEXTS,
    int: _SHORT,
    float: _FLOATS,
    bool: st.booleans(),
    float | None: st.none() | _FLOATS,
    int | None: st.none() | _LONG,
    bool | None: st.none() | st.booleans(),
    dict[str, str]: st.dictionaries(_TEXTS, _TEXTS, max_size=3),
    tuple[str, ...]: st.lists(_TEXTS, max_size=3).map(tuple),
    # JSON has no infinite numbers.
    tuple[Candidate, ...]: st.lists(
        st.builds(
            Candidate,
            _TEXTS,
            st.floats(allow_nan=False, allow_infinity=False),
            st.floats(0.0, 1e6),
        ),
        max_size=3,
    ).map(tuple),
}


def _rows(kind: type[Row]) -> st.SearchStrategy[Row]:
    values = {
        field.name: (st.none() | _MOMENTS if field.type == int | None else _MOMENTS)
        if field.name.endswith("_us")
        else _VALUES[field.type]
        for field in structs.fields(kind)
    }
    return st.builds(kind, **values)


class Stages:
    """The staging tables of one connection, empty again after each example."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(dsn))
        for table in TABLES.values():
            self._runner.run(self._connection.execute(table.make_stage))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()

    def by_text(self, table: Table, rows: list[Row]) -> list[asyncpg.Record]:
        async def source() -> Any:
            yield table.copy_text(rows)

        return self._runner.run(
            self._stored(
                table,
                self._connection.copy_to_table(
                    table.stage, source=source(), columns=table.columns, null=NULL
                ),
            )
        )

    def by_driver(self, table: Table, rows: list[Row]) -> list[asyncpg.Record]:
        return self._runner.run(
            self._stored(
                table,
                self._connection.copy_records_to_table(
                    table.stage,
                    columns=table.columns,
                    records=[table.values(row) for row in rows],
                ),
            )
        )

    async def _stored(self, table: Table, copying: Any) -> list[asyncpg.Record]:
        await copying
        found = await self._connection.fetch(f"SELECT * FROM {table.stage}")
        await self._connection.execute(f"TRUNCATE {table.stage}")
        return found


def test_a_time_is_written_to_the_microsecond() -> None:
    assert moment_text(0) == "1970-01-01 00:00:00.000000+00"
    assert moment_text(-1) == "1969-12-31 23:59:59.999999+00"
    assert moment_text(1_790_000_000_000_120) == "2026-09-21 14:13:20.000120+00"
    assert moment_text(None) == NULL


def test_what_would_end_a_value_or_a_row_is_escaped() -> None:
    assert lines([("call", 1, True, 0.5), ("", 2, False, -0.0)], 4) == (
        "call\t1\tTrue\t0.5\n\t2\tFalse\t-0.0\n"
    )
    for text, escaped in (("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r"), ("\\N", r"\\N")):
        assert lines([("call", 1), (f"a{text}b", 2)], 2) == f"call\t1\na{escaped}b\t2\n"


def test_an_array_is_quoted() -> None:
    assert array_text(()) == "{}"
    assert array_text(("a,b", 'c"d', "e\\f", "", "NULL")) == r'{"a,b","c\"d","e\\f","","NULL"}'


def test_what_copy_reads_is_what_the_driver_would_have_sent(dsn: str) -> None:
    with Stages(dsn) as stages:
        for table in TABLES.values():
            compared(stages, table)


def compared(stages: Stages, table: Table) -> None:
    @settings(
        max_examples=10,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=(HealthCheck.too_slow,),
    )
    @given(st.lists(_rows(table.kind), min_size=1, max_size=3))
    def same(rows: list[Row]) -> None:
        assert stages.by_text(table, rows) == stages.by_driver(table, rows), table.name

    same()


def test_a_time_that_the_driver_could_not_read_back_is_refused_before_anything_is_sent() -> None:
    row = CsatAnswer(
        interaction="call",
        started_us=10**18,
        project="main",
        question="q",
        at_us=0,
        score=5,
        scale_low=1,
        scale_high=5,
        comment="",
        channel="",
        agent="",
        queue="",
        entered_us=0,
        entered_by="",
    )
    with pytest.raises(BAD_DATA):
        TABLES[CsatAnswer].copy_text([row])


def test_any_text_arrives_as_it_was_told(dsn: str, tmp_path: Path) -> None:
    texts = [f"a{NULL}", r"\N", r"\.", "a\tb\nc\rd\\", '"{,}"', "None", "好\t好", ""]
    stored(dsn, tmp_path, texts)


def test_a_text_that_says_null_to_copy_is_stored_with_care(dsn: str, tmp_path: Path) -> None:
    stored(dsn, tmp_path, ["before", NULL, r"\N"])


def stored(dsn: str, folder: Path, texts: list[str]) -> None:
    """Ship flow steps with these outcomes, and find them all."""
    site = Site(folder)
    site.write([(0.0, started("call", "leg"))])
    step = ev.FlowStepTaken(interaction="call", flow="f", node="n", outcome="")
    site.write((1.0, structs.replace(step, outcome=text)) for text in texts)

    async def check() -> None:
        await ship(site, dsn)
        rows = await fetch(dsn, "SELECT outcome FROM flow_steps ORDER BY step")
        assert [row["outcome"] for row in rows] == texts
        assert await fetch(dsn, "SELECT * FROM set_aside") == []

    asyncio.run(asyncio.wait_for(check(), LIMIT_S))
    site.journal.close()


def test_of_two_rows_of_one_leg_in_a_batch_the_later_one_stands(dsn: str, tmp_path: Path) -> None:
    """The table takes each row once, by COPY, which has no way with a key that stands there."""
    site = Site(tmp_path)
    called = ev.PartyCalled(interaction="call", leg="other", sip_call_id="other@acd", number="1")
    ended = ev.LegEnded(interaction="call", leg="other", ended_by="peer", sip_status=486)
    again = ev.LegEnded(interaction="call", leg="other", ended_by="server", sip_status=200)
    site.write([(0.0, started("call", "leg")), (1.0, called), (2.0, ended)])
    site.write([(3.0, called), (4.0, again)])

    async def check() -> None:
        await ship(site, dsn)
        rows = await fetch(dsn, "SELECT ended_by, sip_status, began_at FROM legs")
        assert [tuple(row) for row in rows] == [("server", 200, at(START_US + 3_000_000))]
        assert await fetch(dsn, "SELECT * FROM set_aside") == []

    asyncio.run(asyncio.wait_for(check(), LIMIT_S))
    site.journal.close()


def test_a_number_that_no_column_holds_costs_no_other_row(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write([(0.0, started("call", "leg"))])
    for number, status in enumerate((200, 2**40, 486)):
        leg = f"leg{number}"
        called = ev.PartyCalled(interaction="call", leg=leg, sip_call_id=leg, number="1")
        ended = ev.LegEnded(interaction="call", leg=leg, ended_by="peer", sip_status=status)
        site.write([(1.0, called), (2.0, ended)])

    async def check() -> None:
        shipper = await ship(site, dsn)
        assert shipper.set_aside == 1
        rows = await fetch(dsn, "SELECT leg, sip_status FROM legs ORDER BY leg")
        assert [tuple(row) for row in rows] == [("leg0", 200), ("leg2", 486)]
        ((place, content),) = await fetch(dsn, "SELECT place, content FROM set_aside")
        assert place == "legs"
        assert str(2**40) in content

    asyncio.run(asyncio.wait_for(check(), LIMIT_S))
    site.journal.close()
