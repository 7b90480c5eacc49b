"""server.yaml, sip.limits and sip.bans: what strangers on the network may ask of the server."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from acd.sip.admission import AdmissionSettings
from acd.sip.sources import Networks

from .values import Section, fault


def _network(value: str) -> str:
    try:
        Networks((value,))
    except ValueError:
        raise fault("a network is wanted", "192.0.2.0/24, 2001:db8::/32 or one address") from None
    return value


NetworkText = Annotated[str, AfterValidator(_network)]
"An IPv4 or IPv6 network, or one address."

PerSecond = Annotated[int, Field(ge=0, le=1_000_000)]
"0: no limit."


class Limits(Section):
    """What may come in a second. Overload is shed besides, whatever stands here."""

    exempt: tuple[NetworkText, ...] = ()
    "Networks without limits and bans: own phones, trunks, a proxy that speaks for many."

    messages_per_source: PerSecond = 1000
    "Messages from one address (IPv6: one /64); more are dropped. 0: no limit."

    calls_per_source: PerSecond = 50
    "New calls from one address; more get 503 and Retry-After. 0: no limit."

    registers_per_source: PerSecond = 200
    "REGISTER from one address; more are dropped, and the phones repeat them. 0: no limit."

    calls_total: PerSecond = 0
    "New calls from all addresses together; more get 503 and Retry-After. 0: no limit."

    registers_total: PerSecond = 0
    "REGISTER from all addresses together; more are dropped. 0: no limit."

    def admission(self) -> AdmissionSettings:
        """Return them as `acd.sip` takes them."""
        return AdmissionSettings(
            exempt=self.exempt,
            messages_per_source=self.messages_per_source or math.inf,
            calls_per_source=self.calls_per_source or math.inf,
            registers_per_source=self.registers_per_source or math.inf,
            calls=self.calls_total or math.inf,
            registers=self.registers_total or math.inf,
        )
