"""The configuration as a whole, and as the rooms take it."""

from dataclasses import dataclass, field
from pathlib import Path

from acd.calls.blacklist import Blacklist as CallersBlocked
from acd.calls.blacklist import Blocked
from acd.calls.numbers import (
    CodeAction,
    CodeTarget,
    EchoTarget,
    FlowTarget,
    NumberPlan,
    QueueTarget,
    Target,
)
from acd.calls.settings import CentrePrompts, CentreSettings, DevicePolicy
from acd.ivr.document import Fault
from acd.net.limits import StreamLimits
from acd.net.tls import TlsFiles
from acd.reports.numbers import NumberSight
from acd.routing.model import AgentProfile, AgentRules, QueueProfile
from acd.sip.settings import EndpointSettings
from acd.sip.timers import SipTimers
from acd.sip.trunk_settings import TrunkSettings
from acd.storage.journal_settings import JournalSettings, Sync
from acd.storage.upkeep import Kept

from .agents import Agents
from .blacklist import Blacklist
from .contract_values import ContractValues
from .contracts import Contracts
from .numbers import Numbers, NumberTarget
from .queues import Queues
from .reasons import Reasons
from .reports import Reports
from .server import Server
from .trunk_secrets import Passwords
from .trunk_values import trunk_settings
from .trunks import Trunks

PLAIN_CODES = ("ready", "log_out", "end_wrap_up", "cool_down", "extend_wrap_up", "desk_login")
"Agents' codes without a digit behind them."


class ConfigError(Exception):
    """The configuration cannot be used; `faults` are all its mistakes, file by file."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings, checked; made by `load_config`."""

    folder: Path
    server: Server
    numbers: Numbers
    queues: Queues
    agents: Agents
    reasons: Reasons
    blacklist: Blacklist
    trunks: Trunks
    contracts: Contracts
    reports: Reports

    contract_values: ContractValues = field(repr=False)
    "What is entered by hand for contracts."

    trunk_passwords: Passwords = field(repr=False)
    "Read with the configuration, so that a trunk and its password change at one moment."

    mail_password: str = field(repr=False)
    "Of the server that takes the reports' e-mails."

    warnings: tuple[Fault, ...]
    "What is allowed but hardly meant: a queue without agents, a skill that nothing asks for."

    @property
    def flows_folder(self) -> Path:
        """The folder of IVR flows."""
        return flows_folder(self.folder, self.server)

    @property
    def prompts_folder(self) -> Path:
        """The folder of prompts and music."""
        return self.flows_folder / self.server.media.prompts

    def agent_profiles(self) -> tuple[AgentProfile, ...]:
        """Return the agents as the router takes them."""
        return tuple(agent.profile() for agent in self.agents.everyone())

    def queue_profiles(self) -> tuple[QueueProfile, ...]:
        """Return the queues as the router takes them."""
        return tuple(
            queue.profile(name, self.queues.closed) for name, queue in self.queues.queues.items()
        )

    def agent_rules(self) -> AgentRules:
        """Return what holds for all agents, as the router takes it."""
        return AgentRules(
            away_limits_s=self.reasons.away_limits_s(),
            cool_down_s=self.agents.cool_down_s,
            wrap_up_extension_s=self.agents.wrap_up_extension_s,
        )

    def trunk_settings(self) -> tuple[TrunkSettings, ...]:
        """Return the trunks as the endpoint takes them."""
        return trunk_settings(self.trunks, self.trunk_passwords)

    def passwords(self) -> dict[str, str]:
        """Return {account: password} of the agents whose password stands in agents.yaml."""
        return {
            agent.sip_account: agent.password
            for agent in self.agents.everyone()
            if agent.password is not None
        }

    def number_plan(self) -> NumberPlan:
        """Return what each dialled number and code means."""
        targets = {number: _target(to) for number, to in self.numbers.numbers.items()}
        for code, action, argument in written_codes(self.numbers, self.reasons):
            targets[code] = CodeTarget(CodeAction(action), argument)
        numbers = self.numbers.numbers
        return NumberPlan(
            targets=targets,
            internal=frozenset(number for number, to in numbers.items() if not to.public),
            by_diversion=frozenset(number for number, to in numbers.items() if to.by_diversion),
            desk_phones=frozenset(self.agents.desk_phones),
            away_code=self.numbers.agent_codes.away,
            away_choices=self.reasons.away_choices(),
            blacklist=self._blacklist(),
            dial_plan=self.numbers.dial_plan.plan(self.agents.everyone(), self._trunk_codecs()),
        )

    def _trunk_codecs(self) -> dict[str, tuple[str, ...]]:
        trunks = self.trunks.trunks.items()
        return {name: trunk.codecs for name, trunk in trunks if trunk.codecs}

    def _blacklist(self) -> CallersBlocked:
        return CallersBlocked(
            (
                Blocked(
                    number=entry.number, reason=entry.reason, status=entry.status, flow=entry.flow
                )
                for entry in self.blacklist.blocked
            ),
            refuses_anonymous=self.blacklist.anonymous == "refuse",
        )

    def tls_files(self) -> TlsFiles:
        """Return where the certificates lie."""
        return self.server.sip.certificate.files(self.folder)

    def stream_limits(self) -> StreamLimits:
        """Return the limits of TCP, TLS and WebSocket connections."""
        sip = self.server.sip
        return StreamLimits(
            connections=sip.stream_connections,
            connections_per_host=sip.stream_connections_per_host,
            exempt=sip.limits.exempt,
            idle_s=sip.stream_idle_s,
        )

    def endpoint_settings(
        self,
        advertised: dict[str, tuple[str, int]],
        advertised_v6: dict[str, tuple[str, int]],
    ) -> EndpointSettings:
        """Return the settings of `acd.sip`; the addresses are known once the sockets are bound."""
        sip = self.server.sip
        return EndpointSettings(
            advertised=advertised,
            advertised_v6=advertised_v6,
            realm=sip.realm,
            digest_algorithms=sip.digest_algorithms,
            min_expires_s=sip.registrar.min_expires_s,
            default_expires_s=sip.registrar.default_expires_s,
            max_expires_s=sip.registrar.max_expires_s,
            max_contacts=sip.registrar.max_contacts,
            qualify_s=sip.registrar.qualify_s,
            flow_timer_s=sip.registrar.flow_timer_s,
            authenticate_accounts=sip.authenticate_accounts,
            trusted=sip.trusted,
            own_networks=sip.limits.exempt,
            scanners=tuple(name.lower() for name in sip.bans.scanners),
            max_unacknowledged=self._unproved(),
            session_expires_s=sip.session_expires_s,
            min_se_s=sip.min_se_s,
            offer_100rel=sip.offer_100rel,
            prefer_100rel=sip.prefer_100rel,
        )

    def _unproved(self) -> int:
        """Return how many callers may wait for their ACK, or ring, who may be nobody.

        A fifth of all lines, 1,000 of the usual 5,000, goes to made-up callers at most; where
        there are few lines, so many that a second's honest callers fit in.
        """
        media = self.server.media
        streams = (media.port_max - media.port_min + 1) // 2
        return max(10, min(self.server.calls.max_calls, streams) // 5)

    def sip_timers(self) -> SipTimers:
        """Return the timers of `acd.sip`."""
        return SipTimers.of_t1(self.server.sip.t1_s)

    def number_sight(self) -> NumberSight:
        """Return which roles see customers' numbers whole."""
        return NumberSight(frozenset(self.server.privacy.numbers_shown_to))

    def kept(self) -> Kept:
        """Return how long the tables keep their records."""
        kept = self.server.retention
        return Kept(kept.calls_months, kept.agents_months, kept.audit_months)

    def journal_settings(self) -> JournalSettings:
        """Return the settings of `acd.storage.journal`."""
        journal = self.server.journal
        return JournalSettings(
            total_bytes=journal.max_bytes,
            sync=Sync(journal.fsync),
            sync_interval_s=journal.fsync_interval_ms / 1000,
            keep_bytes=journal.keep_bytes,
            keep_s=journal.keep_days * 86_400,
        )

    def centre_settings(self) -> CentreSettings:
        """Return the settings of `acd.calls`."""
        calls, centre = self.server.calls, self.server.centre
        done = calls.code_done_prompts
        return CentreSettings(
            project=centre.project,
            language=centre.locale,
            login_at_registration=self.agents.log_in_at_registration,
            devices=DevicePolicy(self.server.sip.registrar.devices),
            max_calls=calls.max_calls,
            max_ringing=self._unproved(),
            max_call_s=calls.max_call_s,
            record_withheld=calls.record_withheld,
            contacts_kept=calls.contacts_kept,
            contacts_kept_s=calls.contacts_kept_days * 86_400,
            prompts=CentrePrompts(
                queue_full=calls.queue_full_prompt,
                max_wait=calls.max_wait_prompt,
                queue_empty=calls.queue_empty_prompt,
                queue_closed=calls.queue_closed_prompt,
                callback_taken=calls.callback_taken_prompt,
                callback_refused=calls.callback_refused_prompt,
                callback_greeting=calls.callback_greeting_prompt,
                hold_music=calls.hold_music,
                ringback=calls.ringback,
                code_done={action: getattr(done, action.value) for action in CodeAction},
                code_refused=calls.code_refused_prompt,
                desk_number=calls.desk_number_prompt,
                desk_pin=calls.desk_pin_prompt,
            ),
        )


def flows_folder(folder: Path, server: Server) -> Path:
    """Return the flows' folder of a server whose configuration lies in this folder."""
    return (folder / server.flows).resolve()


def written_codes(numbers: Numbers, reasons: Reasons) -> list[tuple[str, str, str]]:
    """Return agents' codes written out: ("*111", "away", "break"), digits of reasons added."""
    codes = numbers.agent_codes
    plain = [(getattr(codes, name), name, "") for name in PLAIN_CODES]
    away = [(codes.away + entry.digit, "away", entry.code) for entry in reasons.away_reasons]
    classes = [
        (codes.disposition + entry.digit, "disposition", entry.call_class)
        for entry in reasons.dispositions
    ]
    return plain + away + classes


def _target(to: NumberTarget) -> Target:
    requires = to.requires.requirements()
    if to.queue is not None:
        return QueueTarget(to.queue, to.ringing, requires)
    return FlowTarget(to.flow, requires) if to.flow else EchoTarget()
