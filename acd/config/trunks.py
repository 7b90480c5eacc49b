"""trunks.yaml: lines to the outside - carriers, SIP proxies, other exchanges."""

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from acd.sip.phone_numbers import is_country

from .values import Identifier, ListenAddress, Section, fault

_HOST_NAME = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})?\.)*[A-Za-z0-9-]+")


def _host(value: str) -> str:
    if not value or _is_address(value) or _HOST_NAME.fullmatch(value):
        return value
    raise fault("a host is wanted", "an IP address without brackets, or a domain name")


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as error:
        raise fault(f"no network: {error}", "192.0.2.7 or 192.0.2.0/24") from None


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _country(value: str) -> str:
    if is_country(value):
        return value
    raise fault("a country is wanted", "two capital letters of ISO 3166, such as CN")


Host = Annotated[str, AfterValidator(_host)]
"IP address or domain name."

Network = Annotated[str, AfterValidator(_network)]
"IP address or network."

Country = Annotated[str, AfterValidator(_country)]
"ISO 3166 region."

FullNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{4,14}$")]
"E.164."

SipUser = Annotated[str, Field(pattern=r"^[^\s\"\\<>@]{1,128}$")]
"User part of a SIP URI."

DigestUser = Annotated[str, Field(pattern=r"^[^\s\"\\]{1,128}$")]
"Digest user; carriers' have an @."


class Gateway(Section):
    """Where the trunk's calls go. Without port, DNS is asked as RFC 3263 says (NAPTR, SRV)."""

    host: Annotated[Host, Field(min_length=1)]
    "IP address, or domain name."

    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    "0: what SRV records say, else 5060, or 5061 for TLS."

    transport: Literal["auto", "udp", "tcp", "tls"] = "auto"
    "auto: what NAPTR and SRV records say, else udp."

    priority: Annotated[int, Field(ge=0, le=65_535)] = 10
    "The lowest is tried first."

    weight: Annotated[int, Field(ge=0, le=65_535)] = 10
    "Share of the calls among gateways of one priority."


class Incoming(Section):
    """By what the trunk's own calls are known. The addresses of its gateways always are."""

    networks: tuple[Network, ...] = ()
    "Further IP addresses and networks (192.0.2.0/24) that its calls come from."

    tls_names: tuple[Host, ...] = ()
    """Names of its client certificate (see `sip.certificate.clients`): then only calls over TLS
    with one of these are the trunk's, from wherever."""

    account: DigestUser | None = None
    "Digest user that every call must prove to be, from wherever."

    password_file: str = ""
    "File with that account's password, relative to this folder."

    password_env: str = ""
    "Or the environment variable that has it."

    called_number: Literal["request_uri", "to"] = "request_uri"
    "Where the called number stands; registered trunks often call our contact, with it in To."

    numbers: dict[Annotated[str, Field(pattern=r"^[0-9*#+]{1,32}$")], str] = Field(
        default_factory=dict
    )
    "Called number, in E.164 or as the trunk sends it: the number of numbers.yaml that it means."


class Register(Section):
    """A registration of ours, for trunks that want one."""

    user: SipUser
    "User of the registered address, often the trunk's main number."

    domain: Host = ""
    "The registrar's domain; empty: the trunk's domain."

    contact: Annotated[str, Field(pattern=r"^[^\s\"\\<>@]{0,128}$")] = ""
    "User of the contact that its calls are sent to; empty: user."

    expires_s: Annotated[int, Field(ge=60, le=86_400)] = 300
    "Lifetime asked for, in seconds."


class CallerId(Section):
    """Who calls, as the other side is told."""

    number: FullNumber | None = None
    "Shown unless the caller's own number is among `allowed`; left out: the own number."

    allowed: tuple[Annotated[str, Field(pattern=r"^\+[0-9]{1,15}\*?$")], ...] = ()
    "Numbers in E.164 that may be shown; +867551234* stands for all that begin so."

    privacy: bool = False
    "true: the called person does not see the number (Privacy: id)."


class Numbering(Section):
    """How numbers are written to the trunk, and read from it."""

    country: Country = "CN"
    "ISO 3166 country of numbers without country code."

    style: Literal["e164", "plain", "national"] = "e164"
    "e164: +8675512345678; plain: without +; national: 075512345678."

    international: Annotated[str, Field(pattern=r"^[0-9]{0,5}$")] = "00"
    "With national: prefix of other countries' numbers."

    strip: Annotated[str, Field(pattern=r"^[0-9+*#]{0,16}$")] = ""
    "Digits then taken off the front of every number."

    prefix: Annotated[str, Field(pattern=r"^[0-9+*#]{0,16}$")] = ""
    "Digits then put in front of every number, short ones too."

    user_phone: bool = False
    "true: `user=phone` behind numbers in URIs, as IMS cores want it."


class Tls(Section):
    """How gateways prove themselves on connections that we open."""

    server_name: Host = ""
    "The name that their certificates have to bear; empty: the gateway's host."

    ca: str = ""
    "PEM file with who signs them, relative to this folder; empty: `sip.certificate.server_ca`."

    verify: bool = True
    "false takes any certificate: whoever is on the way can listen and change everything."


class Trunk(Section):
    """One line to the outside (中继)."""

    gateways: tuple[Gateway, ...] = ()
    "None: the trunk only calls us."

    domain: Host = ""
    "Host in the URIs of outgoing calls and registrations; empty: the gateway's own."

    incoming: Incoming = Incoming()

    username: DigestUser | None = None
    "Digest user of our calls and registration; left out: registration.user."

    password_file: str = ""
    "File with the password, relative to this folder."

    password_env: str = ""
    "Or the environment variable that has it."

    registration: Register | None = None

    caller_id: CallerId = CallerId()

    numbering: Numbering = Numbering()

    tls: Tls = Tls()

    channels: Annotated[int, Field(ge=0, le=100_000)] = 0
    "Calls at once, both ways together; 0: no limit."

    full_answer: Literal[486, 503] = 503
    "What a caller beyond that gets: 503 (the carrier may try elsewhere) or 486 (busy)."

    redirects: Annotated[int, Field(ge=0, le=5)] = 0
    "Redirections (3xx) that a call may follow, to IP addresses, not names; 0: none."

    trusted: bool = False
    "true: its P-Asserted-Identity is believed, and it is told ours."

    codecs: Annotated[tuple[Literal["PCMA", "PCMU"], ...], Field(max_length=2)] = ()
    "What calls may use, the preferred first; empty: all, in the other side's order."

    options_interval_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    "How often each gateway is asked by OPTIONS whether it lives; 0: never."

    rest_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    "How long a gateway that failed is left alone; with OPTIONS, until it answers."

    no_answer_s: Annotated[float, Field(ge=0.5, le=32)] = 4.0
    "How long a gateway may stay silent on a call before the next one is tried."

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        known = self.incoming
        if not (self.gateways or known.networks or known.tls_names or known.account):
            raise fault("nothing leads to this trunk or from it", "`gateways:`, or `incoming:`")
        if self.registration is not None and not self.gateways:
            raise fault("a registration needs a gateway", "`gateways:` beside it")
        return self


class Dns(Section):
    """Where gateways' names are looked up."""

    servers: tuple[ListenAddress, ...] = ()
    "Name servers as IP:PORT (port 53); none: those of the system."


class Trunks(Section):
    """All trunks."""

    trunks: dict[Identifier, Trunk] = Field(default_factory=dict)
    "Trunks by name."

    dns: Dns = Dns()
