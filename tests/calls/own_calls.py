"""Agents' own calls on a stage: the dial plan they fall under, and how one begins."""

from calls_stage import Stage

from acd.calls.dial_plan import CallClass, DialPlan, Rights
from acd.sip import events as sip

MOBILE, E164 = "13800138000", "+8613800138000"
PLAN = DialPlan(
    trunks=("carrier", "spare"),
    rights={"1001": Rights(CallClass.NATIONAL, "+8675512345678")},
    no_answer_s=40.0,
)


def stage(**fields: object) -> Stage:
    made = Stage(dial_plan=PLAN, **fields)  # type: ignore[arg-type]  # a wrong one fails
    made.registers("1001", "1002")
    return made


def call_out(on: Stage, number: str = MOBILE, agent: str = "1001") -> tuple[str, str]:
    """Let the agent dial; the legs of agent and party."""
    own = on.calls(number, account=f"phone{agent}")
    return own, on.party()


def fails(on: Stage, leg: str, status: int, cause: int = 0) -> None:
    on.on_sip(sip.LegFailed(leg, status, "", 0, cause))
