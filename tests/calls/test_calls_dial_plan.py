"""What a dialled number means to those who may call out, and to those who may not."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from acd.calls.dial_plan import Barred, CallClass, DialPlan, OutsideTarget, Rights
from acd.sip.phone_numbers import NumberFormat, for_trunk

PLAN = DialPlan(
    area_code="0755",
    trunks=("carrier", "spare"),
    forbidden=("+8616", "+881"),
    rights={
        "none": Rights(CallClass.NONE),
        "local": Rights(CallClass.LOCAL),
        "national": Rights(CallClass.NATIONAL),
        "world": Rights(CallClass.INTERNATIONAL, "+8675512345678"),
    },
)
ORDER = ("none", "anybody", "local", "national", "world")
"Agents from those who may dial least on; `anybody` has the default: colleagues only."


WAYS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "9", "+86", "+1", "0", "99", "+869"]),
        st.sampled_from(["110", "1-1-0", "1 2 0", "114", "11", "1100", "8", "87654321"]),
        st.sampled_from(["", "0", "-", "x"]),
    ),
)


@example("110", "1")  # what is left behind the prefix is no emergency number
@given(WAYS | st.text("+0129 -.x", max_size=6), st.sampled_from(["", "9", "1"]))
def test_a_call_for_help_is_known_by_its_number_alone(dialled: str, prefix: str) -> None:
    """Before it is known who calls, and by the same rule that puts it through."""
    plan = replace(PLAN, outside_prefix=prefix)
    found = plan.outside(dialled, None)
    urgent = isinstance(found, OutsideTarget) and found.emergency
    assert plan.is_emergency(dialled) is urgent


def reached_by(dialled: str, plan: DialPlan = PLAN) -> str:
    """Return the first of `ORDER` who gets through."""
    for agent in ORDER:
        if isinstance(plan.outside(dialled, agent), OutsideTarget):
            return agent
    return "nobody"


@pytest.mark.parametrize(
    ("dialled", "number", "agent"),
    [
        ("87654321", "+8675587654321", "local"),  # without the area code
        ("075587654321", "+8675587654321", "local"),
        ("+8675587654321", "+8675587654321", "local"),
        ("+86 755-8765.4321", "+8675587654321", "local"),
        ("95588", "95588", "local"),
        ("95105888", "95105888", "local"),
        ("1008611", "1008611", "local"),
        ("114", "114", "local"),
        ("4008001234", "+864008001234", "local"),
        ("8008101234", "+868008101234", "local"),
        ("01012345678", "+861012345678", "national"),
        ("13800138000", "+8613800138000", "national"),
        ("013800138000", "+8613800138000", "national"),
        ("+86 95588", "95588", "local"),
        ("19900000000", "+8619900000000", "national"),  # a range that lists may not have yet
        ("0085223456789", "+85223456789", "world"),
        ("+14155552671", "+14155552671", "world"),
    ],
)
def test_a_number_is_normalised_and_open_to_who_may_dial_so_far(
    dialled: str, number: str, agent: str
) -> None:
    assert reached_by(dialled) == agent
    found = PLAN.outside(dialled, agent)
    assert isinstance(found, OutsideTarget)
    assert (found.number, found.trunks, found.emergency) == (number, ("carrier", "spare"), False)
    assert found.caller_id == PLAN.rights_of(agent).caller_id
    before = ORDER[ORDER.index(agent) - 1]
    assert PLAN.outside(dialled, before) == Barred(403, "not_permitted")


@pytest.mark.parametrize("dialled", ["16812345", "+88161234567", "+19005551234"])
def test_premium_rate_and_forbidden_numbers_are_nobodys(dialled: str) -> None:
    assert PLAN.outside(dialled, "world") == Barred(403, "forbidden_number")


@pytest.mark.parametrize("dialled", ["+449098790000", "+4490987900001", "+44909879000012"])
def test_digits_behind_a_premium_rate_number_open_nothing(dialled: str) -> None:
    """The exchange there connects after the last one that it needs."""
    assert reached_by(dialled) == "nobody"


def test_no_number_has_more_than_15_digits() -> None:
    assert reached_by("+1" + "5" * 14) == "world"
    assert reached_by("+1" + "5" * 15) == "nobody"


def test_premium_rate_numbers_can_be_opened() -> None:
    plan = DialPlan(rights=PLAN.rights, premium_rate=True)
    assert reached_by("+19005551234", plan) == "world"


@pytest.mark.parametrize(
    "dialled",
    [
        "",
        "+",
        "1009",
        "12",
        "*111",
        "99999999999999999999",
        "7;ext=1",
        "１３８００１３８０００",
        "al",
    ],
)
def test_what_is_no_number_leads_nowhere(dialled: str) -> None:
    assert PLAN.outside(dialled, "world") == Barred(404, "unknown_number")


@pytest.mark.parametrize("dialled", ["110", "119", "120", "122"])
@pytest.mark.parametrize("agent", [*ORDER, None])
def test_emergency_numbers_are_open_to_everybody(dialled: str, agent: str | None) -> None:
    found = PLAN.outside(dialled, agent)
    assert found == OutsideTarget(number=dialled, trunks=("carrier", "spare"), emergency=True)


@pytest.mark.parametrize("dialled", ["+86110", "+86 119"])
def test_an_emergency_number_is_one_behind_the_own_country_code_too(dialled: str) -> None:
    found = PLAN.outside(dialled, None)
    assert isinstance(found, OutsideTarget)
    assert (found.number, found.emergency) == (dialled[-3:], True)


@pytest.mark.parametrize("caller", ["110", "+86110", "1-1-0", "+861101", "+860110"])
def test_no_customer_is_called_back_at_an_emergency_number(caller: str) -> None:
    """From may say anything: whoever asks in the police's name has nobody called there."""
    assert isinstance(PLAN.customer(caller, CallClass.INTERNATIONAL), Barred)


@pytest.mark.parametrize(
    "dialled",
    [
        "+86005312345678",  # Cuba, where the trunk wants national digits
        "+860053123456",
        "+8600004479460000",
        "+8617909004045",  # by another carrier
        "+86179510053123456",
        "+8617951005312345678",
        "+8612593001106700",
        "+861259300110670",
        "000002520509",
    ],
)
def test_the_own_country_code_is_no_way_abroad(dialled: str) -> None:
    assert PLAN.outside(dialled, "world") == Barred(404, "unknown_number")


@pytest.mark.parametrize(
    ("country", "dialled", "agent"),
    [
        ("US", "2125551234", "national"),
        ("US", "+1 876 555 1234", "world"),  # Jamaica has the same code
        ("US", "18765551234", "world"),
        ("US", "+18765551234999", "nobody"),
        ("US", "+18760001234", "world"),
        ("US", "8005551234", "local"),
        ("GB", "02071838750", "national"),
        ("GB", "01534 875000", "world"),  # Jersey
        ("RU", "+77012345678", "world"),  # Kazakhstan
        ("IT", "+390669812345", "nobody"),  # a forbidden beginning
        ("IT", "0666981234", "national"),
    ],
)
def test_another_country_under_the_own_code_is_abroad(
    country: str, dialled: str, agent: str
) -> None:
    plan = DialPlan(
        country=country, trunks=("t",), services=(), forbidden=("+3906698",), rights=PLAN.rights
    )
    assert reached_by(dialled, plan) == agent


WRITTEN = st.tuples(
    st.sampled_from(["", "+", "+86", "+860", "+8600", "0", "00", "0086", "008600", "17909"]),
    st.sampled_from(["", "00", "17909", "1795100", "12593"]),
    st.text("0123456789", max_size=12),
).map("".join)


@pytest.mark.parametrize("style", ["e164", "plain", "national"])
@given(dialled=WRITTEN)
def test_what_a_trunk_is_sent_goes_no_further_than_what_was_judged(
    style: str, dialled: str
) -> None:
    """Dialled as the trunk gets it, a number leads to the same place or nowhere."""
    found = PLAN.outside(dialled, "national")
    if not isinstance(found, OutsideTarget) or found.emergency:
        return
    sent = for_trunk(found.number, "CN", NumberFormat(style=style))
    again = PLAN.outside(f"+{sent}" if style == "plain" and len(sent) > 8 else sent, "world")
    assert again == Barred(404, "unknown_number") or (
        isinstance(again, OutsideTarget) and again.number == found.number
    )


def test_emergency_calls_may_have_trunks_of_their_own() -> None:
    plan = DialPlan(trunks=("carrier",), emergency_trunks=("pstn", "carrier"))
    found = plan.outside("110", None)
    assert isinstance(found, OutsideTarget)
    assert found.trunks == ("pstn", "carrier")


def test_with_a_prefix_for_outside_lines_nothing_goes_out_without_it() -> None:
    plan = DialPlan(outside_prefix="9", trunks=("carrier",), rights=PLAN.rights)
    assert plan.outside("13800138000", "world") == Barred(404, "unknown_number")
    found = plan.outside("913800138000", "world")
    assert isinstance(found, OutsideTarget)
    assert found.number == "+8613800138000"
    for dialled in ("110", "9110"):
        urgent = plan.outside(dialled, None)
        assert isinstance(urgent, OutsideTarget)
        assert (urgent.number, urgent.emergency) == ("110", True)


def test_further_beginnings_can_count_as_local() -> None:
    plan = DialPlan(local=("+861",), rights=PLAN.rights)
    assert reached_by("13800138000", plan) == "local"
    assert reached_by("075587654321", plan) == "national"


@given(st.text("0123456789+*#-. ;@a", max_size=24), st.sampled_from([*ORDER, None]))
def test_nothing_dialled_leaves_as_anything_but_digits(dialled: str, agent: str | None) -> None:
    found = PLAN.outside(dialled, agent)
    if isinstance(found, OutsideTarget):
        assert found.number.removeprefix("+").isdigit()
        assert found.emergency or agent not in {"none", "anybody", None}
    else:
        assert found.status in {403, 404}
