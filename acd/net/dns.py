"""Asks DNS what the endpoint wants to know. Decides nothing: RFC 3263 is `acd.sip.locating`."""

import asyncio
from collections.abc import Callable
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import dns.rrset
import structlog

from acd.sip.dns_records import Kind, Naptr, Record, Resolve, Resolved, Srv

log = structlog.get_logger(__name__)

QUESTION_S = 5.0
"For one question over all servers; who waits for it is a timer, never a call."

AT_ONCE = 16
"Questions on their way; a start with many trunks must not drown a small resolver."


class DnsResolver:
    """Resolves names by the system's name servers, or by those given."""

    def __init__(
        self,
        on_answer: Callable[[Resolved], None],
        servers: tuple[tuple[str, int], ...] = (),
    ) -> None:
        """Begin; `on_answer` is called from the loop, once for each `ask`."""
        self._on_answer = on_answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._servers: tuple[tuple[str, int], ...] | None = None
        self._down = False
        self.use(servers)

    def use(self, servers: tuple[tuple[str, int], ...]) -> None:
        """Ask these name servers from now on, (address, port) each; none: the system's."""
        if servers == self._servers:
            return
        self._servers = servers
        try:
            resolver = dns.asyncresolver.Resolver(configure=not servers)
        except (dns.exception.DNSException, OSError) as error:
            log.error("dns_not_usable", reason=str(error), effect="no trunk is found by name")  # noqa: TRY400 - the reason says it all
            self._resolver = None
            return
        if servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(host, port) for host, port in servers
            ]
        self._resolver = resolver

    def ask(self, question: Resolve) -> None:
        """Ask; never waits, never raises."""
        task = asyncio.get_running_loop().create_task(self._answer(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Forget all questions under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, question: Resolve) -> None:
        async with self._places:
            answer = await self._resolved(question)
        self._on_answer(answer)

    async def _resolved(self, question: Resolve) -> Resolved:
        name, kind = question.name, question.kind
        failure = "no name server is configured"
        try:
            if self._resolver is not None:
                found = await self._resolver.resolve(
                    f"{name}.", kind, raise_on_no_answer=False, lifetime=QUESTION_S, search=False
                )
                self._told("")
                return _read(question, found.rrset)
        except dns.resolver.NXDOMAIN:
            self._told("")
            return Resolved(name, kind)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            failure = str(error) or type(error).__name__
        self._told(failure)
        return Resolved(name, kind, failed=True)

    def _told(self, failure: str) -> None:
        """Write when DNS goes away, and when it is back."""
        if bool(failure) != self._down:
            self._down = bool(failure)
            if failure:
                log.warning("dns_down", reason=failure, effect="the last good answers stay")
            else:
                log.info("dns_up")


def _read(question: Resolve, rrset: dns.rrset.RRset | None) -> Resolved:
    if rrset is None:
        return Resolved(question.name, question.kind)
    read = _READERS[question.kind]
    records = tuple(read(data) for data in rrset)
    return Resolved(question.name, question.kind, records, float(rrset.ttl))


def _address(data: Any) -> str:  # noqa: ANN401 - dnspython makes the classes of records at run time
    return str(data.address)


def _srv(data: Any) -> Srv:  # noqa: ANN401 - likewise
    return Srv(data.priority, data.weight, data.port, _text(data.target))


def _naptr(data: Any) -> Naptr:  # noqa: ANN401 - likewise
    flags, service = data.flags.decode("ascii", "replace"), data.service.decode("ascii", "replace")
    return Naptr(data.order, data.preference, flags, service, _text(data.replacement))


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


_READERS: dict[Kind, Callable[[Any], Record]] = {
    "A": _address,
    "AAAA": _address,
    "SRV": _srv,
    "NAPTR": _naptr,
}
