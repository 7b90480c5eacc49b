"""Agents lent to other groups for the time being: over the configuration, until taken back.

Kept in `assignments.json` of the state folder, so that neither a restart nor a reload of the
configuration sends anybody back; Postgres is not needed for it.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec
import structlog
from msgspec import structs

from acd.routing.model import AgentProfile, Grade
from acd.storage.private_file import replace_private

log = structlog.get_logger(__name__)

FILE_NAME = "assignments.json"


class Assignment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is different about an agent for the time being."""

    skills: dict[str, str] | None = None
    "Skill: grade, in place of those configured; None: those."

    team: str | None = None
    account: str | None = None
    "Desk phone where the agent sits; None: the own phone."

    by: str = ""
    why: str = ""


class Assignments:
    """All assignments in force. Limited by the number of agents."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._by_agent = self._read()

    def of(self, agent: str) -> Assignment | None:
        """Return the agent's assignment, if there is one."""
        return self._by_agent.get(agent)

    def set(self, agent: str, assignment: Assignment | None) -> None:
        """Put it in force, or end it by None. Raises OSError; the former one stands then."""
        changed = {name: one for name, one in self._by_agent.items() if name != agent}
        if assignment is not None:
            changed[agent] = assignment
        replace_private(self._path, msgspec.json.format(msgspec.json.encode(changed)))
        self._by_agent = changed

    def seat(self, agent: str, account: str | None) -> None:
        """Have the agent's calls ring at this desk phone; None: at the own. Raises OSError."""
        assignment = self._by_agent.get(agent, Assignment())
        changed = structs.replace(assignment, account=account)
        self.set(agent, None if changed == Assignment() else changed)

    def seat_of(self, agent: str) -> str:
        """Return the desk phone where the agent sits; empty: at none."""
        assignment = self._by_agent.get(agent)
        return (assignment.account or "") if assignment is not None else ""

    def seated_at(self, account: str) -> str:
        """Return the agent who sits at this desk phone; empty: nobody."""
        return next((agent for agent, one in self._by_agent.items() if one.account == account), "")

    def over(
        self, profiles: Iterable[AgentProfile], desk_phones: Collection[str]
    ) -> tuple[AgentProfile, ...]:
        """Return the agents as they are for the time being.

        A phone that is none of `desk_phones` any more, and perhaps somebody's own, is no seat.
        """
        if not self._by_agent:
            return tuple(profiles)
        desks = frozenset(desk_phones)
        return tuple([self._assigned(profile, desks) for profile in profiles])

    def _assigned(self, profile: AgentProfile, desks: frozenset[str]) -> AgentProfile:
        assignment = self._by_agent.get(profile.number)
        if assignment is None:
            return profile
        skills, team = assignment.skills, assignment.team
        seat = assignment.account if assignment.account in desks else None
        return structs.replace(
            profile,
            skills=profile.skills if skills is None else _graded(skills),
            team=profile.team if team is None else team,
            account=seat or profile.account,
        )

    def _read(self) -> dict[str, Assignment]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Assignment])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            log.warning(
                "assignments_not_read", error=str(error), effect="agents are as configured"
            )
            return {}


def _graded(skills: dict[str, str]) -> dict[str, Grade]:
    return {skill: Grade[grade] for skill, grade in skills.items() if grade in Grade.__members__}
