"""Supervisors' moves as the web orders them: carried out, and each put on record."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.effects import Effects
from acd.calls.steering import Steering
from acd.config import Config
from acd.routing.errors import UnknownGroupError
from acd.routing.model import State, Status
from acd.routing.router import Router
from acd.web.access import Order, Role
from acd.web.ports import AuditWish, CommandRefusedError

from .assignments import Assignment, Assignments
from .views import Floor

PASSING = frozenset({State.WRAP_UP, State.PAUSED, State.COOL_DOWN})

IMMOVABLE = {
    "queue_full": "is full",
    "queue_closed": "is closed",
    "queue_empty": "takes nobody, since nobody serves it",
    "already_there": "is where the call waits already",
}
"What `Steering.immovable` says of a queue, in words."

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What the composition root gives."""

    carry_out: Callable[[Effects], None]
    now: Callable[[], float]
    config: Callable[[], Config]

    reconfigure: Callable[[], None]
    "Have agents be what configuration and assignments say."

    floor: Floor
    lift_ban: Callable[[str], bool]
    "End the ban of a source; False: there is none."

    audit: Callable[[AuditWish], Awaitable[Sequence[object]]]
    "Read the records of a day."


class Moves:
    """Implements `acd.web.ports.Moves`."""

    def __init__(
        self, centre: CallCentre, router: Router, assignments: Assignments, server: Server
    ) -> None:
        self._centre = centre
        self._router = router
        self._assignments = assignments
        self._server = server

    # --- agents ---

    def set_status(self, number: str, status: str, reason: str, order: Order) -> None:
        """Change what an agent wants. Raises CommandRefusedError."""
        codes = sorted(entry.code for entry in self._server.config().reasons.away_reasons)
        if status == Status.AWAY.value and reason not in codes:
            text = f"reason must be one of {', '.join(codes)}"
            raise CommandRefusedError("unknown_reason", text, field="reason")
        if status != Status.AWAY.value and reason:
            raise CommandRefusedError("no_reason", "only away has a reason", field="reason")
        before = self._status(number)
        by, note = order.actor.by, order.why
        if not self._steer(lambda s: s.set_status(number, Status(status), reason, by, note)):
            refused = self._centre.desk.refusal(number)
            raise CommandRefusedError(
                "log_in_refused", f"agent {number} may not log in: {refused}", field="status"
            )
        self._record(order, "status", number, before, self._status(number))

    def end_wrap_up(self, number: str, order: Order) -> None:
        """End an agent's after-call work. Raises CommandRefusedError."""
        self._in_wrap_up(number)
        before = self._state(number)
        effects = self._centre.end_wrap_up(number, self._server.now())
        self._server.carry_out(effects or [])
        self._record(order, "end_wrap_up", number, before, self._state(number))

    def extend_wrap_up(self, number: str, seconds: float, order: Order) -> None:
        """Give an agent more time for after-call work. Raises CommandRefusedError."""
        self._in_wrap_up(number)
        self._steer(lambda s: s.extend_wrap_up(number, seconds))
        self._record(order, "extend_wrap_up", number, "", f"{seconds:g} s more")

    def cool_down(self, number: str, order: Order) -> None:
        """Mark the agent's last call as upsetting. Raises CommandRefusedError."""
        before = self._state(number)
        if not self._steer(lambda s: s.cool_down(number, order.actor.by)):
            raise CommandRefusedError(
                "no_such_call", f"agent {number} took no call yet, or a phone rings just now"
            )
        self._record(order, "cool_down", number, before, self._state(number))

    def free_up(self, number: str, order: Order) -> None:
        """End wrap-up, pause or cool-down. Raises CommandRefusedError."""
        before = self._state(number)
        if self._router.agent_view(number).state not in PASSING:
            raise CommandRefusedError(
                "not_set_aside", f"agent {number} is neither in wrap-up nor set aside"
            )
        self._steer(lambda s: s.free_up(number))
        self._record(order, "free_up", number, before, self._state(number))

    def assign(
        self, number: str, skills: Mapping[str, str] | None, team: str | None, order: Order
    ) -> None:
        """Give an agent other skills or another team. Raises CommandRefusedError."""
        known = self._known_skills()
        unknown = sorted(set(skills or ()) - known)
        if unknown:
            text = f"no such skill: {', '.join(unknown)}; there are {', '.join(sorted(known))}"
            raise CommandRefusedError("unknown_skill", text, field="skills")
        assignment = Assignment(
            skills=None if skills is None else dict(skills),
            team=team,
            account=self._assignments.seat_of(number) or None,
            by=order.actor.name,
            why=order.why,
        )
        self._put(number, assignment, order, "assign")

    def unassign(self, number: str, order: Order) -> None:
        """Take an assignment back. Raises CommandRefusedError."""
        assignment = self._assignments.of(number)
        if assignment is None or (assignment.skills is None and assignment.team is None):
            raise CommandRefusedError("not_assigned", f"agent {number} is as configured")
        seat = Assignment(account=assignment.account) if assignment.account else None
        self._put(number, seat, order, "unassign")

    def _put(self, number: str, assignment: Assignment | None, order: Order, action: str) -> None:
        before = self._group(number)
        try:
            self._assignments.set(number, assignment)
        except OSError as error:
            raise CommandRefusedError("not_kept", f"cannot be written down: {error}") from error
        self._server.reconfigure()
        self._record(order, action, number, before, self._group(number))

    # --- calls ---

    def move_call(self, interaction: str, queue: str, order: Order) -> dict[str, object]:
        """Line a waiting call up in another queue. Raises CommandRefusedError."""
        why_not = self._steer(lambda s: s.immovable(interaction, queue))
        if why_not == "unknown_queue":
            names = sorted(profile.name for profile in self._server.config().queue_profiles())
            text = f"queue must be one of {', '.join(names)}"
            raise CommandRefusedError(why_not, text, field="queue")
        if why_not in IMMOVABLE:
            raise CommandRefusedError(why_not, f"{queue} {IMMOVABLE[why_not]}", field="queue")
        before = self._steer(lambda s: s.move_call(interaction, queue))
        if before is None:
            raise self._not_waiting(interaction)
        self._record(order, "move_call", interaction, before, queue)
        return {"interaction": interaction, "queue": queue}

    def set_priority(self, interaction: str, priority: int, order: Order) -> dict[str, object]:
        """Give a waiting call another priority. Raises CommandRefusedError."""
        before = self._steer(lambda s: s.set_priority(interaction, priority))
        if before is None:
            raise self._not_waiting(interaction)
        self._record(order, "priority", interaction, str(before), str(priority))
        return {"interaction": interaction, "priority": priority}

    def place_call(self, number: str, to: str, order: Order) -> dict[str, object]:
        """Call for an agent, whose own phone rings first. Raises CommandRefusedError."""
        placed = self._server.floor.place_call(number, to)
        self._record(order, "call", number, "", to)
        return placed

    def hang_up(self, number: str, order: Order) -> None:
        """End the calls that an agent placed; on record if there are any."""
        called = [call.called for call in self._centre.calls if call.agent == number]
        self._server.floor.hang_up(number)
        if called:
            self._record(order, "hang_up", number, " ".join(called), "")

    def activate_group(
        self, queue: str, group: str, active: bool, order: Order
    ) -> dict[str, object]:
        """Let a group that is held back take a queue's calls, or no longer.

        Raises CommandRefusedError.
        """
        before = group in self._router.active_groups(queue)
        try:
            self._steer(lambda s: s.activate_group(queue, group, active, order.actor.name))
        except UnknownGroupError as error:
            raise CommandRefusedError("unknown_group", str(error), field="group") from None
        self._record(order, "group", f"{queue}/{group}", str(before), str(active))
        return {"queue": queue, "active_groups": self._router.active_groups(queue)}

    # --- sources that are kept out ---

    def lift_ban(self, source: str, order: Order) -> bool:
        """End a ban before its time; False: there is none."""
        lifted = self._server.lift_ban(source)
        if lifted:
            self._record(order, "lift_ban", source, "banned", "")
        return lifted

    def audit(self, wish: AuditWish) -> Awaitable[Sequence[object]]:
        """Return what was ordered and told on a day."""
        return self._server.audit(wish)

    # --- common ---

    def _steer(self, move: Callable[[Steering], Result]) -> Result:
        effects, result = self._centre.steer(move, self._server.now())
        self._server.carry_out(effects)
        return result

    def _record(self, order: Order, action: str, subject: str, before: str, after: str) -> None:
        """Put it on record; what agents do about themselves is on record already."""
        actor = order.actor
        if actor.role is Role.AGENT:
            return
        audited = events.CommandAudited(
            by=actor.name,
            role=actor.role.value,
            action=action,
            subject=subject,
            before=before,
            after=after,
            why=order.why,
        )
        self._server.carry_out([audited])

    def _in_wrap_up(self, number: str) -> None:
        if self._router.agent_view(number).state is not State.WRAP_UP:
            raise CommandRefusedError("not_in_wrap_up", f"agent {number} is not in wrap-up")

    @staticmethod
    def _not_waiting(interaction: str) -> CommandRefusedError:
        text = f"no call {interaction[:64]} waits in a queue"
        return CommandRefusedError("not_waiting", text, field="interaction")

    def _known_skills(self) -> set[str]:
        config = self._server.config()
        held = {skill for agent in config.agent_profiles() for skill in agent.skills}
        return held | {queue.skill for queue in config.queue_profiles()}

    def _status(self, number: str) -> str:
        view = self._router.agent_view(number)
        return f"{view.status.value} {view.reason}".strip()

    def _state(self, number: str) -> str:
        return self._router.agent_view(number).state.value

    def _group(self, number: str) -> str:
        profile = self._centre.desk.profile(number)
        assert profile is not None  # the caller has looked
        skills = " ".join(f"{skill}={grade.name}" for skill, grade in profile.skills.items())
        return f"{profile.team}: {skills}".removeprefix(": ")
