"""What a queue does with those who wait: announcements, keys, and when nobody may wait at all.

The router itself needs none of this; it stands here because a queue is configured as a whole.
"""

from datetime import datetime
from enum import Enum
from typing import Protocol

from msgspec import Struct


class EmptyRule(Enum):
    """What counts as an empty queue: one that nobody serves now.

    Only agents count whom some layer of the queue admits to the call, whatever they do at the
    moment: who talks or writes up is there.
    """

    NEVER = "never"
    "It never counts."

    LOGGED_OUT = "logged_out"
    "None of them is logged in with a phone that can be reached; who is away is there."

    AWAY = "away"
    "Those who are away do not count as there, either."


class Exit(Struct, frozen=True, kw_only=True):
    """Where a key leads that a waiting caller presses: exactly one of these."""

    flow: str = ""
    "Into this flow."

    back: bool = False
    "Back to the flow that the caller came from, by the queue node's `on_exit`."

    callback: bool = False
    "Hang up and be called back, in place of waiting."


class Hours(Protocol):
    """When people may be called: `acd.ivr.schedule.OpeningHours`."""

    def is_open(self, moment: datetime) -> bool:
        """Return whether it is open at this moment (with time zone)."""


class First(Enum):
    """Whose phone rings first in a call-back."""

    AGENT = "agent"
    "The customer never waits; the agent waits while the customer's phone rings."

    CUSTOMER = "customer"
    "The agent never waits; the customer waits at the head of the line."


class CallbackRules(Struct, frozen=True, kw_only=True):
    """How a queue calls back those who asked for it."""

    hours: Hours
    first: First = First.AGENT
    attempts: int = 3
    retry_pause_s: float = 600.0
    "From the end of one attempt in vain to the next time in line."

    expires_s: float = 86_400.0
    "From the wish on; what has not come to its turn by then is given up."

    ring_s: float = 30.0
    may_call: int = 3
    "Value of `acd.calls.dial_plan.CallClass`: how far a customer's number may be."

    other_numbers: int = 0
    "The same for a number that callers key in in place of their own; 0: none is taken."

    caller_id: str = ""
    "Number to call from; empty: the one that the customer had called."


class WaitingRules(Struct, frozen=True, kw_only=True):
    """Settings of a queue for its waiting callers. Sounds are named as in flows."""

    announce_position: bool = True
    "Whether the announcement every `QueueProfile.position_every_s` tells the place in the line."

    announce_wait: bool = False
    "Whether it tells the estimated wait, as long as there is an estimate."

    prompts: tuple[str, ...] = ()
    "Played one after the other, one each time."

    prompts_every_s: float = 0.0
    exits: dict[str, Exit] = {}
    "By the key: 0-9 * #."

    refuse_when_empty: EmptyRule = EmptyRule.NEVER
    "When callers do not get into the queue."

    leave_when_empty: EmptyRule = EmptyRule.NEVER
    "When those who wait are led out."

    return_within_s: float = 0.0
    "Who hung up waiting and calls again within this gets the former place; 0: nobody does."

    callback: CallbackRules | None = None
    "None: this queue calls nobody back."

    closed: str = ""
    "Why the configuration closes the queue (紧急关闭); empty: it does not."

    closed_prompt: str = ""
    closed_flow: str = ""
    "What callers of a closed queue get, one of the two; neither: their flow decides."
