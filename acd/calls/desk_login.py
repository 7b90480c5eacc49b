"""Hot-desking: an agent logs in at a desk phone by number and PIN.

The phone has an account that is no agent's. What is keyed in is checked outside (`VerifyPin`):
slow on purpose, and the PIN is nobody else's business; it is in no event and no trace.
"""

from dataclasses import dataclass

from acd.ivr.speech import DIGITS
from acd.routing.deadlines import Timed

from .call import Call, EndReason, Phase, Playing
from .call_table import CallTable
from .commands import VerifyPin
from .desk import Desk
from .effects import Effects
from .engagement import Engagement
from .hearing import Hearing
from .host import Host
from .numbers import CodeAction
from .settings import CentrePrompts

KEY_PAUSE_S = 10.0
"Without a key for this long the attempt is over: the prompt and a moment of thought fit in."

KEYS_MAX = 32
"The longest agent number."


class KeyTimer(Timed):
    """When an attempt has waited for long enough."""

    __slots__ = ("entry",)

    def __init__(self, entry: "Entry") -> None:
        super().__init__()
        self.entry = entry


@dataclass(slots=True)
class Entry:
    """What was keyed in so far."""

    call: Call
    keys: str = ""
    agent: str = ""
    "Once it is complete; the PIN follows."

    checking: bool = False


class DeskLogins:
    """Attempts under way. Limited by the calls that there are."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        hearing: Hearing,
        desk: Desk,
        engagement: Engagement,
        prompts: CentrePrompts,
    ) -> None:
        self._table = table
        self._effects = effects
        self._host = host
        self._hearing = hearing
        self._desk = desk
        self._engagement = engagement
        self._prompts = prompts
        self._deadlines = table.deadlines
        self._timers: dict[str, KeyTimer] = {}

    def begin(self, call: Call) -> None:
        """Ask for the agent number."""
        call.phase = Phase.LOGGING_IN
        entry = Entry(call)
        self._timers[call.interaction] = KeyTimer(entry)
        self._ask(entry, self._prompts.desk_number)

    def pressed(self, call: Call, key: str) -> None:
        """Take a key: # ends the number or the PIN, * takes back what was keyed in of it."""
        timer = self._timers.get(call.interaction)
        if timer is None or timer.entry.checking:
            return
        entry = timer.entry
        self._deadlines.arm(timer, self._table.now + KEY_PAUSE_S)
        if key == "*":
            entry.keys = ""
        elif key in DIGITS:
            entry.keys = (entry.keys + key)[:KEYS_MAX]
        elif key == "#" and not entry.agent:
            entry.agent, entry.keys = entry.keys, ""
            self._ask(entry, self._prompts.desk_pin)
        elif key == "#":
            entry.checking = True
            self._hearing.hush(call)
            self._effects.append(
                VerifyPin(call.interaction, call.account or "", entry.agent, entry.keys)
            )

    def verified(self, interaction: str, right: bool) -> str:
        """Take what came of the check; return the agent who may be seated now, empty: nobody.

        The agent counts as being in this call until it is over: no offer meets a busy phone.
        """
        timer = self._timers.pop(interaction, None)
        if timer is None or timer.entry.call.phase is not Phase.LOGGING_IN:
            return ""
        self._deadlines.arm(timer, float("inf"))
        call, agent = timer.entry.call, timer.entry.agent
        if not right or self._desk.profile(agent) is None or self._desk.refusal(agent):
            self._host.end_with_prompt(call, self._prompts.code_refused, EndReason.CODE_DONE)
            return ""
        call.agent = agent
        self._engagement.begin(agent, interaction, self._table.now)
        done = self._prompts.code_done.get(CodeAction.DESK_LOGIN, "")
        self._host.end_with_prompt(call, done, EndReason.CODE_DONE)
        return agent

    def due(self, timer: KeyTimer, now: float) -> None:
        """End an attempt that nobody goes on with."""
        del now  # there is nothing to reckon
        call = timer.entry.call
        self._timers.pop(call.interaction, None)
        if call.phase is Phase.LOGGING_IN:
            self._host.end_with_prompt(call, self._prompts.code_refused, EndReason.CODE_DONE)

    def _ask(self, entry: Entry, prompt: str) -> None:
        call = entry.call
        self._deadlines.arm(self._timers[call.interaction], self._table.now + KEY_PAUSE_S)
        if prompt:
            name = f"{call.language}/{prompt}"
            self._hearing.play(call, Playing.ANNOUNCEMENT, (name,), loop=False)
