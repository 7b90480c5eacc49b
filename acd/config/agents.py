"""agents.yaml: who answers calls, with skills, grades and the account whose phones ring."""

import re
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from acd.routing.model import AgentProfile

from .queues import MissSettings
from .values import (
    AgentNumber,
    CallerNumber,
    GradeName,
    Identifier,
    MayCall,
    Seconds,
    Section,
    fault,
)

MAX_RANGE = 10_000
"Agents of one range at most: five times the largest call centre that this is made for."


class AgentSettings(Section):
    """One agent (座席)."""

    number: AgentNumber
    "Agent number (工号): the id in records and reports, never given to another person."

    name: Annotated[str, Field(min_length=1, max_length=80)]
    "The person's name."

    account: AgentNumber | None = None
    "SIP user that the agent's phone registers as; left out: the number."

    password: str | None = None
    "Only for labs: the SIP password in clear. Left out: made and kept in the state folder."

    team: str = ""
    "Team (班组), for reports."

    skills: dict[Identifier, GradeName]
    "Skill: grade (C B A AA AAA). Without the skill, a queue's calls never reach the agent."

    categories: dict[Identifier, GradeName] = Field(default_factory=dict)
    "Product category: grade, for the layers that go by product knowledge."

    groups: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    "Further groups beside the team, such as the mobile group (机动组), for layers that name them."

    languages: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    "Languages served: [zh, yue]. A call that requires one reaches only agents who have it."

    regions: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    "Regions of callers served: [广东, 福建]; likewise."

    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    "Share of calls under the order weighted_random, relative to other agents'."

    customers: Annotated[tuple[CallerNumber, ...], Field(max_length=1000)] = ()
    "Numbers, as callers' numbers arrive, of customers whose manager (专属客户经理) the agent is."

    rank: dict[Identifier, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    "Queue: a conversion of 0-1 set by hand in place of the measured one."

    may_call: MayCall | None = None
    "How far the agent may dial (see dial_plan in numbers.yaml); left out: as the dial plan says."

    caller_id: CallerNumber = ""
    "Number that people outside see when the agent calls; empty: as the dial plan says."

    @property
    def sip_account(self) -> str:
        """The SIP user."""
        return self.account or self.number

    wrap_up_s: Seconds | None = None
    "After-call work (话后) of this agent in place of the queues', in seconds; left out: theirs."

    miss: MissSettings | None = None
    "What a missed call costs this agent in place of the queues' rules; left out: theirs."

    def profile(self) -> AgentProfile:
        """Return it as the router takes it."""
        return AgentProfile(
            number=self.number,
            name=self.name,
            account=self.sip_account,
            skills=self.skills,
            categories=self.categories,
            team=self.team,
            groups=self.groups,
            languages=self.languages,
            regions=self.regions,
            weight=self.weight,
            customers=self.customers,
            rank=self.rank,
            wrap_up_s=self.wrap_up_s,
            miss=self.miss.rule() if self.miss else None,
        )


class AgentRange(Section):
    """Many alike agents at once: a training room, a bank of overflow seats, a load test."""

    first: AgentNumber
    "First agent number; its last digits are counted up, keeping their length: a0001."

    last: AgentNumber
    "Last agent number."

    name: Annotated[str, Field(min_length=1, max_length=80)] = "{number}"
    "Name of each; {number} stands for the agent's number."

    password: str | None = None
    "Only for labs: the SIP password of each, in clear; {number} stands for the number."

    team: str = ""
    "Team (班组), for reports."

    skills: dict[Identifier, GradeName]
    "Skill: grade, the same for all."

    categories: dict[Identifier, GradeName] = Field(default_factory=dict)
    "Product category: grade, the same for all."

    groups: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    "Groups of each beside the team, such as the mobile group (机动组), for layers that name them."

    languages: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    "Languages served: [zh, yue]. A call that requires one reaches only agents who have it."

    regions: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    "Regions of callers served: [广东, 福建]; likewise."

    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    "Share of calls under the order weighted_random, relative to other agents'."

    may_call: MayCall | None = None
    "How far each may dial; left out: as the dial plan in numbers.yaml says."

    @model_validator(mode="after")
    def _countable(self) -> Self:
        first, last = _split(self.first), _split(self.last)
        if first[0] != last[0] or len(first[1]) != len(last[1]) or not first[1]:
            raise fault("first and last do not fit together", "such as a0001 and a0200")
        size = int(last[1]) - int(first[1]) + 1
        if not 1 <= size <= MAX_RANGE:
            raise fault(f"a range of {size} agents", f"1 to {MAX_RANGE}")
        return self

    def agents(self) -> Iterator[AgentSettings]:
        """Yield the agents that it stands for."""
        (prefix, low), (_, high) = _split(self.first), _split(self.last)
        for n in range(int(low), int(high) + 1):
            number = f"{prefix}{n:0{len(low)}d}"
            yield AgentSettings(
                number=number,
                name=self.name.replace("{number}", number),
                password=self.password and self.password.replace("{number}", number),
                team=self.team,
                skills=self.skills,
                categories=self.categories,
                groups=self.groups,
                languages=self.languages,
                regions=self.regions,
                weight=self.weight,
                may_call=self.may_call,
            )


def _split(number: str) -> tuple[str, str]:
    digits = re.search(r"[0-9]{0,9}$", number)
    text = digits[0] if digits else ""
    return number[: len(number) - len(text)], text


class Agents(Section):
    """All agents."""

    agents: tuple[AgentSettings, ...] = ()
    "Agents one by one."

    ranges: tuple[AgentRange, ...] = ()
    "Agents by the dozen."

    leaders: dict[
        Annotated[str, Field(min_length=1, max_length=80)],
        Annotated[str, Field(min_length=1, max_length=80)],
    ] = Field(default_factory=dict)
    "Team (班组): who leads it (组长), by agent number or name, for records and reports."

    desk_phones: Annotated[tuple[AgentNumber, ...], Field(max_length=MAX_RANGE)] = ()
    "Accounts of phones that are nobody's: agents log in there by number and PIN (hot-desking)."

    log_in_at_registration: bool = True
    "true: a registered phone logs its agent in, ready at once; false: by dialling ready."

    cool_down_s: Annotated[float, Field(ge=1, le=3600)] = 120.0
    "How long an agent is left in peace after a call marked as upsetting, in seconds."

    wrap_up_extension_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    "By how much the code for it prolongs after-call work, in seconds."

    def everyone(self) -> tuple[AgentSettings, ...]:
        """Return all agents, the ranges written out."""
        listed = [agent for block in self.ranges for agent in block.agents()]
        return (*self.agents, *listed)
