"""server.yaml: the machine's side - addresses, limits, folders. A change needs a restart."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from acd.ivr.document import complaint

from .certificate import Certificate
from .protection import Bans, Limits, NetworkText
from .values import Address, Identifier, ListenAddress, Seconds, Section, Timezone, fault

Port = Annotated[int, Field(ge=1024, le=65535)]


class Centre(Section):
    """Who runs this call centre, and where its day begins."""

    name: str = "acd"
    "Shown on pages and reports."

    timezone: Timezone = "Asia/Shanghai"
    "IANA time zone of day boundaries, opening hours and reports; records are in UTC."

    locale: Literal["zh", "en"] = "zh"
    "Language of prompts where a flow names none, and of screens and reports: zh or en."

    project: Identifier = "main"
    "Business line or outsourcing client that all records are filed under."


class Registrar(Section):
    """How long phones may stay registered, and how many per account."""

    # RFC 3261 10.3: "If and only if the requested expiration interval is greater than zero AND
    # smaller than one hour AND less than a registrar-configured minimum, the registrar MAY reject
    # the registration with a response of 423", so the minimum can be an hour at most.
    min_expires_s: Annotated[int, Field(ge=1, le=3600)] = 60
    "Shortest registration; a phone that asks for less gets 423 and this value, in seconds."

    max_expires_s: Annotated[int, Field(ge=60, le=86_400)] = 3600
    "Longest registration; a longer wish is shortened to this, in seconds."

    default_expires_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    "Registration time of a phone that asks for none, in seconds."

    max_contacts: Annotated[int, Field(ge=1, le=16)] = 3
    "Devices of one account at a time; one more takes the place of the oldest."

    devices: Literal["newest", "last_active", "all"] = "newest"
    "Which phone rings if an agent has several: the last registered, the last used, or all."

    # RFC 5626 4.4 wants a way through a NAT used every 24 to 29 s; a pause is 80 to 100 % of this.
    qualify_s: Annotated[int, Field(ge=0, le=3600)] = 29
    "How often a phone is asked if it is there, in seconds; a silent one gets no call; 0: never."

    flow_timer_s: Annotated[int, Field(ge=0, le=3600)] = 120
    "How often phones with RFC 5626 have to ping their connection, in seconds; 0: not told."

    @model_validator(mode="after")
    def _in_order(self) -> "Registrar":
        if not self.min_expires_s <= self.default_expires_s <= self.max_expires_s:
            raise fault(
                "the registration times contradict each other",
                "min_expires_s <= default_expires_s <= max_expires_s",
            )
        return self


class Sip(Section):
    """Where phones register and callers arrive."""

    udp: tuple[ListenAddress, ...] = (Address("127.0.0.1", 5060),)
    "Addresses to listen on with UDP, as HOST:PORT; `acd run --sip` replaces them."

    tcp: tuple[ListenAddress, ...] = (Address("127.0.0.1", 5060),)
    "Addresses to listen on with TCP, as HOST:PORT; `acd run --sip` replaces them."

    tls: tuple[ListenAddress, ...] = ()
    "Addresses to listen on with TLS, as HOST:PORT; 5061 is usual. Needs `certificate.file`."

    ws: tuple[ListenAddress, ...] = ()
    "Addresses to listen on with WebSocket (RFC 7118), for browsers behind a proxy that has TLS."

    wss: tuple[ListenAddress, ...] = ()
    "Addresses to listen on with secure WebSocket, for browsers. Needs `certificate.file`."

    ws_origins: tuple[str, ...] = ()
    "Web pages whose scripts may connect, as https://HOST; empty: all. Other clients send none."

    certificate: Certificate = Certificate()

    stream_connections: Annotated[int, Field(ge=1, le=100_000)] = 4096
    "TCP, TLS and WebSocket connections at once; one more is closed at once."

    stream_connections_per_host: Annotated[int, Field(ge=1, le=100_000)] = 1024
    "Those of one address (IPv6: one /64); networks in limits.exempt have no limit."

    stream_idle_s: Annotated[float, Field(ge=60, le=86_400)] = 3900.0
    "Silence after which a connection is closed; longer than phones stay without a REGISTER."

    advertised_host: str = ""
    "Host name or IP that phones reach the server by (NAT, 0.0.0.0); empty: the listening one."

    advertised_host_v6: str = ""
    "The same for IPv6 listeners; empty: advertised_host if that is a name, or the listening one."

    realm: Annotated[str, Field(pattern=r'^[^"\\\s]{1,64}$')] = "acd"
    "Digest realm. Passwords are stored hashed with it: after a change, agents need new ones."

    digest_algorithms: Annotated[
        tuple[Literal["SHA-256", "MD5"], ...], Field(min_length=1, max_length=2)
    ] = ("SHA-256", "MD5")
    "What phones may prove their password by; [MD5] for old ones that stumble over a choice."

    registrar: Registrar = Registrar()

    trusted: tuple[NetworkText, ...] = ()
    """Networks whose P-Asserted-Identity is believed (RFC 3325), and which may change a number
    that a phone has signed; trunks say so for themselves."""

    limits: Limits = Limits()
    bans: Bans = Bans()

    t1_s: Annotated[float, Field(ge=0.05, le=5)] = 0.5
    """T1 of RFC 3261: what is not answered over UDP is repeated after it, and given up after 64
    times as much. More for satellite links; less where all phones are near (labs, tests)."""

    authenticate_accounts: bool = True
    "A call whose From is one of our accounts must prove it by password (off: labs only)."

    session_expires_s: Annotated[int, Field(ge=0, le=86_400)] = 1800
    "Longest time a call goes on without a sign of life from a phone (RFC 4028); 0: no limit."

    min_se_s: Annotated[int, Field(ge=1, le=3600)] = 90
    "Shortest such time taken; a peer that asks for less gets 422. Below 90 only for tests."

    gather_ms: Annotated[float, Field(ge=0, le=20)] = 2.0
    """How long UDP messages may wait for others while more than some 150 calls a second come:
    taken together they cost a fifth less CPU. Below that rate nothing waits; 0: never."""

    offer_100rel: bool = True
    "Phones and trunks that we call may have their provisional answers acknowledged (RFC 3262)."

    prefer_100rel: bool = False
    "Callers who support it get acknowledged ringing; who requires it gets it in any case."

    @model_validator(mode="after")
    def _listens(self) -> "Sip":
        if not (self.udp or self.tcp or self.tls or self.ws or self.wss):
            raise complaint("no address to listen on", "at least one under udp or tcp")
        if (self.tls or self.wss) and not self.certificate.file:
            raise complaint("no certificate for TLS", "certificate: {file: FILE, key: FILE}")
        return self


class Media(Section):
    """Sound: RTP ports and the processes that carry it."""

    port_min: Port = 20_000
    "Lowest UDP port for RTP; each leg of a call takes two."

    port_max: Port = 29_999
    "Highest UDP port for RTP. Open the whole range in the firewall."

    bind_host: str = "127.0.0.1"
    "IP address that RTP sockets are bound to; 0.0.0.0 for all."

    advertised_host: str = ""
    "IP address that phones send their sound to (NAT, 0.0.0.0); empty: bind_host."

    workers: Annotated[int, Field(ge=0, le=64)] = 0
    "Media processes, about 500 calls each; 0: one per CPU core but one (signalling's)."

    prompts: str = "prompts"
    "Folder of prompts and music, relative to the flows' folder."

    @model_validator(mode="after")
    def _range(self) -> "Media":
        # Every leg takes an even port for RTP and the odd one above for RTCP (RFC 3550, 11).
        if self.port_max - self.port_min < 15:
            raise fault("too few RTP ports", "port_max at least 15 above port_min: two per leg")
        return self


class Http(Section):
    """Web pages, API, health and metrics."""

    listen: ListenAddress = Address("127.0.0.1", 8080)
    "Address to listen on, as HOST:PORT; `acd run --http` replaces it."


class Database(Section):
    """Where records are kept for reports. Calls go on while it is down."""

    dsn: str = ""
    "postgresql://USER:PASSWORD@HOST:PORT/DATABASE; empty: an own Postgres in the state folder."


class CodeDonePrompts(Section):
    """Prompts that tell an agent that a dialling code was carried out; empty: silence."""

    ready: str = ""
    "After the code for ready."

    away: str = ""
    "After the code for away."

    log_out: str = ""
    "After the code for logging out."

    end_wrap_up: str = ""
    "After the code that ends after-call work."

    disposition: str = ""
    "After the code for a disposition."

    cool_down: str = ""
    "After the code for a cool-down."

    extend_wrap_up: str = ""
    "After the code that prolongs after-call work."

    desk_login: str = ""
    "After a log-in at a desk phone."


class Calls(Section):
    """What holds for every call. Prompts are files below the prompts folder's zh or en."""

    max_calls: Annotated[int, Field(ge=1, le=100_000)] = 5000
    "Callers at once; one more gets 503. 10,000 RTP ports carry 5,000 legs."

    max_call_s: Annotated[float, Field(ge=0, le=7 * 86_400)] = 14_400
    "Longest call, in seconds; then it is hung up. Emergency calls never are. 0: no limit."

    record_withheld: bool = True
    "Records keep the number of callers who withhold it (never shown to agents), if it is known."

    contacts_kept: Annotated[int, Field(ge=0, le=10_000_000)] = 100_000
    """Callers of whom is remembered who talked to them, at most, for queues with `prefers`; 300
    bytes each. 0: none."""

    contacts_kept_days: Annotated[float, Field(gt=0, le=366)] = 7
    "How long that is remembered after the last talk, in days."

    queue_full_prompt: str = ""
    "Played when the queue is full, before the call ends; empty: silence."

    max_wait_prompt: str = ""
    "Played after the longest wait in a queue without overflow; empty: silence."

    queue_empty_prompt: str = ""
    "Played when nobody serves the queue, before the call ends; empty: silence."

    queue_closed_prompt: str = ""
    "Played when the queue is closed in an emergency, before the call ends; empty: silence."

    callback_taken_prompt: str = ""
    "Played to a caller who will be called back, before the call ends; empty: silence."

    callback_refused_prompt: str = ""
    "Played to a caller who wants to be called back and cannot be, and waits on; empty: nothing."

    callback_greeting_prompt: str = ""
    "Played to a customer who has answered a call-back and waits for an agent; empty: nothing."

    code_refused_prompt: str = ""
    "Played to an agent whose dialling code cannot be carried out now; empty: silence."

    code_done_prompts: CodeDonePrompts = CodeDonePrompts()

    desk_number_prompt: str = ""
    "Asks for the agent number at a desk phone; empty: silence."

    desk_pin_prompt: str = ""
    "Asks for the PIN at a desk phone; empty: silence."

    hold_music: str = ""
    "For who is on hold in a call through no queue, such as music/default; empty: silence."

    ringback: str = ""
    "For an agent who ordered a call and waits for its answer: tones/ringback; empty: silence."

    def sounds(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield each setting that names a prompt, and the prompt."""
        for name in (
            "queue_full_prompt",
            "max_wait_prompt",
            "queue_empty_prompt",
            "queue_closed_prompt",
            "callback_taken_prompt",
            "callback_refused_prompt",
            "callback_greeting_prompt",
            "code_refused_prompt",
            "desk_number_prompt",
            "desk_pin_prompt",
        ):
            yield (name,), getattr(self, name)
        for name in CodeDonePrompts.model_fields:
            yield ("code_done_prompts", name), getattr(self.code_done_prompts, name)


class Journal(Section):
    """The log on disk that every event is written to before it counts."""

    fsync: Literal["always", "interval", "never"] = "interval"
    """When records are made safe from a power cut: before they count (each step of a call waits
    for the disk), every fsync_interval_ms, or when the kernel likes (some 30 s)."""

    fsync_interval_ms: Annotated[int, Field(ge=1, le=10_000)] = 100
    "How much a power cut may lose at most, in milliseconds; a killed process loses nothing."

    # Yesterday's backup, and the one before it, if nobody looked over a weekend.
    keep_days: Annotated[float, Field(ge=0, le=366)] = 3
    "How long shipped segments stay, for a database restored from a backup, in days; 0: not."

    keep_bytes: Annotated[int, Field(ge=0)] = 1 << 30
    "How much of them stays at most, in bytes (1 GiB: 170,000 calls). They go first for room."

    max_bytes: Annotated[int, Field(ge=128 << 20)] = 4 << 30
    "How far it may grow while the database is down, in bytes; about 6,000 per call."


class Retention(Section):
    """How long records stay in the database. Months that are over go as a whole, for ever."""

    # Nothing is deleted unless somebody decides so: agents are paid and customers contest by these
    # records, and laws differ (in China three years for what was sold online: E-Commerce Law, 31).
    calls_months: Annotated[int, Field(ge=0, le=1200)] = 0
    "Months of calls with all that belongs to them, besides the current one; 0: for ever."

    agents_months: Annotated[int, Field(ge=0, le=1200)] = 0
    "Months of agents' statuses and states, besides the current one; 0: for ever."

    audit_months: Annotated[int, Field(ge=0, le=1200)] = 0
    "Months of the audit and of emergency closures, besides the current one; 0: for ever."


class Privacy(Section):
    """Who sees customers' numbers."""

    # An agent's phone shows the number of the present call; all else an agent or analyst reads
    # needs no more than to tell customers apart.
    numbers_shown_to: tuple[Literal["agent", "analyst", "supervisor", "admin"], ...] = (
        "supervisor",
        "admin",
    )
    "Roles that see customers' numbers whole; the others see 138****5678."


class Log(Section):
    """What the server says about itself on standard output."""

    format: Literal["console", "json"] = "console"
    "console: coloured lines for people; json: one object per line for a log collector."

    level: Literal["debug", "info", "warning", "error"] = "info"
    "Least severity that is written."


class Trace(Section):
    """What `acd trace` can show."""

    calls_kept: Annotated[int, Field(ge=0, le=100_000)] = 1000
    "Finished calls whose SIP messages and events stay in memory, about 30 kB each; 0: none."


class Server(Section):
    """Settings of the server as a whole."""

    centre: Centre = Centre()
    sip: Sip = Sip()
    media: Media = Media()
    http: Http = Http()
    database: Database = Database()
    calls: Calls = Calls()
    journal: Journal = Journal()
    retention: Retention = Retention()
    privacy: Privacy = Privacy()
    log: Log = Log()
    trace: Trace = Trace()

    flows: str = "../ivr_flows"
    "Folder of IVR flows and prompts, relative to this configuration folder."

    drain_s: Seconds = 30.0
    "On SIGTERM or Ctrl-C, how long calls may still last, in seconds; then BYE, to all of them."
