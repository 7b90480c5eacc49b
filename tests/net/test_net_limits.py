"""Places for connections: counted per host and in total, and given back once."""

from hypothesis import given
from hypothesis import strategies as st

from acd.net.limits import Places, StreamLimits


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["tcp", "ws"]), st.booleans()), max_size=60
    )
)
def test_limits_hold_in_any_order_and_nothing_leaks(steps):
    limits = StreamLimits(connections=5, connections_per_host=2)
    places = Places(limits)
    held = []
    for host, transport, accepted in steps:
        if host == 3 and held:
            place = held.pop(0)
            place.free()
            place.free()
        elif (place := places.take(transport, f"h{host}", accepted=accepted)) is not None:
            held.append(place)
        else:
            own = [place for place in held if place.host == f"h{host}"]
            assert len(held) == 5 or (accepted and len(own) >= 2)
        assert len(places) == len(held) <= 5
        assert sum(places.open.values()) == len(held)
    for place in held:
        place.free()
    assert len(places) == 0
    assert not any(places.open.values())
