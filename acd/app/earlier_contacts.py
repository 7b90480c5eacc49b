"""Tells the call centre who talked to whom before the start, once the database is there."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from acd.calls.contacts import Contacts
from acd.storage.earlier_talks import EarlierTalk

log = structlog.get_logger(__name__)


async def learn_contacts(
    contacts: Contacts,
    talks: AsyncIterator[Sequence[EarlierTalk]],
    now: Callable[[], float],
) -> None:
    """Take the talks, the oldest first; `now` is the monotonic time that `contacts` goes by.

    A caller who has talked to an agent since the start is known better already.
    """
    began_s = time.time() - now()
    told = 0
    async for chunk in talks:
        for talk in chunk:
            at = talk.began_s - began_s
            contacts.learn(talk.caller, talk.agent, talk.interaction, at, talk.solved)
        told += len(chunk)
        await asyncio.sleep(0)  # let calls go first
    log.info("contacts_learned", talks=told)
