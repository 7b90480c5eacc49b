"""The resolver against a name server of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from acd.net.dns import DnsResolver
from acd.sip.dns_records import Naptr, Resolve, Resolved, Srv

LIMIT_S = 30.0
ZONE = {
    ("gw.example.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("gw.example.", "AAAA"): ["2001:db8::1"],
    ("_sip._udp.example.", "SRV"): ["10 60 5070 GW.example."],
    ("example.", "NAPTR"): ['50 10 "s" "SIP+D2U" "" _sip._udp.example.'],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from ZONE; what is not there does not exist, unless `rcode` says otherwise."""

    def __init__(self) -> None:
        self.rcode = dns.rcode.NXDOMAIN
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{kind} {name}")
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        records = ZONE.get((name.lower(), kind))
        if records:
            answer.answer.append(dns.rrset.from_text(name, 120, "IN", kind, *records))
        elif name.lower() not in {zone_name for zone_name, _ in ZONE}:
            answer.set_rcode(self.rcode)
        self.transport.sendto(answer.to_wire(), addr)  # type: ignore[attr-defined]  # a datagram's


@asynccontextmanager
async def resolver_of() -> AsyncIterator[
    tuple[DnsResolver, NameServer, "asyncio.Queue[Resolved]"]
]:
    answers: asyncio.Queue[Resolved] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    address = transport.get_extra_info("sockname")
    resolver = DnsResolver(answers.put_nowait, (address[:2],))
    try:
        yield resolver, server, answers
    finally:
        await resolver.close()
        transport.close()


@pytest.mark.asyncio
async def test_records_of_every_kind_with_their_ttl():
    async with asyncio.timeout(LIMIT_S), resolver_of() as (resolver, _, answers):
        resolver.ask(Resolve("gw.example", "A"))
        answer = await answers.get()
        assert (set(answer.records), answer.ttl_s) == ({"192.0.2.1", "192.0.2.2"}, 120.0)
        resolver.ask(Resolve("gw.example", "AAAA"))
        assert (await answers.get()).records == ("2001:db8::1",)
        resolver.ask(Resolve("_sip._udp.example", "SRV"))
        assert (await answers.get()).records == (Srv(10, 60, 5070, "gw.example"),)
        resolver.ask(Resolve("example", "NAPTR"))
        naptr = Naptr(50, 10, "s", "SIP+D2U", "_sip._udp.example")
        assert (await answers.get()).records == (naptr,)


@pytest.mark.asyncio
async def test_no_record_and_no_such_name_are_answers():
    async with asyncio.timeout(LIMIT_S), resolver_of() as (resolver, _, answers):
        resolver.ask(Resolve("gw.example", "SRV"))
        assert await answers.get() == Resolved("gw.example", "SRV")
        resolver.ask(Resolve("nowhere.example", "A"))
        assert await answers.get() == Resolved("nowhere.example", "A")


@pytest.mark.asyncio
async def test_a_server_that_fails_is_no_answer():
    async with asyncio.timeout(LIMIT_S), resolver_of() as (resolver, server, answers):
        server.rcode = dns.rcode.REFUSED
        resolver.ask(Resolve("nowhere.example", "A"))
        assert await answers.get() == Resolved("nowhere.example", "A", failed=True)


@pytest.mark.asyncio
async def test_broken_names_and_a_server_that_is_not_there_raise_nothing():
    answers: asyncio.Queue[Resolved] = asyncio.Queue()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        resolver = DnsResolver(answers.put_nowait, (deaf.getsockname()[:2],))
        resolver.ask(Resolve("a" * 70 + ".example", "A"))
        async with asyncio.timeout(LIMIT_S):
            assert (await answers.get()).failed
        resolver.ask(Resolve("gw.example", "A"))
        await resolver.close()
        assert answers.empty()
