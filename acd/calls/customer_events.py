"""What other systems tell of a call afterwards. Part of the one stream: named from `events`.

Each carries its own time (`at_us`): what happened in the shop or was answered by the customer, not
when it was told. Entries come late and in any order.
"""

from .stored_event import StoredEvent

ORDER_STATES = ("placed", "cancelled", "signed", "refused", "returned")
"""What can become of an order: placed (下单), cancelled before it was handed over (取消), signed
for (签收), refused at the door (拒收), sent back after it had been signed for (退货)."""

LIVE_STATES = frozenset({"placed", "signed"})
"States of an order that is a success of the call's; any other takes the success back."


class OrderChanged(StoredEvent, frozen=True, kw_only=True):
    """An order is in a state since `at_us`; what counts is the latest by that time."""

    order_id: str
    state: str
    "One of `ORDER_STATES`."

    at_us: int
    "When the order came into this state: wall time."

    interaction: str = ""
    "The call that it came from; empty: the order's other events tell."

    agent: str = ""
    "Who handled the call last."

    queue: str = ""
    category: str = ""
    amount: int | None = None
    "What the order is worth, in minor units of `currency`; None: as told before."

    currency: str = ""
    "ISO 4217; empty without an amount."

    key: str = ""
    "Idempotency key: the same order and key is the same entry; empty: none was given."

    by: str = ""
    "Name of the token by which it was told."


class CsatRecorded(StoredEvent, frozen=True, kw_only=True):
    """A customer was asked for their satisfaction (满意度), and answered or did not so far."""

    interaction: str
    question: str = ""
    "Which of several; empty: the only one."

    at_us: int
    "When it was answered, or asked."

    score: int | None = None
    "None: asked, and no answer so far."

    scale_low: int = 1
    scale_high: int = 5
    "Worst and best score there are."

    comment: str = ""
    channel: str = ""
    'By which way: "sms", "wechat" … in the words of whoever tells it; "ivr" is the call itself.'

    agent: str = ""
    queue: str = ""
    key: str = ""
    by: str = ""


class MatterSettled(StoredEvent, frozen=True, kw_only=True):
    """A ticket system says what became of a call's matter: solved, or open (again)."""

    interaction: str
    at_us: int
    solved: bool
    ticket: str = ""
    "Its number there."

    key: str = ""
    by: str = ""
