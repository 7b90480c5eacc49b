"""Who is rung, and what if nobody takes it: real phones ring, stop, refuse and vanish."""

from collections.abc import Iterator

import pytest
from hall import Hall
from server import Server, Site, until
from tones import AGENT_HZ, CALLER_HZ

SALES = "4001"
HOTLINE = "4000"
NOBODY = "4101"
"A queue that no agent serves, with a short patience and a last prompt."
GOODBYE_S = 2.0
"The shortest of its recordings."
OVERFLOWING = "4102"
"One that overflows into sales."
NARROW = "4103"
"One that holds a single call."
BRIEF = "4105"
"""As sales, but phones ring for three seconds only, and who is gone within a minute has not really
waited. Elsewhere phones ring for longer than any deadline here."""
TEAM = "4104"
"One for which all phones ring at once."


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.rank("sales", a1001=0.9, a1002=0.6, a1003=0.3, a1004=0.95)
    aside = {"no_answer_s": 60, "busy_s": 60, "rejected_s": 60, "failed_s": 60}
    site.queue(
        "sales",
        layers=[{"name": "all", "order": "conversion"}],
        ring_timeout_s=180,
        wrap_up_s=0,
        position_every_s=0,
        miss={**aside, "away_after_misses": 0},
        short_abandon_s=1,
    )
    with site.edit("queues.yaml") as queues:
        sales = queues["queues"]["sales"]
        unserved = {"skill": "nobody_has_it", "position_every_s": 0}
        goodbye = {"hang_up_prompt": "goodbye"}
        queues["queues"] |= {
            "nobody": {**unserved, "max_wait_s": 2, "overflow": goodbye},
            "overflowing": {**unserved, "max_wait_s": 1, "overflow": {"queue": "sales"}},
            "narrow": {**unserved, "max_length": 1},
            "team": {"skill": "sales", "strategy": "ring_all", "position_every_s": 0},
            "brief": {**sales, "ring_timeout_s": 3, "short_abandon_s": 60},
        }
    with site.edit("numbers.yaml") as numbers:
        numbers["numbers"] |= {
            NOBODY: {"queue": "nobody"},
            OVERFLOWING: {"queue": "overflowing"},
            NARROW: {"queue": "narrow"},
            TEAM: {"queue": "team"},
            BRIEF: {"queue": "brief"},
        }
    with site.edit("server.yaml") as settings:
        settings["sip"]["registrar"]["min_expires_s"] = 1
    server = Server(site)
    yield server.start()
    server.close()


def visit_outcome(server: Server, caller: str) -> str:
    [visit] = server.rows(
        "SELECT outcome FROM queue_visits v JOIN interactions i USING (interaction)"
        " WHERE caller = $1 AND left_at IS NOT NULL",
        caller,
    )
    return str(visit["outcome"])


def offers(server: Server, caller: str, count: int) -> list[tuple[str, str]]:
    rows = server.rows(
        "SELECT o.agent, outcome FROM offers o JOIN interactions i USING (interaction)"
        " WHERE caller = $1 AND o.ended_at IS NOT NULL ORDER BY offered_at",
        caller,
        count=count,
    )
    return [(row["agent"], row["outcome"]) for row in rows]


# --- who is rung ---


def test_all_phones_ring_and_the_first_to_answer_silences_the_other(
    hall: Hall, server: Server
) -> None:
    first, second = hall.agent("1001"), hall.agent("1002")
    caller = hall.caller("13900000104")
    caller.call_answered(TEAM)
    assert first.rings().number == second.rings().number == caller.user
    second.answer()
    second.hears(CALLER_HZ)
    caller.hears(AGENT_HZ)
    first.hung_up()
    server.agent_is("1001", "idle")
    assert not second.events("over")
    caller.hangup()
    second.hung_up()
    elsewhere, answered = ("1001", "answered_elsewhere"), ("1002", "answered")
    assert sorted(offers(server, caller.user, 2)) == [elsewhere, answered]
    assert visit_outcome(server, caller.user) == "answered"


def test_the_best_first_and_the_next_while_the_best_talks(hall: Hall) -> None:
    third, best, second = hall.agent("1003"), hall.agent("1001"), hall.agent("1002")
    callers = [hall.caller(f"1390000000{n}") for n in range(3)]
    for caller, agent in zip(callers, (best, second, third), strict=True):
        caller.call_answered(SALES)
        assert agent.rings().number == caller.user
        agent.answer()
    for caller, agent in zip(callers, (best, second, third), strict=True):
        agent.hears(CALLER_HZ)
        caller.hears(AGENT_HZ)
        assert len(agent.events("incoming")) == 1
        caller.hangup()
        agent.hung_up()


def test_a_call_that_waits_rings_whoever_gets_free(server: Server, hall: Hall) -> None:
    agent = hall.agent("1001")
    first, second = hall.caller("13900000011"), hall.caller("13900000012")
    first.call_answered(SALES)
    agent.rings()
    agent.answer()
    second.call_answered(SALES)
    second.hears_sound()
    assert len(agent.events("incoming")) == 1
    first.hangup()
    agent.hung_up()
    assert agent.rings().number == "13900000012"
    agent.answer()
    second.hears(AGENT_HZ)
    agent.hangup()
    second.hung_up()
    assert visit_outcome(server, "13900000012") == "answered"


def test_two_callers_at_once_talk_to_their_own_agents(hall: Hall) -> None:
    agents = {"1001": hall.agent("1001"), "1002": hall.agent("1002")}
    callers = [hall.caller("13900000021"), hall.caller("13900000022")]
    for caller in callers:
        caller.call(SALES)
    numbers = set()
    for agent in agents.values():
        numbers.add(agent.rings().number)
        agent.answer()
    assert numbers == {"13900000021", "13900000022"}
    for phone in (*callers, *agents.values()):
        phone.hears(AGENT_HZ if phone in callers else CALLER_HZ)
    for caller in callers:
        caller.hangup()
    for agent in agents.values():
        agent.hung_up()


# --- not taken ---


def test_no_answer_rings_the_next_and_sets_the_first_aside(server: Server, hall: Hall) -> None:
    best, second = hall.agent("1001"), hall.agent("1002")
    caller = hall.caller("13900000031")
    caller.call_answered(BRIEF)
    best.rings()
    best.hung_up()
    second.rings()
    assert server.agent("1001")["state"] == "paused"
    caller.hangup()
    second.hung_up()
    # The second phone's three seconds may be over before the caller leaves.
    first, (then, outcome) = offers(server, "13900000031", 2)
    assert (first, then) == (("1001", "no_answer"), "1002")
    assert outcome in {"caller_left", "no_answer"}
    [rang] = server.query(
        "SELECT o.ended_at - offered_at AS rang FROM offers o JOIN interactions i"
        " USING (interaction) WHERE caller = $1 AND o.agent = '1001'",
        "13900000031",
    )
    assert 2.99 < rang["rang"].total_seconds() < 15


@pytest.mark.parametrize(
    ("code", "caller_number", "outcome"),
    [(486, "13900000041", "busy"), (603, "13900000042", "rejected")],
    ids=["busy", "rejected"],
)
def test_a_phone_that_refuses_passes_the_call_on(
    server: Server, hall: Hall, code: int, caller_number: str, outcome: str
) -> None:
    best, second = hall.agent("1001"), hall.agent("1002")
    caller = hall.caller(caller_number)
    caller.call_answered(SALES)
    best.rings()
    best.reject(code)
    second.rings()
    assert server.agent("1001")["state"] == "paused"
    second.answer()
    caller.hears(AGENT_HZ)
    second.hangup()
    caller.hung_up()
    assert offers(server, caller_number, 2) == [("1001", outcome), ("1002", "answered")]


def test_a_phone_that_is_busy_at_once_passes_the_call_on(server: Server, hall: Hall) -> None:
    best, second = hall.agent("1001"), hall.agent("1002")
    best.react(486)
    caller = hall.caller("13900000043")
    caller.call_answered(SALES)
    second.rings()
    second.answer()
    caller.hears(AGENT_HZ)
    caller.hangup()
    second.hung_up()
    assert offers(server, "13900000043", 2) == [("1001", "busy"), ("1002", "answered")]


def test_an_agent_who_unregisters_while_ringing(server: Server, hall: Hall) -> None:
    best, second = hall.agent("1001"), hall.agent("1002")
    caller = hall.caller("13900000051")
    caller.call_answered(SALES)
    best.rings()
    best.unregister()
    second.rings()
    until(lambda: best.events("state", state="DISCONNECTED"), "the phone that left is silent")
    server.agent_is("1001", "offline")
    second.answer()
    caller.hears(AGENT_HZ)
    caller.hangup()
    second.hung_up()
    assert offers(server, "13900000051", 2) == [("1001", "agent_left"), ("1002", "answered")]


def test_an_unplugged_phone_is_not_waited_for(server: Server, hall: Hall) -> None:
    gone, second = hall.agent("1001", expires_s=3), hall.agent("1002")
    gone.unplug()
    server.agent_is("1001", "offline")
    caller = hall.caller("13900000052")
    caller.call_answered(SALES)
    second.rings()
    caller.hangup()
    second.hung_up()
    assert offers(server, "13900000052", 1) == [("1002", "caller_left")]


def test_a_phone_that_is_gone_but_still_registered_passes_the_call_on(
    server: Server, hall: Hall
) -> None:
    gone, second = hall.agent("1004"), hall.agent("1002")
    gone.unplug()
    caller = hall.caller("13900000053")
    caller.call_answered(BRIEF)
    second.rings()
    caller.hangup()
    second.hung_up()
    first, (then, _) = offers(server, "13900000053", 2)
    assert first in {("1004", "no_answer"), ("1004", "failed")}
    assert then == "1002"


# --- the caller leaves ---


def test_the_caller_hangs_up_in_the_menu(server: Server, hall: Hall) -> None:
    caller = hall.caller("13900000061")
    caller.call_answered(HOTLINE)
    caller.hears_sound()
    caller.hangup()
    sql = "SELECT * FROM interactions WHERE caller = $1 AND ended_at IS NOT NULL"
    [interaction] = server.rows(sql, "13900000061")
    assert (interaction["ended_by"], interaction["reason"]) == ("caller", "hangup")
    key = interaction["interaction"]
    assert server.query("SELECT * FROM queue_visits WHERE interaction = $1", key) == []


def test_the_caller_hangs_up_in_the_queue(server: Server, hall: Hall) -> None:
    caller = hall.caller("13900000062")
    caller.call_answered(SALES)
    caller.hears_sound(for_s=1.2)
    caller.hangup()
    assert visit_outcome(server, "13900000062") == "abandoned"


def test_the_caller_hangs_up_at_once(server: Server, hall: Hall) -> None:
    caller = hall.caller("13900000063")
    caller.call_answered(BRIEF)
    caller.hangup()
    assert visit_outcome(server, "13900000063") == "short_abandon"


def test_the_caller_hangs_up_while_a_phone_rings(server: Server, hall: Hall) -> None:
    agent, caller = hall.agent("1001"), hall.caller("13900000064")
    caller.call_answered(SALES)
    agent.rings()
    caller.hangup()
    agent.hung_up()
    server.agent_is("1001", "idle")
    assert offers(server, "13900000064", 1) == [("1001", "caller_left")]
    [late] = server.query(
        "SELECT o.ended_at - l.ended_at AS by FROM offers o JOIN legs l USING (interaction)"
        " JOIN interactions i USING (interaction) WHERE caller = $1 AND l.side = 'caller'",
        "13900000064",
    )
    assert abs(late["by"].total_seconds()) < 0.5, "the phone must stop at once"


# --- waiting has an end ---


def test_after_the_longest_wait_a_prompt_and_the_end(server: Server, hall: Hall) -> None:
    caller = hall.caller("13900000071")
    caller.call_answered(NOBODY)
    caller.hung_up()
    heard = caller.recording()
    assert heard.sound_s(heard.length_s - GOODBYE_S) > 0.5, f"no last prompt\n{heard}"
    [call] = server.rows(
        "SELECT duration_s FROM interactions WHERE caller = $1 AND ended_at IS NOT NULL",
        "13900000071",
    )
    assert call["duration_s"] > 2.0 + GOODBYE_S, "no last prompt"
    assert visit_outcome(server, "13900000071") == "timed_out"


def test_overflow_leads_to_the_other_queue(server: Server, hall: Hall) -> None:
    agent, caller = hall.agent("1001"), hall.caller("13900000072")
    caller.call_answered(OVERFLOWING)
    assert "销售" in agent.rings().display
    agent.answer()
    caller.hears(AGENT_HZ)
    caller.hangup()
    agent.hung_up()
    visits = server.rows(
        "SELECT queue, outcome, waited_s, waited_before_s FROM queue_visits v"
        " JOIN interactions i USING (interaction)"
        " WHERE caller = $1 AND left_at IS NOT NULL ORDER BY entered_at",
        "13900000072",
        count=2,
    )
    assert [(v["queue"], v["outcome"]) for v in visits] == [
        ("overflowing", "overflowed"),
        ("sales", "answered"),
    ]
    assert visits[1]["waited_before_s"] == pytest.approx(visits[0]["waited_s"], abs=0.01)
    assert 1.0 <= visits[0]["waited_s"] < 15


def test_a_full_queue_refuses(server: Server, hall: Hall) -> None:
    first, second = hall.caller("13900000073"), hall.caller("13900000074")
    first.call_answered(NARROW)
    second.call_answered(NARROW)
    second.hung_up()
    assert visit_outcome(server, "13900000074") == "refused_full"
    first.hangup()


# --- hold ---


@pytest.mark.parametrize("holder", ["agent", "caller"])
def test_hold_and_back(server: Server, hall: Hall, holder: str) -> None:
    number = "13900000081" if holder == "agent" else "13900000082"
    agent, caller = hall.agent("1001"), hall.caller(number)
    caller.call_answered(SALES)
    agent.rings()
    agent.answer()
    agent.hears(CALLER_HZ)
    caller.hears(AGENT_HZ)
    holding, held, voice_hz = (
        (agent, caller, AGENT_HZ) if holder == "agent" else (caller, agent, CALLER_HZ)
    )
    holding.hold()
    server.agent_is("1001", "held")
    before_s = held.recording().length_s
    held.hears_sound(for_s=held.recording().sound_s() + 3.0)
    # What the phone had yet to play, and to write into its file.
    waiting = [w for w in held.recording().windows if w.start_s > before_s + 1.0]
    music = [w for w in waiting if w.share < 0.8 or abs(w.dominant_hz - voice_hz) > 15]
    assert len(music) > 0.8 * len(waiting), "music, not the voice of the one who holds"
    holding.unhold()
    server.agent_is("1001", "talking")
    back_s = held.recording().tone_s(voice_hz)
    held.hears(voice_hz, for_s=back_s + 0.5)
    caller.hangup()
    agent.hung_up()
    [segment] = server.rows(
        "SELECT t.* FROM talk_segments t JOIN interactions i USING (interaction)"
        " WHERE caller = $1 AND t.ended_at IS NOT NULL",
        number,
    )
    assert segment["hold_s"] > 0.8
