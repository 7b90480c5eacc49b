"""Faults of trunks.yaml that only the other files, the disk or another trunk can show."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from itertools import combinations

from acd.ivr.document import Document, Fault, did_you_mean
from acd.ivr.document import Path as Place
from acd.sip.phone_numbers import to_e164

from .sources import Source, Sources, is_file
from .trunks import Trunk, Trunks

WIDEST_BITS = 8
"Of a network that one operator has for itself: no carrier has more than 10.0.0.0/8."


def trunk_faults(sources: Sources) -> Iterator[Fault]:
    """Yield what contradicts."""
    trunks = sources.trunks.model
    if trunks is None:
        return
    document = sources.trunks.document
    yield from _claimed_once(document, trunks)
    yield from _networks(document, trunks)
    for name, trunk in trunks.trunks.items():
        yield from _numbers(sources, sources.trunks, name, trunk)
        yield from _tls(sources, document, name, trunk)
    if sources.agents.model is not None:
        accounts = {agent.sip_account for agent in sources.agents.model.everyone()}
        for name, trunk in trunks.trunks.items():
            if trunk.incoming.account in accounts:
                path: Place = ("trunks", name, "incoming", "account")
                yield document.fault(path, "the account of an agent", "another name")
    yield from _dial_plan(sources, trunks)
    for index, server in enumerate(trunks.dns.servers):
        try:
            ip_address(server.host)
        except ValueError:
            yield document.fault(
                ("dns", "servers", index), "a name server is asked by its address", "IP:PORT"
            )


def _dial_plan(sources: Sources, trunks: Trunks) -> Iterator[Fault]:
    """Yield trunks of the dial plan that lead nowhere."""
    if sources.numbers.model is None:
        return
    plan, document = sources.numbers.model.dial_plan, sources.numbers.document
    for setting in ("trunks", "emergency_trunks"):
        for index, name in enumerate(getattr(plan, setting)):
            path: Place = ("dial_plan", setting, index)
            trunk = trunks.trunks.get(name)
            if trunk is not None and not trunk.gateways:
                message = f"trunk {name!r} has no gateways to call by"
                yield document.fault(path, message, "`gateways:` in trunks.yaml")


def trunk_warnings(sources: Sources) -> Iterator[Fault]:
    """Yield what is allowed but hardly meant."""
    trunks, server = sources.trunks.model, sources.server.model
    if trunks is None:
        return
    for name, trunk in trunks.trunks.items():
        path: Place = ("trunks", name)
        if trunk.caller_id.allowed and trunk.caller_id.number is None:
            yield sources.trunks.document.fault(
                (*path, "caller_id", "allowed"),
                "without `number`, every caller's own number is shown",
                "`number:` for those who are not allowed theirs",
            )
        if trunk.incoming.tls_names and server is not None and not server.sip.tls:
            yield sources.trunks.document.fault(
                (*path, "incoming", "tls_names"),
                "no call can bring a certificate",
                "`sip.tls` and `sip.certificate.clients` in server.yaml",
            )
        for index, network in enumerate(trunk.incoming.networks):
            if ip_network(network).prefixlen < WIDEST_BITS:
                yield sources.trunks.document.fault(
                    (*path, "incoming", "networks", index),
                    f"whoever calls from {network} is this trunk: no limit and no ban holds there",
                    "the networks that its calls really come from",
                )
        if not trunk.tls.verify:
            yield sources.trunks.document.fault(
                (*path, "tls", "verify"), "any certificate is taken", "for labs only"
            )


def _claimed_once(document: Document, trunks: Trunks) -> Iterator[Fault]:
    """Yield what two trunks are known by."""
    seen: dict[tuple[str, str], str] = {}
    for name, trunk in trunks.trunks.items():
        known = trunk.incoming
        claims: list[tuple[str, str, Place]] = [
            ("tls_names", value.lower(), ("tls_names", index))
            for index, value in enumerate(known.tls_names)
        ]
        if known.account:
            claims.append(("account", known.account, ("account",)))
        for kind, value, place in claims:
            first = seen.setdefault((kind, value), name)
            if first != name:
                message = f"{value} is what trunk {first!r} is known by"
                yield document.fault(("trunks", name, "incoming", *place), message, "one of them")


def _networks(document: Document, trunks: Trunks) -> Iterator[Fault]:
    """Yield networks of two trunks; those with TLS names are told apart by these."""
    listed = [
        (name, ip_network(network), index)
        for name, trunk in trunks.trunks.items()
        if not trunk.incoming.tls_names
        for index, network in enumerate(trunk.incoming.networks)
    ]
    for (first, network, _), (name, other, index) in combinations(listed, 2):
        if first != name and network.version == other.version and network.overlaps(other):
            path = ("trunks", name, "incoming", "networks", index)
            message = f"{other} is also trunk {first!r}"
            yield document.fault(path, message, "networks that do not overlap")


def _numbers(sources: Sources, source: Source[Trunks], name: str, trunk: Trunk) -> Iterator[Fault]:
    path: Place = ("trunks", name, "incoming", "numbers")
    plan = sources.numbers.keys("numbers")
    seen: dict[str, str] = {}
    for number, target in trunk.incoming.numbers.items():
        if plan and target not in plan:
            message, hint = f"no number {target!r} in numbers.yaml", did_you_mean(target, plan)
            yield source.document.fault((*path, number), message, hint)
        full = to_e164(number, trunk.numbering.country)
        if (first := seen.setdefault(full, number)) != number:
            message = f"{number} and {first} are the same number"
            yield source.document.fault((*path, number), message, "once", at_key=True)


def _tls(sources: Sources, document: Document, name: str, trunk: Trunk) -> Iterator[Fault]:
    file = trunk.tls.ca
    if file and not is_file(sources.folder / file):
        path = ("trunks", name, "tls", "ca")
        yield document.fault(path, f"no file {sources.folder / file}", "relative to trunks.yaml")
