"""Events of waiting: queues and what changes them, offers to agents, call-backs.

Part of the one stream: named from `events`.
"""

from msgspec.structs import replace

from acd.routing.model import Choice

from .stored_event import StoredEvent


class QueueEntered(StoredEvent, frozen=True, kw_only=True):
    """The caller asked for an agent: one more *offered* of this queue."""

    interaction: str
    visit: str
    queue: str
    kind: str
    "Value of `acd.routing.model.QueueKind`."

    priority: int = 0
    category: str = ""

    waited_before_s: float = 0.0
    """Wait brought along: from queues that handed the caller on, and from the former place of who
    comes back to it or is called back."""

    served_before_s: float = 0.0
    """Further time since the first enqueue time, which orders the line: the caller was served, in
    the talk before a transfer."""

    short_abandon_s: float = 5.0
    service_level_s: float = 20.0
    "The queue's thresholds at that time."

    callback: bool = False
    "A customer is called back: counted as offered before, and not again."

    skill: str = ""
    "The skill group that the queue serves."

    region: str = ""
    "Whose agents the call asks for, as the flow or the queue says; empty: any."


class GroupActivated(StoredEvent, frozen=True, kw_only=True):
    """A group held back for peaks may take a queue's calls from now on, or no longer."""

    queue: str
    group: str
    on: bool
    by: str
    'A supervisor\'s name, or "rule".'


class PriorityChanged(StoredEvent, frozen=True, kw_only=True):
    """A waiting call matters more or less from now on; it keeps its first enqueue time."""

    interaction: str
    visit: str
    queue: str
    priority: int


class QueueLeft(StoredEvent, frozen=True, kw_only=True):
    """The visit is over. Exactly one per `QueueEntered`."""

    interaction: str
    visit: str
    queue: str
    reason: str
    "Value of `acd.routing.events.LeaveReason`, or short_abandon."

    waited_s: float
    "Since this visit's `QueueEntered`."

    agent: str = ""
    "Who answered."


class OfferMade(StoredEvent, frozen=True, kw_only=True):
    """An agent's phone is being called."""

    interaction: str
    visit: str
    queue: str
    offer: str
    agent: str
    leg: str
    sip_call_id: str
    choice: Choice

    further_legs: tuple[str, ...] = ()
    "To the agent's other devices, which ring as well; each leg's id is its SIP Call-ID."

    def readable(self) -> "OfferMade":
        """Return the same for people: with the candidates, scores and idle times."""
        choice = replace(self.choice, told=self.choice.candidates, standings=())
        return replace(self, choice=choice)


class OfferEnded(StoredEvent, frozen=True, kw_only=True):
    """Exactly one per `OfferMade`."""

    interaction: str
    visit: str
    queue: str
    offer: str
    agent: str
    leg: str
    outcome: str
    "Value of `acd.routing.events.OfferOutcome`."

    sip_status: int = 0
    ring_s: float


class _CallbackEvent(StoredEvent, frozen=True, kw_only=True):
    """What every event of a call-back tells: each is complete in itself."""

    callback: str
    "Its id: the interaction in which it was asked for, and in which the attempts are made."

    queue: str
    number: str
    "E.164."

    requested_us: int
    first_enqueued_us: int
    "Wall time from which the place in the line counts."


class CallbackRequested(_CallbackEvent, frozen=True, kw_only=True):
    """A caller asked to be called back. Ends with exactly one `CallbackEnded`, unless merged."""

    interaction: str
    "Of the caller; another one than `callback` when merged."

    merged: bool = False
    "This number waits already for a call-back of this queue, which keeps its place."


class CallbackAttempted(_CallbackEvent, frozen=True, kw_only=True):
    """The customer is called: at once, or after an agent has answered."""

    interaction: str
    attempt: int
    first: str
    "Whose phone rings first: agent or customer."

    trunk: str


class CallbackEnded(_CallbackEvent, frozen=True, kw_only=True):
    """Exactly one per `CallbackRequested` that was not merged."""

    interaction: str
    attempts: int
    last_attempt_us: int = 0
    "Wall time; 0: there was none."

    outcome: str
    """A closed set: "reached" (talked to an agent), "not_reached" (all attempts in vain),
    "expired", "called_in" (called again and was answered), "cancelled" (by a person), "barred"
    (the number may not be called any more, or the queue calls nobody back)."""

    agent: str = ""
    "Who talked to the customer."

    by: str = ""
    "Who cancelled."


class ClosureChanged(StoredEvent, frozen=True, kw_only=True):
    """A queue, or all of them, was closed in an emergency (紧急关闭), or opened again."""

    queue: str
    "Empty: all."

    closed: bool
    reason: str = ""
    "In the words of whoever closed it, or opened it again."

    by: str
    'Who did it; "configuration": queues.yaml.'
