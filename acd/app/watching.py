"""Tells when files change. The kernel says so (inotify): nothing looks again and again."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import structlog
from asyncinotify import Event, Inotify, Mask

log = structlog.get_logger(__name__)

SETTLE_S = 0.3
"An editor writes a file in several steps; changes this close together are one."

GROUP_S = 3.0
"Files that do not come to rest are looked at so often; whoever has saved one waits no longer."

WATCH_AGAIN_S = 5.0
"After the watching failed: the folder is gone, or the kernel has no more watches to give."

CHANGED = Mask.CLOSE_WRITE | Mask.MODIFY | Mask.CREATE | Mask.DELETE | Mask.MOVE
GONE = Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.IGNORED | Mask.UNMOUNT

Look = Callable[[], Awaitable[None]]


async def watch(
    folders: Callable[[], Iterable[Path]],
    look: Look,
    *,
    below: bool,
    new_inotify: Callable[[], Inotify] = Inotify,
) -> None:
    """Call `look` now, and after each group of changes in the folders, until cancelled.

    `below`: in the folders below them too. Where the kernel cannot watch at all, this returns,
    and says in the log that only SIGHUP is left.
    """
    told = ""
    while True:
        try:
            with new_inotify() as inotify:
                await _watch_once(inotify, set(folders()), look, below=below)
        except OSError as error:
            reason = str(error)
            if reason != told:
                log.error("watch_failed", reason=reason, instead="SIGHUP makes us look")  # noqa: TRY400 - the reason says it all
                told = reason
            if error.errno == errno.ENOSYS:
                return
        else:
            told = ""
        await asyncio.sleep(WATCH_AGAIN_S)


async def _watch_once(inotify: Inotify, folders: set[Path], look: Look, *, below: bool) -> None:
    """Watch until a folder is gone; it may have been put in its place anew."""
    _cover(inotify, folders, below=below)
    # What has changed since the files were read, or while a folder was gone, nobody told us.
    await look()
    gone = False
    while not gone:
        group = await _next_group(inotify)
        gone = any(_is_gone(event, folders) for event in group)
        if below and not gone:
            _cover(inotify, folders, below=True)
        await look()


async def _next_group(inotify: Inotify) -> list[Event]:
    """Wait for a change, and for those that follow it closely."""
    loop = asyncio.get_running_loop()
    group = [await inotify.get()]
    ends_at = loop.time() + GROUP_S
    while loop.time() < ends_at:
        try:
            group.append(await asyncio.wait_for(inotify.get(), SETTLE_S))
        except TimeoutError:
            break
    return group


def _cover(inotify: Inotify, folders: set[Path], *, below: bool) -> None:
    """Watch the folders; a watch that stands already is taken as it is."""
    mask = CHANGED | Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.ONLYDIR
    for folder in folders:
        inotify.add_watch(folder, mask)
        for parent, names, _ in os.walk(folder) if below else ():
            for name in names:
                path = Path(parent, name)
                if not path.is_symlink():
                    inotify.add_watch(path, mask)


def _is_gone(event: Event, folders: set[Path]) -> bool:
    watched = event.watch
    return bool(event.mask & GONE) and watched is not None and watched.path in folders
