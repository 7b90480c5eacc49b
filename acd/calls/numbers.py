"""What a called number means: a flow, a queue, the echo test, or an agent's dialling code."""

from enum import Enum

from msgspec import Struct

from acd.routing.model import Requirements

from .blacklist import Blacklist
from .dial_plan import Barred, DialPlan, InternalTarget, OutsideTarget


class CodeAction(Enum):
    """What an agent does by dialling a code."""

    READY = "ready"
    AWAY = "away"
    LOG_OUT = "log_out"
    END_WRAP_UP = "end_wrap_up"
    DISPOSITION = "disposition"
    COOL_DOWN = "cool_down"
    EXTEND_WRAP_UP = "extend_wrap_up"
    DESK_LOGIN = "desk_login"


class FlowTarget(Struct, frozen=True):
    """The caller enters an IVR flow."""

    flow: str
    requires: Requirements = Requirements()
    "What calls to this number ask of agents, as far as the flow says nothing else."


class QueueTarget(Struct, frozen=True):
    """The caller is queued at once, or with the ACK if nothing before shows that one is there."""

    queue: str

    ringing: bool = False
    """The caller hears ringing (180) until an agent answers, and only then pays for the call;
    neither music nor announcements."""

    requires: Requirements = Requirements()


class EchoTarget(Struct, frozen=True):
    """The caller hears itself."""


class CodeTarget(Struct, frozen=True):
    """An agent's command."""

    action: CodeAction
    argument: str = ""
    "Away reason code, or disposition class."


Target = FlowTarget | QueueTarget | EchoTarget | CodeTarget | InternalTarget | OutsideTarget


class NumberPlan(Struct, frozen=True):
    """All numbers that the server answers. Immutable; a reload replaces it as a whole."""

    targets: dict[str, Target]
    'By dialled digits: "4000", "*111".'

    internal: frozenset[str] = frozenset()
    "Those that only our own accounts reach."

    by_diversion: frozenset[str] = frozenset()
    "Those whose calls go where the first number leads that they were diverted from, if any."

    desk_phones: frozenset[str] = frozenset()
    "Accounts of phones that are nobody's, where agents log in by number and PIN."

    away_code: str = ""
    "What agents dial in front of a reason to be away; empty: there is no such code."

    away_choices: str = ""
    'The reasons with their digits, for who dials another one: "1 break, 2 meal".'

    blacklist: Blacklist = Blacklist()
    dial_plan: DialPlan = DialPlan()
    "What accounts that have proved themselves reach beyond these."

    def target(self, called: str) -> Target | None:
        """Return what the number means, or None if nobody has it."""
        return self.targets.get(called)

    def wrong_reason(self, called: str) -> Barred | None:
        """Return the refusal of a code for away with a reason that there is not, if it is one."""
        if not self.away_code or not called.startswith(self.away_code):
            return None
        if len(called) > len(self.away_code) + 1:
            return None
        return Barred(404, "unknown_reason", f"{self.away_code} and one of {self.away_choices}")
