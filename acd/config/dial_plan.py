"""The dial plan of numbers.yaml: what agents reach beyond the numbers that callers dial."""

from typing import Annotated

from pydantic import AfterValidator, Field

from acd.calls.dial_plan import CallClass, DialPlan, Rights
from acd.sip.phone_numbers import country_code, is_country

from .agents import AgentSettings
from .values import CallerNumber, Identifier, MayCall, Section, fault


def _country(value: str) -> str:
    if is_country(value):
        return value
    raise fault("a country is wanted", "two capital letters of ISO 3166, such as CN")


Beginning = Annotated[str, Field(pattern=r"^\+?[0-9]{1,16}$")]
"The first digits of numbers."

ShortNumber = Annotated[str, Field(pattern=r"^[0-9]{2,8}$")]
"A few digits."


class Group(Section):
    """What the agents of a skill may dial."""

    may_call: MayCall = "internal"
    "none, internal, local, national or international; each includes those before it."

    caller_id: CallerNumber = ""
    "Number that the called person sees; empty: the agent's own, as the trunk's rules have it."


class DialPlanSettings(Section):
    """What agents reach who dial something that is not among the numbers above."""

    country: Annotated[str, AfterValidator(_country)] = "CN"
    "ISO 3166 country of numbers without country code."

    area_code: Annotated[str, Field(pattern=r"^[0-9]{0,6}$")] = ""
    "Put before local numbers that are dialled without it, such as 0755."

    local: tuple[Beginning, ...] = ()
    "Beginnings in E.164 (+8675) that count as local, beside those of the area code."

    services: tuple[ShortNumber, ...] = DialPlan().services
    "Beginnings of service numbers (95588, 10086); they count as local."

    outside_prefix: Annotated[str, Field(pattern=r"^[0-9*#]{0,3}$")] = ""
    "Dialled before every number outside, such as 9; empty: none."

    emergency: tuple[ShortNumber, ...] = DialPlan().emergency
    "Open to every account, whatever it may dial and however full server and trunks are."

    forbidden: tuple[Beginning, ...] = ()
    "Beginnings, in E.164 or as dialled, of numbers that nobody reaches."

    premium_rate: bool = False
    "true: numbers that numbering plans list as premium-rate are open, too."

    trunks: tuple[Identifier, ...] = ()
    "Names from trunks.yaml, tried in this order; none: nothing goes out."

    emergency_trunks: tuple[Identifier, ...] = ()
    "The same for emergency numbers; none: as `trunks`."

    may_call: MayCall = "internal"
    "What agents may dial of whom nothing else is said here or in agents.yaml."

    caller_id: CallerNumber = ""
    "Number that the called person sees; empty: the agent's own, as the trunk's rules have it."

    groups: dict[Identifier, Group] = Field(default_factory=dict)
    "Skill: what its agents may dial. Of several skills the widest counts."

    no_answer_s: Annotated[float, Field(ge=5, le=600)] = 60.0
    "A phone that rings longer is given up."

    def plan(
        self, agents: tuple[AgentSettings, ...], codecs: dict[str, tuple[str, ...]]
    ) -> DialPlan:
        """Return it as the call centre takes it; `codecs` are those of trunks with a limit."""
        default = Rights(_class(self.may_call), self.caller_id)
        rights = {agent.number: self._rights(agent, default) for agent in agents}
        return DialPlan(
            country=self.country,
            area_code=self.area_code,
            local=self.local,
            services=self.services,
            outside_prefix=self.outside_prefix,
            emergency=self.emergency,
            forbidden=self.forbidden,
            premium_rate=self.premium_rate,
            trunks=self.trunks,
            emergency_trunks=self.emergency_trunks,
            codecs=codecs,
            default=default,
            rights={number: own for number, own in rights.items() if own != default},
            no_answer_s=self.no_answer_s,
        )

    def emergency_dialled(self) -> tuple[str, ...]:
        """Return all that phones may dial for an emergency number, in any of its ways."""
        before = ("", self.outside_prefix, f"+{country_code(self.country)}")
        return tuple(dict.fromkeys(way + number for way in before for number in self.emergency))

    def _rights(self, agent: AgentSettings, default: Rights) -> Rights:
        groups = [self.groups[skill] for skill in agent.skills if skill in self.groups]
        widest = max(groups, key=lambda group: _class(group.may_call), default=None)
        allowed, caller_id = default.allowed, default.caller_id
        if widest is not None:
            allowed, caller_id = _class(widest.may_call), widest.caller_id or caller_id
        if agent.may_call is not None:
            allowed = _class(agent.may_call)
        return Rights(allowed, agent.caller_id or caller_id)


def _class(name: str) -> CallClass:
    return CallClass[name.upper()]
