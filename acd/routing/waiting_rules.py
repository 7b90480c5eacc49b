"""What a queue does with those who wait: announcements, keys, and when nobody may wait at all.

The router itself needs none of this; it stands here because a queue is configured as a whole.
"""

from enum import Enum

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

    closed: str = ""
    "Why the configuration closes the queue (紧急关闭); empty: it does not."

    closed_prompt: str = ""
    closed_flow: str = ""
    "What callers of a closed queue get, one of the two; neither: their flow decides."
