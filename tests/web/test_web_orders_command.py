"""`acd orders import`: through a server, and into the journal of one that does not run."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_web_trace_command import services

from acd.calls.events import CommandAudited, OrderChanged
from acd.cli import main
from acd.storage.journal import Journal
from acd.storage.journal_reader import JournalReader
from acd.web.app import WebServer, build_app
from acd.web.entry_bodies import OrderEntry
from acd.web.ports import CommandRefusedError, Posting, Told
from acd.web.token import load_or_create_token

CONFIG = Path(__file__).parents[2] / "config"
LAST_WEEK, YESTERDAY, TOMORROW = (
    (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d") for days in (-7, -1, 2)
)
"By the machine's own clock, which the command goes by; whole days apart from it in any zone."

ORDERS = f"""订单号,状态,时间,通话编号
A-1,下单,{LAST_WEEK} 10:15,01a2
A-1,签收,{YESTERDAY} 09:00,
B-1,下单,{LAST_WEEK} 11:00,nobody's
C-1,丢失,{LAST_WEEK} 11:00,
"""


class Shop:
    """Takes what is posted; one call is not known."""

    def __init__(self) -> None:
        self.entries: list[OrderEntry] = []
        self.keys: set[str] = set()

    async def order(self, entry: OrderEntry, posting: Posting) -> Told:
        if entry.interaction == "nobody's":
            raise CommandRefusedError("unknown_interaction", "no such call", field="interaction")
        replayed = posting.key in self.keys
        self.keys.add(posting.key)
        if not replayed:
            self.entries.append(entry)
        return Told(b"{}", replayed)


def words(file: Path, state: Path, *more: str) -> list[str]:
    folders = ["--config", str(CONFIG), "--state", str(state)]
    return ["orders", "import", str(file), *folders, *more]


@pytest.mark.asyncio
async def test_lines_are_told_once_and_mistakes_named(tmp_path, capsys) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS, encoding="gb18030")
    shop = Shop()
    asked = replace(services(load_or_create_token(tmp_path), {}), entries=shop)
    server = WebServer(build_app(asked))
    await server.start("127.0.0.1", 0)
    host, port = server.bound_address()
    there = ("--http", f"{host}:{port}")
    try:
        assert await asyncio.to_thread(main, words(file, tmp_path, *there, "--dry-run")) == 1
        assert shop.entries == []
        assert "3 lines could be taken: 2 placed, 1 signed" in capsys.readouterr().out
        assert await asyncio.to_thread(main, words(file, tmp_path, *there)) == 1
        said = capsys.readouterr()
        assert f"{file}:4: no such call" in said.err
        assert f"{file}:5: state '丢失' must be one of" in said.err
        assert "2 lines taken: 1 placed, 1 signed" in said.out
        assert await asyncio.to_thread(main, words(file, tmp_path, *there, "--json")) == 1
        assert json.loads(capsys.readouterr().out)["taken_before"] == 2
    finally:
        await server.close()
    assert [entry.state for entry in shop.entries] == ["placed", "signed"]


def test_without_a_server_its_journal_takes_them(tmp_path, capsys) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS.rpartition("C-1")[0], encoding="utf-8-sig")
    assert main(words(file, tmp_path)) == 1
    assert "no server has run on this state folder" in capsys.readouterr().err
    journal = Journal.open(
        tmp_path / "journal", node="n", boot="b", wall_us=lambda: 1, on_alarm=pytest.fail
    )
    journal.close()
    assert main(words(file, tmp_path)) == 0
    assert "3 lines taken" in capsys.readouterr().out
    reader = JournalReader(tmp_path / "journal", on_damage=pytest.fail)
    events = [entry.record.event for entry in reader if entry.record is not None]
    reader.close()
    told = [event for event in events if isinstance(event, OrderChanged)]
    assert [(one.order_id, one.state, one.by) for one in told] == [
        ("A-1", "placed", "import"),
        ("A-1", "signed", "import"),
        ("B-1", "placed", "import"),
    ]
    assert len({one.key for one in told}) == 3
    audited = [event for event in events if isinstance(event, CommandAudited)]
    assert [(one.by, one.role, one.action, one.subject) for one in audited] == [
        ("import", "admin", "order", subject) for subject in ("A-1 01a2", "A-1", "B-1 nobody's")
    ]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_what_is_dated_ahead_gets_into_no_journal(tmp_path, capsys, more) -> None:
    Journal.open(
        tmp_path / "journal", node="n", boot="b", wall_us=lambda: 1, on_alarm=pytest.fail
    ).close()
    file = tmp_path / "orders.csv"
    file.write_text(f"order,state,at\nA-1,placed,{LAST_WEEK} 10:15\nA-1,signed,{TOMORROW} 23:00\n")
    assert main(words(file, tmp_path, *more)) == 1
    said = capsys.readouterr()
    assert f"{file}:3: at {TOMORROW}T23:00:00" in said.err
    assert "lies ahead: it must have been by" in said.err
    assert ": 1 placed" in said.out


def test_what_a_server_would_refuse_is_not_taken_without_one(tmp_path, capsys) -> None:
    journal = Journal.open(
        tmp_path / "journal", node="n", boot="b", wall_us=lambda: 1, on_alarm=pytest.fail
    )
    end = journal.end
    journal.close()
    file = tmp_path / "orders.csv"
    file.write_text(
        "order,state,at,category\n"
        "A,placed,0026-11-28 10:00,\n"
        f"B,placed,{YESTERDAY} 10:00,nothing of ours\n"
    )
    for more in ((), ("--dry-run",)):
        assert main(words(file, tmp_path, *more)) == 1
        said = capsys.readouterr().err
        assert f"{file}:2: at 0026-11-28T10:00:00" in said
        assert f"{file}:3: category must be one of" in said
    reader = JournalReader(tmp_path / "journal", end, on_damage=pytest.fail)
    kinds = {type(entry.record.event) for entry in reader if entry.record is not None}
    reader.close()
    assert OrderChanged not in kinds


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"order,state\n", "orders.csv:1: the first line must name the columns"),
        (b"order,state,at\n\xff\xff\n", "orders.csv: byte 15 is no gb18030"),
        (bytes((64 << 20) + 1), "orders.csv: is larger than 64 MB"),
    ],
    ids=["columns", "encoding", "size"],
)
def test_a_file_that_cannot_be_read_at_all_is_one_clear_error(
    tmp_path, capsys, content: bytes, said: str
) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(content)
    assert main(words(file, tmp_path, "--dry-run")) == 1
    assert said in capsys.readouterr().err


def test_a_currency_that_does_not_exist_is_one_clear_error(tmp_path, capsys) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS)
    assert main(words(file, tmp_path, "--currency", "rmb")) == 1
    assert "--currency: " in (said := capsys.readouterr().err)
    assert "CNY" in said
