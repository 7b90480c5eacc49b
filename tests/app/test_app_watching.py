"""Watching: each change is seen without looking at a clock; what cannot be watched is told."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from asyncinotify import Inotify

from acd.app import watching
from acd.app.watching import watch

LIMIT_S = 30.0


class Watcher:
    """Counts the looks at a folder."""

    def __init__(self, folder: Path, *, below: bool = True) -> None:
        self.looks = 0
        self._looked = asyncio.Event()
        self.task = asyncio.create_task(watch(lambda: {folder}, self._look, below=below))

    async def _look(self) -> None:
        self.looks += 1
        self._looked.set()

    async def after(self, change: Callable[[], object]) -> None:
        """Change something and wait until it was looked at."""
        await self.begun()
        self._looked.clear()
        change()
        async with asyncio.timeout(LIMIT_S):
            await self._looked.wait()

    async def begun(self) -> None:
        """Let the task come as far as its first wait."""
        await asyncio.sleep(0)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.mark.asyncio
async def test_files_written_replaced_and_removed_are_seen(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    file, new = tmp_path / "queues.yaml", tmp_path / "queues.yaml.new"
    await watcher.after(lambda: file.write_text("a"))
    await watcher.after(lambda: file.write_text("b"))
    new.write_text("c")
    await watcher.after(lambda: new.replace(file))
    await watcher.after(file.unlink)
    await watcher.stop()


@pytest.mark.asyncio
async def test_what_changed_before_the_watching_began_is_seen(tmp_path: Path) -> None:
    (tmp_path / "queues.yaml").write_text("saved while the server started")
    watcher = Watcher(tmp_path)
    await watcher.begun()
    assert watcher.looks == 1
    await watcher.stop()


@pytest.mark.asyncio
async def test_changes_close_together_are_one(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)

    def write_many() -> None:
        for number in range(50):
            (tmp_path / f"{number}.yaml").write_text("x")

    await watcher.begun()
    assert watcher.looks == 1
    await watcher.after(write_many)
    assert watcher.looks == 2
    await watcher.stop()


@pytest.mark.asyncio
async def test_folders_that_come_later_are_watched_too(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    await watcher.after((tmp_path / "prompts").mkdir)
    await watcher.after(lambda: (tmp_path / "prompts" / "a.wav").write_bytes(b"RIFF"))
    await watcher.stop()


@pytest.mark.asyncio
async def test_a_link_that_points_elsewhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "1.pem").write_text("1")
    (tmp_path / "2.pem").write_text("2")
    link, new = tmp_path / "live.pem", tmp_path / ".new"
    link.symlink_to("1.pem")
    new.symlink_to("2.pem")
    watcher = Watcher(tmp_path, below=False)
    await watcher.after(lambda: new.replace(link))
    await watcher.stop()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_folder_that_is_gone_is_told_once_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    with structlog.testing.capture_logs() as lines:
        watcher = Watcher(folder)
        await watcher.after(folder.rmdir)
        await asyncio.sleep(10 * watching.WATCH_AGAIN_S)
        looks = watcher.looks
        folder.mkdir()
        (folder / "agents.yaml").write_text("x")
        await asyncio.sleep(2 * watching.WATCH_AGAIN_S)
        assert watcher.looks == looks + 1  # nobody tells of what was put there meanwhile
        await watcher.after(lambda: (folder / "queues.yaml").write_text("x"))
        await watcher.stop()
    assert [line["event"] for line in lines] == ["watch_failed"]
    assert "SIGHUP" in lines[0]["instead"]


def no_kernel_support() -> Inotify:
    raise OSError(errno.ENOSYS, "Function not implemented")


@pytest.mark.asyncio
async def test_a_kernel_that_cannot_watch_leaves_sighup(tmp_path: Path) -> None:
    async def look() -> None:
        pytest.fail("nothing was seen")

    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(LIMIT_S):
            await watch(lambda: {tmp_path}, look, below=True, new_inotify=no_kernel_support)
    assert [line["event"] for line in lines] == ["watch_failed"]
