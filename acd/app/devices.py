"""Agents' devices as people and Prometheus see them."""

from collections import Counter
from collections.abc import Iterable, Mapping

from acd.sip.events import Contact


def device_view(contact: Contact) -> dict[str, object]:
    """Return one device for the HTTP API."""
    transport, host, port = contact.peer
    return {
        "contact": contact.uri,
        "transport": transport,
        "address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "user_agent": contact.user_agent,
        "reachable": contact.reachable,
    }


def by_transport(devices: Mapping[str, Iterable[Contact]]) -> Counter[str]:
    """Count registered devices by transport."""
    return Counter(one.peer.transport for contacts in devices.values() for one in contacts)


def unreachable(devices: Mapping[str, Iterable[Contact]]) -> int:
    """Count devices that are registered and do not answer."""
    return sum(not one.reachable for contacts in devices.values() for one in contacts)
