"""What a called party's final answer means: to the phone that called, and for another trunk."""

from acd.sip import events as sip

from .forking import WEIGHT
from .offering import outcome_of

GONE, UNAVAILABLE, NOT_REACHED = 404, 480, 503

GLOBAL_FAILURE = 600
"RFC 3261 21.6: from here on the person is meant, not the phone."

PASSED_ON = frozenset({403, 404, 410, 480, 484, 486, 488, 501, 600, 603, 604, 606, 607, 608})
"About the person or number called: the caller hears of them as they are."

NO_ANSWER_STATUSES = frozenset({408, 487})

VAGUE = frozenset({400, 403, 408, 480, 500, 502, 503, 504, 603})
"""Gateways to the telephone network answer with these for want of better; the cause of the network
in the Reason header (RFC 6432) says more."""

STATUS_BY_CAUSE = {
    1: 404,  # unallocated number
    2: 404,  # no route to network
    3: 404,  # no route to destination
    17: 486,  # user busy
    18: 408,  # no user responding
    19: 480,  # no answer from the user
    20: 480,  # subscriber absent
    21: 403,  # call rejected
    22: 410,  # number changed
    26: 404,  # non-selected user clearing
    27: 502,  # destination out of order
    28: 484,  # address incomplete
    29: 501,  # facility rejected
    31: 480,  # normal, unspecified
    34: 503,  # no circuit available
    38: 503,  # network out of order
    41: 503,  # temporary failure
    42: 503,  # switching equipment congestion
    47: 503,  # resource unavailable
    55: 403,  # incoming calls barred within CUG
    57: 403,  # bearer capability not authorized
    58: 503,  # bearer capability not presently available
    65: 488,  # bearer capability not implemented
    70: 488,  # only restricted digital information
    79: 501,  # service or option not implemented
    87: 403,  # user not member of CUG
    88: 503,  # incompatible destination
    102: 504,  # recovery of timer expiry
    111: 500,  # protocol error
    127: 500,  # interworking unspecified
}
"Q.850 causes as RFC 3398 8.2.6.1 maps them."

ELSEWHERE = frozenset({401, 407, 408, 488})
"""Beside 5xx: our account there, or the way there, is at fault; the called person has not been
asked."""


def cause_status(event: sip.LegFailed) -> int:
    """Return the status that says most about why the INVITE failed."""
    if event.status in VAGUE:
        return STATUS_BY_CAUSE.get(event.q850_cause, event.status)
    return event.status


def may_try_elsewhere(status: int) -> bool:
    """Tell whether the same number may be reached over another trunk."""
    return status in ELSEWHERE or 500 <= status < 600


def most_telling(one: int, other: int) -> int:
    """Return which of two phones' answers the caller hears: a person's word before a fault."""
    return max(one, other, key=lambda status: WEIGHT.index(outcome_of(status)) if status else -1)


def answer_for(status: int) -> int:
    """Return what the phone that called is answered.

    A status about our own request to the far side (a challenge, a bad extension) would be a
    riddle to that phone; 503 goes without Retry-After, which RFC 3261 21.5.4 wants treated as 500.
    """
    if status in PASSED_ON:
        return status
    if status in NO_ANSWER_STATUSES:
        return UNAVAILABLE
    if status in {300, 301, 302, 305, 380}:
        return UNAVAILABLE  # followed as far as is allowed, in vain
    return NOT_REACHED if status >= 500 else 500
