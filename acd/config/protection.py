"""server.yaml, sip.limits and sip.bans: what strangers on the network may ask of the server."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from acd.sip.admission import AdmissionSettings
from acd.sip.guard import GuardSettings, Offence
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
    """Networks without limits and bans: own phones, trunks, a proxy that speaks for many. Callers
    from there reach a queue before their ACK."""

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


OffencesMax = Annotated[int, Field(ge=0, le=100_000)]
"0: never."


class Bans(Section):
    """Who is kept out for a while. `limits.exempt` and trunks never are."""

    wrong_passwords: OffencesMax = 10
    "Wrong passwords within `window_s` that ban an address (IPv6: its /64). 0: never."

    unproved_requests: OffencesMax = 200
    "Requests that were asked for a password and are not followed by a right one. 0: never."

    unknown_numbers: OffencesMax = 20
    "Calls of strangers to numbers that there are not, or not for them. 0: never."

    unacknowledged_calls: OffencesMax = 50
    "Calls whose answer was never acknowledged. 0: never."

    broken_messages: OffencesMax = 100
    "Messages that are no SIP. 0: never."

    floods: OffencesMax = 5
    "Seconds with more than twice `limits.messages_per_source`. 0: never."

    scanners: tuple[Annotated[str, Field(min_length=3, max_length=100)], ...] = (
        "friendly-scanner",
        "sipvicious",
        "sipcli",
        "sip-scan",
        "sundayddr",
        "vaxsipuseragent",
        "pplsip",
        "iwar",
    )
    "Parts of User-Agents that ban at once, in any case."

    window_s: Annotated[float, Field(ge=1, le=86_400)] = 300
    "Time within which offences add up, in seconds."

    ban_s: Annotated[float, Field(ge=1, le=86_400)] = 300
    "Length of an address's first ban, in seconds; each further one takes twice as long."

    max_ban_s: Annotated[float, Field(ge=1, le=30 * 86_400)] = 86_400
    "Longest ban; after as long without one an address begins anew, in seconds."

    def guard(self, exempt: tuple[str, ...]) -> GuardSettings:
        """Return them as `acd.sip` takes them."""
        return GuardSettings(
            exempt=exempt,
            limits={
                Offence.WRONG_PASSWORD: self.wrong_passwords,
                Offence.UNPROVED: self.unproved_requests,
                Offence.UNKNOWN_NUMBER: self.unknown_numbers,
                Offence.UNACKNOWLEDGED: self.unacknowledged_calls,
                Offence.BROKEN: self.broken_messages,
                Offence.SCANNER: 1,
                Offence.FLOOD: self.floods,
            },
            window_s=self.window_s,
            ban_s=self.ban_s,
            max_ban_s=max(self.ban_s, self.max_ban_s),
        )
