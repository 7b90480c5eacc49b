"""numbers.yaml: what can be dialled - by callers and, as short codes, by agents."""

from typing import Self

from pydantic import model_validator

from .dial_plan import DialPlanSettings
from .queues import RequirementsSettings
from .values import Dialled, Identifier, Section, fault


class NumberTarget(Section):
    """Where a dialled number leads: exactly one of flow, queue, echo."""

    flow: str = ""
    "An IVR flow: the name of its file in the flows' folder, without .yaml."

    queue: Identifier | None = None
    "Straight into this queue."

    ringing: bool = False
    "With queue: true lets callers hear ringing until an agent answers, without music."

    requires: RequirementsSettings = RequirementsSettings()
    "What calls to this number ask of agents; a flow's queue node may say otherwise."

    public: bool = True
    "false: only our own accounts reach it; for everybody else there is no such number."

    by_diversion: bool = False
    "true: a call that was diverted here goes where the number leads that it was diverted from."

    echo: bool = False
    "true: the caller hears herself, for testing a phone's sound."

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if [bool(self.flow), self.queue is not None, self.echo].count(True) != 1:
            raise fault(
                "exactly one target is wanted", "`flow: NAME`, `queue: NAME` or `echo: true`"
            )
        if self.ringing and self.queue is None:
            raise fault("only a queue lets callers hear ringing", "`queue: NAME` beside it")
        return self


class AgentCodes(Section):
    """What agents dial on their own phones to steer themselves."""

    ready: Dialled = "*10"
    "Ready for calls (就绪)."

    away: Dialled = "*11"
    "Away (离座), followed by the digit of a reason from reasons.yaml."

    log_out: Dialled = "*12"
    "Log out (签出): no more calls until ready is dialled."

    end_wrap_up: Dialled = "*13"
    "End after-call work (话后) now."

    disposition: Dialled = "*14"
    "Class of the last call, followed by the digit of a disposition from reasons.yaml."

    cool_down: Dialled = "*15"
    "The last call was upsetting: a cool-down follows the after-call work."

    desk_login: Dialled = "*20"
    "Log in at a desk phone (`desk_phones` in agents.yaml) by agent number # and PIN #."

    extend_wrap_up: Dialled = "*16"
    "More time for after-call work, by `wrap_up_extension_s` of agents.yaml."


class Numbers(Section):
    """All that can be dialled."""

    numbers: dict[Dialled, NumberTarget]
    "Dialled number: where it leads."

    agent_codes: AgentCodes = AgentCodes()

    dial_plan: DialPlanSettings = DialPlanSettings()
    "What agents reach beyond these: colleagues and numbers outside."
