"""Channels never leak: whatever takes and frees come in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from acd.sip.trunk_channels import Channels

LIMITS = {"a": 0, "b": 1, "c": 3}
STEP = st.tuples(
    st.sampled_from(["take", "give back"]),
    st.integers(0, 7),
    st.sampled_from(sorted(LIMITS)),
)


@given(st.lists(STEP, max_size=60))
def test_channels_are_those_of_the_legs_that_have_one(steps):
    channels, held = Channels(), {}
    for what, number, trunk in steps:
        leg = f"leg-{number}"
        if what == "take":
            used = sum(name == trunk for name in held.values())
            wanted = leg in held or not LIMITS[trunk] or used < LIMITS[trunk]
            taken = channels.take(leg, trunk, LIMITS[trunk])
            assert taken == (wanted if leg not in held else held[leg] == trunk)
            if taken:
                held[leg] = trunk
        else:
            channels.give_back(leg)
            held.pop(leg, None)
        for name, limit in LIMITS.items():
            used = sum(trunk == name for trunk in held.values())
            assert channels.in_use(name) == used
            assert channels.free(name, limit) == (not limit or used < limit)
    assert len(channels) == len(held)
