"""What people see of the running centre by HTTP: agents, queues, calls; and what they command."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf

from acd.calls.call import Call
from acd.calls.centre import CallCentre
from acd.calls.desk import Disposition
from acd.calls.dial_plan import Barred, InternalTarget, OutsideTarget
from acd.calls.effects import Effects
from acd.calls.events import DispositionEntered
from acd.config import Config
from acd.routing.model import AgentView
from acd.routing.router import Router
from acd.web.access import Actor, Role
from acd.web.bodies import Disposition as DispositionBody
from acd.web.ports import CommandRefusedError

from .assignments import Assignments
from .audited import class_told
from .devices import device_view
from .entry_checks import check_category
from .handled_calls import HandledCalls
from .waiting_floor import closure_view

DIALLED = frozenset({"not_permitted", "forbidden_number", "unknown_number"})
REFUSALS = {
    "not_permitted": "agent {0} may not call {1}: see dial_plan in numbers.yaml",
    "forbidden_number": "{1} is closed to everybody: see dial_plan in numbers.yaml",
    "unknown_number": "{1} is neither a colleague nor a number that can be called",
    "no_device": "no phone of agent {0} is registered",
}
"By reason of `Barred`."


class Floor:
    """The operations floor as the web shows and steers it."""

    def __init__(
        self,
        centre: CallCentre,
        router: Router,
        *,
        carry_out: Callable[[Effects], None],
        now: Callable[[], float],
        config: Callable[[], Config],
        assignments: Assignments,
        calls_handled: HandledCalls,
    ) -> None:
        self._centre = centre
        self._router = router
        self._carry_out = carry_out
        self._now = now
        self._config = config
        self._assignments = assignments
        self._handled_calls = calls_handled

    # --- views ---

    def agents(self) -> list[dict[str, object]]:
        """Return every agent, by number."""
        return [self._agent(view) for view in self._router.agents()]

    def agent(self, number: str) -> dict[str, object] | None:
        """Return one agent, or None."""
        if self._centre.desk.profile(number) is None:
            return None
        return self._agent(self._router.agent_view(number))

    def reasons(self) -> list[dict[str, object]]:
        """Return what agents may be away for."""
        return [
            {
                "code": entry.code,
                "digit": entry.digit,
                "name": entry.name,
                "name_en": entry.name_en or entry.code,
                "limit_minutes": entry.limit_minutes or None,
            }
            for entry in self._config().reasons.away_reasons
        ]

    def queues(self) -> list[dict[str, object]]:
        """Return every queue with its line."""
        lengths, oldest = self._router.queue_lengths(), self._router.oldest_wait(self._now())
        return [
            {
                "queue": queue.name,
                "name": queue.display_name or queue.name,
                "kind": queue.kind.value,
                "waiting": lengths.get(queue.name, 0),
                "oldest_wait_s": round(oldest.get(queue.name, 0.0), 1),
                "closed": closure_view(self._centre.closures.of(queue.name)),
            }
            for queue in self._config().queue_profiles()
        ]

    def calls(self) -> list[dict[str, object]]:
        """Return every call under way."""
        return [self._call(call) for call in self._centre.calls]

    def _agent(self, view: AgentView) -> dict[str, object]:
        devices = self._centre.desk.devices().get(view.account, ())
        handled = self._centre.desk.handled(view.agent)
        # None: taken out of the configuration, and still at work.
        profile = self._centre.desk.profile(view.agent)
        return {
            "number": view.agent,
            "name": view.name,
            "account": view.account,
            "status": view.status.value,
            "reason": view.reason,
            "state": view.state.value,
            "since": self._wall(view.since),
            "queue": view.queue,
            "interaction": view.interaction,
            "last_interaction": handled.interaction if handled else "",
            "until": self._wall(view.deadline) if view.deadline < inf else None,
            "away_since": None if view.away_since is None else self._wall(view.away_since),
            "away_exceeded": view.away_exceeded,
            "skills": {
                skill: grade.name for skill, grade in (profile.skills if profile else {}).items()
            },
            "team": profile.team if profile else "",
            "assigned": self._assignments.of(view.agent),
            "registered": view.reachable,
            "devices": [device_view(contact) for contact in devices],
        }

    def _call(self, call: Call) -> dict[str, object]:
        visit = call.visit or call.talk_visit
        return {
            "interaction": call.interaction,
            "caller": call.shown_caller,
            "called": call.called,
            "direction": _direction(call),
            "phase": call.phase.name.lower(),
            "flow": call.run.flow_name if call.run is not None else "",
            "node": call.run.node_name if call.run is not None else "",
            "queue": visit.queue.name if visit else "",
            "agent": call.agent_leg.agent if call.agent_leg else call.agent,
        }

    def _wall(self, mono_s: float) -> str:
        at = datetime.now(UTC) - timedelta(seconds=self._now() - mono_s)
        return at.isoformat(timespec="milliseconds")

    # --- commands ---

    def dispose(
        self, number: str, interaction: str | None, body: DispositionBody, actor: Actor
    ) -> None:
        """Class an agent's call, on record if not by the agent. Raises CommandRefusedError."""
        check_category(self._config(), body.category)
        by = "" if actor.role is Role.AGENT else actor.name
        disposition = Disposition(
            call_class=body.call_class,
            category=body.category,
            order_id=body.order_id,
            ordered=body.ordered,
            solved=body.solved,
            amount=body.amount,
            currency=body.currency,
            by=by,
        )
        effects = self._centre.dispose(number, disposition, interaction=interaction or "")
        if effects is None:
            raise CommandRefusedError(
                "no_such_call", f"agent {number} took no such call last", field="interaction"
            )
        told = next((one for one in effects if isinstance(one, DispositionEntered)), None)
        if by and told is not None:
            before = self._handled_calls.classed(told.interaction, number)
            effects = [*effects, class_told(told, by, actor.role.value, before=before)]
        self._do(effects)

    def place_call(self, number: str, to: str) -> dict[str, object]:
        """Call for an agent, whose own phone rings first. Raises CommandRefusedError."""
        effects, placed = self._centre.place_call(number, to, self._now())
        if isinstance(placed, Barred):
            text = REFUSALS.get(placed.reason, "no new calls are taken now").format(number, to)
            field = "to" if placed.reason in DIALLED else ""
            raise CommandRefusedError(placed.reason, text, field=field)
        self._do(effects)
        return {"interaction": placed, "agent": number, "to": to}

    def hang_up(self, number: str) -> None:
        """End the calls that an agent placed."""
        self._do(self._centre.hang_up_calls(number, self._now()))

    def _do(self, effects: Effects | None) -> None:
        if effects is not None:
            self._carry_out(effects)


def _direction(call: Call) -> str:
    """Return which way a call goes, as `acd.calls.events.CallStarted.direction` says it."""
    if call.back is not None:
        return "callback"
    if isinstance(call.target, OutsideTarget):
        return "outbound"
    return "internal" if isinstance(call.target, InternalTarget) else "inbound"
