"""Settings of the call centre that no queue or flow carries."""

from enum import Enum

from msgspec import Struct

from .numbers import CodeAction


class DevicePolicy(Enum):
    """Which of an agent's devices ring."""

    NEWEST = "newest"
    "The one that registered last (highest q first)."

    LAST_ACTIVE = "last_active"
    "The one that last answered or made a call; before the first call the newest."

    ALL = "all"
    "All together; the first to answer takes the call."


class CentrePrompts(Struct, frozen=True, kw_only=True):
    """Names of the sounds that the centre itself plays, without language; empty: silence."""

    queue_full: str = ""
    max_wait: str = ""
    queue_empty: str = ""
    queue_closed: str = ""

    callback_taken: str = ""
    callback_refused: str = ""
    callback_greeting: str = ""
    "For a customer who is called back and has to wait for an agent."

    hold_music: str = ""
    "For who is on hold in a call that came through no queue; a full name: music/default."

    ringback: str = ""
    "For an agent whose call was answered before the other side rings; a full name."

    code_done: dict[CodeAction, str] = {}
    "Feedback after a dialling code."

    desk_number: str = ""
    desk_pin: str = ""
    "Ask for the agent number and for the PIN at a desk phone."

    code_refused: str = ""
    "The code could not be carried out now, e.g. a disposition without a call."


class CentreSettings(Struct, frozen=True, kw_only=True):
    """Everything in seconds and counts; see each field."""

    project: str = "main"
    "Business line or client that interactions are booked on."

    language: str = "zh"
    "Of prompts outside of flows."

    login_at_registration: bool = True
    "An agent is ready as soon as a device registers, logged out when the last one is gone."

    devices: DevicePolicy = DevicePolicy.NEWEST
    "Which devices ring for an offer when an agent has several."

    max_calls: int = 5_000
    "Callers at once; a further one gets 503. 10,000 RTP ports carry 5,000 streams (design.md)."

    max_ringing: int = 1_000
    """Callers at once who hear ringing and of whom nothing shows that they are there: a fifth of
    all. Further ones are answered, which shows it."""

    max_call_s: float = 0.0
    "A call that lasts longer is hung up; 0: no limit."

    record_withheld: bool = True
    "Records keep the number of callers who withhold it, where it is known."

    contacts_kept: int = 100_000
    """Callers' numbers of whom is remembered who talked to them, for preferred agents, at most: a
    week of a centre with 15,000 callers a day; 300 bytes each."""

    contacts_kept_s: float = 7 * 86_400.0
    "How long that is remembered after the last talk."

    prompts: CentrePrompts = CentrePrompts()
