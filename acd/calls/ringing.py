"""One caller, the phones of several agents: offers that ring side by side.

Each is an offer of its own with its own leg or legs (`forking`). While they ring, `Call.agent_leg`
and `Call.forks` are those of the offer that something happens to, and `Call.beside` holds the
others; only this part changes the latter.
"""

from .call import Call, Ring


def make_room(call: Call) -> None:
    """Put the offer that rings beside, for one more."""
    if call.agent_leg is not None:
        call.beside.append(Ring(call.agent_leg, call.forks))
        call.agent_leg = call.forks = None


def turn_to_leg(call: Call, leg: str) -> None:
    """Make the offer that this leg rings for the call's; a leg of no other changes nothing."""
    for ring in call.beside:
        if ring.leg.leg == leg or (
            ring.forks is not None and any(other.leg == leg for other in ring.forks.others)
        ):
            _swap(call, ring)
            return


def turn_to_offer(call: Call, offer: str) -> None:
    """Make this offer the call's, if it rings beside another one."""
    for ring in call.beside:
        if ring.leg.offer == offer:
            _swap(call, ring)
            return


def ring_on(call: Call) -> None:
    """Go on with the offers that ring beside the one that is over."""
    if call.agent_leg is None and call.beside:
        ring = call.beside.pop(0)
        call.agent_leg, call.forks = ring.leg, ring.forks


def _swap(call: Call, ring: Ring) -> None:
    call.beside.remove(ring)
    make_room(call)
    call.agent_leg, call.forks = ring.leg, ring.forks
