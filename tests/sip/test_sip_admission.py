"""Who is let in when too much comes: limits, overload, and one who takes it all."""

import math
from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.sip.admission import (
    ANSWERS_MAX,
    BUSY_BYTES,
    DROP_BYTES,
    SHED_BYTES,
    SOURCES_MAX,
    SQUEEZED_MAX,
    SQUEEZED_MIN,
    URGENT_MAX,
    URGENT_PER_SOURCE,
    WITHIN_MAX,
    Admission,
    AdmissionSettings,
    Level,
    Verdict,
    urgent_calls,
)
from acd.sip.sources import Networks, source_of
from tests.sip.sip_support import (
    PHONE,
    SDP,
    assert_empty,
    events,
    make_endpoint,
    parsed,
    request,
    run_out,
    statuses,
)

ADMIT, SHED, DROP = Verdict
INVITE = request("INVITE")
REINVITE = request("INVITE", to_tag="ours")
REGISTER = request("REGISTER")
BYE = request("BYE", to_tag="ours")
BUFFER_BYTES = 8 * 1024 * 1024


def verdicts(admission, data, count, *, host="192.0.2.7", now=0.0):
    return Counter(admission.judge(data, host, now) for _ in range(count))


def served(admission, data, count):
    """Tell whether all of these are: let in, or read because they are of something under way."""
    told = verdicts(admission, data, count)
    return told[ADMIT] + told[SHED] == count and make_endpoint().refusal(data, PHONE) is None


# --- limits ---


def test_a_source_gets_its_calls_per_second_and_503_beyond():
    admission = Admission(AdmissionSettings(calls_per_source=5))

    assert verdicts(admission, INVITE, 8) == {ADMIT: 5, SHED: 3}
    assert verdicts(admission, INVITE, 5, host="192.0.2.8") == {ADMIT: 5}
    assert verdicts(admission, INVITE, 5, now=1.0) == {ADMIT: 5}


def test_within_a_dialog_no_limit_of_calls_holds():
    admission = Admission(AdmissionSettings(calls_per_source=1, calls=1))

    assert served(admission, REINVITE, 9)
    assert verdicts(admission, BYE, 9) == {ADMIT: 9}


def test_only_so_many_that_seem_to_be_within_a_dialog_are_read():
    admission = Admission(AdmissionSettings(calls_per_source=0))
    assert verdicts(admission, REINVITE, WITHIN_MAX + 5) == {SHED: WITHIN_MAX, DROP: 5}
    assert verdicts(admission, REINVITE, 5, now=1.0) == {SHED: 5}
    assert admission.counts == {"shed": 0, "dropped": 5, "banned": 0}


CALL = request("INVITE", body=SDP)
DISGUISED = {
    "a blank line before": b"\r\n" + CALL,
    "a line feed before": b"\n" + CALL,
    "a space before": b" " + CALL,
    "a tab behind the method": CALL.replace(b"INVITE sip", b"INVITE\tsip", 1),
    "a tag in To's URI": CALL.replace(b"To: <sip:4000@", b"To: <sip:4000;tag=1@"),
    "a parameter of To's URI": CALL.replace(b"192.0.2.1>", b"192.0.2.1;tag=1>"),
    "a tag in To's name": CALL.replace(b"To: <", b'To: "a;tag=1" <'),
    "a To in the body": request("INVITE", body=SDP + b"To: a;tag=1\r\n"),
    "a To behind the body": CALL + b"\r\nTo: a;tag=1\r\n",
}


@pytest.mark.parametrize("how", DISGUISED)
def test_no_way_of_writing_gets_a_call_past_the_limits(how):
    data = DISGUISED[how]
    assert events(make_endpoint().receive(data, PHONE, 0.0)), "it is a call"
    for admission in (Admission(AdmissionSettings(calls_per_source=0)), behind(DROP_BYTES)):
        assert admission.judge(data, PHONE.host, 0.0) is SHED
    assert make_endpoint().refusal(data, PHONE).startswith(b"SIP/2.0 503 ")


@pytest.mark.parametrize("before", [b"\r\n", b"\n\n", b" "])
def test_nor_a_register(before):
    assert behind(DROP_BYTES).judge(before + REGISTER, PHONE.host, 0.0) is DROP


def test_registers_and_messages_beyond_the_limit_are_dropped():
    admission = Admission(AdmissionSettings(registers_per_source=3, messages_per_source=10))

    assert verdicts(admission, REGISTER, 5) == {ADMIT: 3, DROP: 2}
    assert verdicts(admission, BYE, 7) == {ADMIT: 5, DROP: 2}


def test_the_total_holds_for_all_sources_together():
    admission = Admission(AdmissionSettings(calls=4, registers=4))

    for data, refused in ((INVITE, SHED), (REGISTER, DROP)):
        told = [admission.judge(data, f"192.0.2.{host}", 0.0) for host in range(6)]
        assert told == [ADMIT] * 4 + [refused] * 2


def test_exempt_networks_have_no_limits():
    limits = AdmissionSettings(
        exempt=("127.0.0.0/8", "2001:db8::/32"), calls_per_source=1, messages_per_source=1
    )
    admission = Admission(limits)

    assert verdicts(admission, INVITE, 9, host="127.0.0.9") == {ADMIT: 9}
    assert verdicts(admission, INVITE, 9, host="2001:db8::7") == {ADMIT: 9}
    assert verdicts(admission, INVITE, 9, host="2001:db9::7")[ADMIT] == 1


def test_one_v6_network_is_one_source():
    admission = Admission(AdmissionSettings(calls_per_source=5))

    told = [admission.judge(INVITE, f"2001:db8::{n:x}", 0.0) for n in range(8)]

    assert told == [ADMIT] * 5 + [SHED] * 3
    assert source_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert source_of("fe80::1%eth0") == "fe80::/64"
    assert source_of("no:address") == "no:address"


def test_only_so_many_get_an_answer():
    admission = Admission(AdmissionSettings(calls_per_source=1))

    told = verdicts(admission, INVITE, ANSWERS_MAX + 11)

    assert told == {ADMIT: 1, SHED: ANSWERS_MAX, DROP: 10}
    assert admission.counts == {"shed": ANSWERS_MAX, "dropped": 10, "banned": 0}


def test_who_sends_twice_what_it_may_is_reported_once_a_second():
    told = []
    admission = Admission(AdmissionSettings(messages_per_source=10), on_flood=told.append)

    for now in (0.0, 1.0):
        verdicts(admission, BYE, 35, now=now)

    assert told == ["192.0.2.7", "192.0.2.7"]
    verdicts(admission, BYE, 19, now=2.0)
    assert len(told) == 2, "a little too much is dropped, and no flood"


def test_trunks_that_become_known_have_no_limits():
    admission = Admission(AdmissionSettings(calls_per_source=1))
    admission.known = lambda host: host == "192.0.2.50"

    assert verdicts(admission, INVITE, 9, host="192.0.2.50") == {ADMIT: 9}
    assert verdicts(admission, INVITE, 9, host="192.0.2.51")[ADMIT] == 1


def test_banned_sources_get_nothing():
    admission = Admission(banned=lambda name: name == "192.0.2.7")

    assert verdicts(admission, BYE, 2) == {DROP: 2}
    assert verdicts(admission, BYE, 2, host="192.0.2.8") == {ADMIT: 2}
    assert admission.counts["banned"] == 2


def test_made_up_addresses_fill_no_memory_and_time_empties_it():
    admission = Admission(AdmissionSettings(exempt=("192.0.2.7",), calls_per_source=3))
    verdicts(admission, INVITE, 1)

    for n in range(SOURCES_MAX + 500):
        admission.judge(INVITE, f"{n >> 16}.{n >> 8 & 255}.{n & 255}.1", 0.5)

    assert admission.sources <= SOURCES_MAX + 1
    assert verdicts(admission, INVITE, 9, now=0.6) == {ADMIT: 9}, "the exempt keep their place"
    for now in (11.0, 22.0, 33.0):
        admission.judge(BYE, "192.0.2.7", now)
    assert admission.sources == 1


# --- overload ---


def behind(waiting, **limits):
    admission = Admission(AdmissionSettings(**limits))
    admission.measured(3, waiting, BUFFER_BYTES, 0.0)
    return admission


def test_overload_turns_away_what_is_new_and_serves_the_rest():
    admission = behind(SHED_BYTES)

    assert verdicts(admission, INVITE, 3) == {SHED: 3}
    assert verdicts(admission, REGISTER, 3) == {SHED: 3}
    assert served(admission, REINVITE, 3)
    assert verdicts(admission, BYE, 3) == {ADMIT: 3}


def test_far_over_register_gets_nothing_and_everybodys_calls_get_503():
    admission = behind(DROP_BYTES)

    assert verdicts(admission, REGISTER, 3) == {DROP: 3}
    for _ in range(50):
        for host in ("192.0.2.7", "192.0.2.8", "192.0.2.9"):
            assert admission.judge(INVITE, host, 0.0) is SHED
    assert verdicts(admission, INVITE, 1, host="192.0.2.10") == {SHED: 1}


def test_far_over_what_serves_no_call_is_dropped():
    admission, asked = behind(DROP_BYTES, exempt=("192.0.2.50",)), request("OPTIONS")
    assert verdicts(admission, asked, 3) == {DROP: 3}
    assert verdicts(admission, asked, 3, host="192.0.2.50") == {ADMIT: 3}, "who watches us"
    assert verdicts(admission, request("OPTIONS", to_tag="ours"), 3) == {ADMIT: 3}
    assert verdicts(behind(SHED_BYTES), asked, 3) == {ADMIT: 3}


def test_far_over_by_one_source_alone_the_others_are_served():
    admission = behind(DROP_BYTES)

    assert verdicts(admission, INVITE, 500) == {SHED: 500}
    assert verdicts(admission, INVITE, 9, host="192.0.2.8") == {ADMIT: 9}


def test_who_sends_little_is_served_while_others_are_shed():
    admission = behind(SHED_BYTES)

    assert verdicts(admission, INVITE, 100) == {SHED: 100}
    assert verdicts(admission, INVITE, 5, host="192.0.2.8") == {ADMIT: 5}


def test_the_level_sinks_only_when_the_depth_has_halved():
    admission = Admission()
    seen = []
    for waiting in (
        *(BUSY_BYTES - 1, BUSY_BYTES, SHED_BYTES, SHED_BYTES // 2, SHED_BYTES // 2 - 1),
        *(DROP_BYTES, DROP_BYTES // 2 - 1, BUSY_BYTES // 2, BUSY_BYTES // 2 - 1),
    ):
        admission.measured(3, waiting, BUFFER_BYTES, 0.0)
        seen.append(admission.level)

    assert seen == [
        *(Level.CALM, Level.BUSY, Level.SHEDDING, Level.SHEDDING, Level.BUSY),
        *(Level.DROWNING, Level.SHEDDING, Level.BUSY, Level.CALM),
    ]


def test_a_small_buffer_has_smaller_marks_and_the_deepest_of_several_sockets_counts():
    admission = Admission()
    admission.measured(3, 110_000, 425_984, 0.0)
    assert admission.level is Level.SHEDDING
    admission.measured(4, 30_000, 425_984, 0.0)
    assert admission.level is Level.SHEDDING
    admission.measured(4, 0, 425_984, 0.0)
    assert admission.level is Level.SHEDDING
    admission.measured(3, 0, 425_984, 0.0)
    assert admission.level is Level.CALM


def test_emergency_calls_come_through_within_bounds():
    admission = behind(DROP_BYTES, calls_per_source=0)
    admission.urgent = urgent_calls(["110", "119"])

    for uri in ("sip:110@acd", "tel:119", "sip:119@acd;user=phone", "sip:110;oli=1@acd"):
        host = f"192.0.2.{len(uri)}"
        assert verdicts(admission, request("INVITE", uri=uri), 6, host=host) == {
            ADMIT: URGENT_PER_SOURCE,
            SHED: 6 - URGENT_PER_SOURCE,
        }
    for uri in ("sip:1100@acd", "sip:110.example", "sip:x@110"):
        assert verdicts(admission, request("INVITE", uri=uri), 1) == {SHED: 1}
    told = Counter(
        admission.judge(request("INVITE", uri="sip:110@acd"), f"198.51.100.{n}", 1.0)
        for n in range(99)
    )
    assert told == {ADMIT: URGENT_MAX, SHED: 99 - URGENT_MAX}


# --- one against all: a queue with one server, on a virtual clock ---

WORK_S = {ADMIT: 1e-3, SHED: 25e-6, DROP: 4e-6}
"What a call costs in all; what its 503 costs; what reading it costs."
DATAGRAM_BYTES = 2_304


def play(seconds, **rates):
    """Send calls at these rates by host; return verdicts and waits by host, second by second."""
    admission = Admission()
    arrivals = deque(
        sorted(
            (n / rate, host) for host, rate in rates.items() for n in range(int(rate * seconds))
        )
    )
    queue, now = deque(), 0.0
    told = {host: [Counter() for _ in range(seconds + 1)] for host in rates}
    waits = {host: [] for host in rates}
    while arrivals or queue:
        if not queue:
            now = max(now, arrivals[0][0])
        while arrivals and arrivals[0][0] <= now:
            queue.append(arrivals.popleft())
        admission.measured(3, len(queue) * DATAGRAM_BYTES, BUFFER_BYTES, now)
        came_at, host = queue.popleft()
        verdict = admission.judge(INVITE, host, now)
        told[host][min(int(now), seconds)][verdict] += 1
        waits[host].append(now - came_at)
        now += WORK_S[verdict]
    return admission, told, waits


def test_alone_a_source_may_use_all_of_the_server_and_waits_stay_short():
    _, told, waits = play(4, a=1500)

    for second in told["a"][:4]:
        assert second[ADMIT] > 900
        assert second[DROP] == 0
    assert max(waits["a"]) < 0.5, "nobody sends again"


def test_a_flood_leaves_the_others_alone():
    admission, told, waits = play(5, flood=5000, good=25)

    assert sum((second for second in told["good"]), Counter()) == {ADMIT: 125}
    assert admission.squeezed.keys() == {"flood"}
    assert sum(told["flood"][4].values()) > 4000
    assert told["flood"][4][ADMIT] <= 4 * SQUEEZED_MIN
    later = sorted(waits["good"][-50:])
    assert later[len(later) // 2] < 1e-3


def test_a_flood_that_ends_is_forgiven():
    admission, _, _ = play(5, flood=5000, good=25)

    for second in range(6, 14):
        for n in range(5):
            assert admission.judge(INVITE, "flood", second + n / 10) is ADMIT

    assert admission.squeezed == {}
    assert verdicts(admission, INVITE, 500, host="flood", now=20.0) == {ADMIT: 500}


@pytest.mark.parametrize(("exempt", "free"), [(("192.0.2.7",), 500), ((), 50)])
def test_who_is_forgiven_has_the_limit_of_before(exempt, free):
    admission = Admission(AdmissionSettings(exempt=exempt, calls_per_source=50))
    verdicts(admission, INVITE, 10, host="192.0.2.8")
    verdicts(admission, INVITE, 300, host="192.0.2.7")
    for now in (0.0, 0.3):
        admission.measured(3, SHED_BYTES, BUFFER_BYTES, now)
    assert admission.squeezed.keys() == {"192.0.2.7"}
    admission.measured(3, 0, BUFFER_BYTES, 0.4)
    verdicts(admission, INVITE, 1, host="192.0.2.8", now=20.0)
    assert admission.squeezed == {}
    assert verdicts(admission, INVITE, 500, host="192.0.2.7", now=20.1)[ADMIT] == free


def test_who_makes_the_queue_is_judged_by_the_last_second():
    """What came long ago is no excuse for what one source sends now."""
    admission = behind(SHED_BYTES)
    verdicts(admission, INVITE, 500, host="192.0.2.9", now=0.0)
    verdicts(admission, INVITE, 5, host="192.0.2.8", now=10.0)
    verdicts(admission, INVITE, 60, host="192.0.2.7", now=10.0)
    admission.measured(3, SHED_BYTES, BUFFER_BYTES, 10.1)

    assert admission.squeezed.keys() == {"192.0.2.7"}


def test_only_so_many_are_squeezed_at_once():
    """Each floods in turn and then keeps sending more than it may: none is forgiven."""
    admission = behind(SHED_BYTES)
    for second in range(3 * (SQUEEZED_MAX + 3)):
        n, now = second // 3, float(second)
        for former in range(n):
            verdicts(admission, INVITE, SQUEEZED_MIN + 1, host=f"10.0.0.{former}", now=now)
        verdicts(admission, INVITE, 20, host="192.0.2.8", now=now)
        if second % 3 == 2:  # what was sent in the second before counts, too
            others = 2 * (20 + n * (SQUEEZED_MIN + 1))
            verdicts(admission, INVITE, 5 * others, host=f"10.0.0.{n}", now=now)
            admission.measured(3, SHED_BYTES, BUFFER_BYTES, now + 0.5)
        assert len(admission.squeezed) == min((second + 1) // 3, SQUEEZED_MAX)


def test_a_trunk_that_is_a_little_too_much_is_not_cut_down():
    _, told, _ = play(6, trunk=1300, good=25)

    assert sum((second for second in told["good"]), Counter())[ADMIT] > 140
    for second in told["trunk"][2:6]:
        assert second[ADMIT] > 300


# --- the refusal itself ---


def test_a_new_invite_is_refused_without_a_trace():
    endpoint = make_endpoint(retry_after_s=7)

    answer = endpoint.refusal(INVITE, PHONE)

    [head, *lines] = answer.split(b"\r\n")
    assert head == b"SIP/2.0 503 Service Unavailable"
    assert b"Retry-After: 7" in lines
    assert any(line.startswith(b"To: ") and b";tag=" in line for line in lines)
    assert answer == endpoint.refusal(INVITE, PHONE), "its repetition gets the same answer"
    assert_empty(endpoint)
    assert endpoint.refusal(REGISTER, PHONE).startswith(b"SIP/2.0 503 ")


@pytest.mark.parametrize(
    "data", [REINVITE, BYE, request("OPTIONS"), b"SIP/2.0 200 OK\r\n\r\n", b"INVITE \r\n", b"?"]
)
def test_what_begins_nothing_is_not_refused(data):
    assert make_endpoint().refusal(data, PHONE) is None


def test_the_repetition_of_a_known_invite_is_not_refused():
    endpoint = make_endpoint()
    data = request("INVITE", body=SDP)
    [invite] = events(endpoint.receive(data, PHONE, 0.0))
    assert endpoint.refusal(data, PHONE) is None

    assert statuses(endpoint.reject(invite.leg, 486, 1.0)) == [486]
    ack = request("ACK", to_tag=parsed(endpoint.receive(data, PHONE, 1.1))[0].to.tag.decode())
    endpoint.receive(ack, PHONE, 1.2)
    assert endpoint.refusal(data, PHONE) is None, "its transaction lingers"
    run_out(endpoint)
    assert endpoint.refusal(data, PHONE) is not None


# --- any sequence ---

HOSTS = ("192.0.2.7", "192.0.2.8", "127.0.0.1", "2001:db8::1", "2001:db8::2")
STEPS = st.one_of(
    st.tuples(
        st.sampled_from(HOSTS),
        st.sampled_from([INVITE, REINVITE, REGISTER, BYE, b"?"]),
        st.integers(1, 40),
    ),
    st.floats(0, 30),
    st.tuples(st.integers(3, 4), st.integers(0, BUFFER_BYTES)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_any_sequence(steps):
    limits = AdmissionSettings(
        exempt=("127.0.0.0/8",), messages_per_source=50, calls_per_source=10, registers=20
    )
    admission, now, judged = Admission(limits), 0.0, 0
    turned_away = 0
    for step in steps:
        if isinstance(step, float):
            now += step
        elif len(step) == 2:
            admission.measured(*step, BUFFER_BYTES, now)
        else:
            host, data, count = step
            told = verdicts(admission, data, count, host=host, now=now)
            judged += count
            turned_away += told[DROP] + (told[SHED] if data != REINVITE else 0)
            if data not in {INVITE, REINVITE, REGISTER}:
                assert not told[SHED]
                if host == "127.0.0.1":
                    assert told == {ADMIT: count}
            elif data == INVITE and host == "127.0.0.1" and admission.level < Level.SHEDDING:
                assert told == {ADMIT: count} or host in admission.squeezed
    assert admission.sources <= len(HOSTS)
    assert sum(admission.counts.values()) == turned_away
    for later in (60.0, 90.0, 120.0):
        for queue in (3, 4):
            admission.measured(queue, 0, BUFFER_BYTES, now + later)
        admission.judge(BYE, "192.0.2.200", now + later)
    assert admission.sources == 1
    assert admission.squeezed == {}
    assert admission.level is Level.CALM
    assert verdicts(admission, INVITE, 10, now=now + 150.0) == {ADMIT: 10}


def test_networks_take_what_addresses_there_are():
    networks = Networks(["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"])

    inside = ["192.0.2.1", "198.51.100.7", "2001:db8:5::1", "2001:db8:5::/64", "::ffff:192.0.2.9"]
    assert all(host in networks for host in inside)
    assert not any(host in networks for host in ["198.51.100.8", "2001:db9::1", "", "phone"])
    assert not Networks()
    assert math.isinf(AdmissionSettings().calls)
