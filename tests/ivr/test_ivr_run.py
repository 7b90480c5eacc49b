"""The interpreter: what a caller hears and where a caller gets to, whatever the caller does."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ivr_stage import CONTEXT, FLOWS, TUESDAY, Caller, book_of, call

from acd.ivr.book import FlowBook, UnknownFlowError, load_flows
from acd.ivr.compiler import compile_flow
from acd.ivr.document import Document
from acd.ivr.effects import EndCall, EnterQueue, PlaySounds, StepTaken, StopSounds, VariableSet
from acd.ivr.events import DigitPressed, QueueLeft, SoundsFinished
from acd.ivr.model import FlowFile
from acd.ivr.parts import PartsCompiler
from acd.ivr.progress import PLAY_LIMIT_S
from acd.ivr.run import MAX_STEPS_PER_CALL, MAX_STEPS_PER_INPUT, FlowRun
from acd.media.wav import MAX_SECONDS

MENU = """
start: welcome
languages: [zh, en]
nodes:
  welcome: {type: play, sounds: [welcome], next: menu}
  menu:
    type: menu
    prompts: [menu]
    timeout_s: 3
    digits: {1: sales, 9: english, "#": bye}
    on_timeout: bye
  english: {type: set, language: en, next: menu}
  sales: {type: queue, queue: sales, priority: 3, category: jewelry, on_timeout: bye}
  bye: {type: hangup, sounds: [goodbye]}
"""


def test_the_whole_way_is_recorded():
    caller = call(MENU)
    steps = [
        effect
        for word in ("1", "timed_out", ".")
        for effect in caller.does(word)
        if isinstance(effect, StepTaken | EnterQueue | EndCall)
    ]
    assert steps == [
        StepTaken("under_test", "welcome", "interrupted"),
        StepTaken("under_test", "menu", "1"),
        EnterQueue("sales", 3, "jewelry"),
        StepTaken("under_test", "sales", "timed_out"),
        StepTaken("under_test", "bye", "flow_ended"),
        EndCall("flow_ended"),
    ]
    assert caller.run.finished


def test_the_menu_waits_from_the_end_of_its_prompts():
    caller = call(MENU)
    caller.walks(". .")
    assert caller.run.node_name == "menu"
    assert caller.run.next_deadline() == caller.now + 3
    assert caller.run.on_time(caller.now + 2.9) == []
    assert caller.walks("~") == "plays zh/menu"


def test_a_language_chosen_holds_for_all_that_follows():
    caller = call(MENU)
    assert caller.walks("9") == "plays en/menu"
    assert caller.run.language == "en"
    assert caller.walks("#") == "plays en/goodbye"


def test_a_run_may_begin_in_a_language_that_the_flow_has():
    assert call(MENU, language="en").heard == ["plays en/welcome"]
    assert call(MENU, language="fr").heard == ["plays zh/welcome"]


def test_an_end_of_sounds_that_comes_late_means_nothing():
    caller = call(MENU)
    caller.does(".")
    old = caller.play - 1
    assert caller.run.on_event(SoundsFinished(old), caller.now) == []
    assert caller.run.node_name == "menu"


def test_a_media_engine_that_forgot_a_play_does_not_hold_the_caller():
    caller = call(MENU)
    assert caller.run.next_deadline() == caller.now + PLAY_LIMIT_S
    effects = caller.does("~")
    assert effects[0] == StopSounds()
    assert caller.heard[-1] == "plays zh/menu"


def test_the_longest_sounds_there_may_be_are_heard_to_their_end():
    text = """
start: terms
nodes:
  terms: {type: play, sounds: [welcome, menu], next: bye}
  bye: {type: hangup}
"""
    caller = call(text)
    assert caller.run.on_time(caller.now + 2 * MAX_SECONDS) == []
    assert caller.run.node_name == "terms"


def test_prompts_that_may_not_be_interrupted_are_heard_to_their_end():
    text = """
start: notice
nodes:
  notice: {type: play, sounds: [welcome], interruptible: false, next: menu}
  menu: {type: menu, prompts: [menu], interruptible: false, digits: {1: bye}, on_timeout: bye}
  bye: {type: hangup}
"""
    caller = call(text)
    assert caller.does("1") == []
    caller.does(".")
    assert caller.does("1") == []
    assert caller.walks(". 1") == "hangs up flow_ended"


def test_a_key_pressed_early_skips_to_its_menu_but_never_ends_a_ring_of_plays():
    text = """
start: first
nodes:
  first: {type: play, sounds: [welcome], next: second}
  second: {type: play, sounds: [menu], next: %s}
  menu: {type: menu, prompts: [menu], digits: {1: bye}, on_timeout: bye}
  bye: {type: hangup}
"""
    assert call(text % "menu").walks("1") == "hangs up flow_ended"
    ring = text.replace("  menu:", "  #").replace("  bye:", "  #") % "first"
    caller = call(ring)
    assert caller.walks("1").startswith("plays")
    assert not caller.run.finished


def test_reading_an_empty_variable_is_a_short_silence():
    text = """
start: read
variables: {number: ""}
nodes:
  read: {type: play, sounds: [say_digits: number], next: bye}
  bye: {type: hangup}
"""
    caller = call(text)
    assert caller.heard == []
    assert 0 < caller.run.next_deadline() - caller.now < 1
    assert caller.walks("~") == "hangs up flow_ended"


def test_variables_brought_along_count_where_name_and_type_fit():
    text = """
start: check
variables: {vip: false, n: 1}
nodes:
  check:
    type: branch
    cases: [{when: vip && n == 1, next: yes}]
    else: no
  yes: {type: hangup, reason: "yes"}
  no: {type: hangup, reason: "no"}
"""
    assert call(text).heard == ["hangs up no"]
    caller = call(text, variables={"vip": True, "n": "many", "caller": "x", "more": 5})
    assert caller.heard == ["hangs up yes"]
    assert caller.run.variables == {"vip": True, "n": 1, "more": 5}


def test_an_expression_without_a_value_is_noted_and_changes_nothing():
    text = """
start: set
variables: {n: 0, m: 5}
nodes:
  set: {type: set, expressions: {m: 1 / n}, next: check}
  check:
    type: branch
    cases: [{when: 1 / n == 0, next: bye}]
    else: bye
  bye: {type: hangup}
"""
    run = FlowRun(book_of(t=text), "t", caller="1", called="2", wall=lambda: TUESDAY)
    notes = [(e.outcome, e.note) for e in run.start(0.0) if isinstance(e, StepTaken) and e.note]
    assert [outcome for outcome, _ in notes] == ["error", "else"]
    assert all("divide by zero" in note for _, note in notes)
    assert run.variables["m"] == 5


def test_only_changes_of_variables_are_told():
    text = """
start: set
variables: {vip: true, n: 1}
nodes:
  set: {type: set, values: {vip: true}, expressions: {n: n + 1}, next: bye}
  bye: {type: hangup}
"""
    run = FlowRun(book_of(t=text), "t", caller="1", called="2", wall=lambda: TUESDAY)
    told = [effect for effect in run.start(0.0) if isinstance(effect, VariableSet)]
    assert told == [VariableSet("n", "2")]


def test_what_does_not_fit_the_moment_changes_nothing():
    caller = call(MENU)
    assert caller.run.start(caller.now) == []
    assert caller.does("timed_out") == []
    assert caller.run.on_event(DigitPressed("x"), caller.now) == []
    assert caller.run.on_event(DigitPressed("12"), caller.now) == []
    caller.walks("1")
    assert caller.does("5") == []
    assert caller.run.next_deadline() == math.inf
    caller.walks("refused_full")
    assert caller.run.finished
    assert [caller.does(word) for word in ("1", ".", "timed_out")] == [[], [], []]
    assert caller.run.on_time(1e9) == []


def test_an_unknown_flow_says_which_is_meant():
    with pytest.raises(UnknownFlowError, match=r"unknown flow 'men' \(did you mean 'menu'\?\)"):
        FlowRun(book_of(menu=MENU), "men", caller="", called="", wall=lambda: TUESDAY)


def test_a_robot_that_never_leaves_a_menu_is_hung_up_on_in_the_end():
    text = """
start: menu
nodes:
  menu: {type: menu, prompts: [menu], digits: {1: menu}, on_timeout: menu}
"""
    caller = call(text)
    for _ in range(MAX_STEPS_PER_CALL - 1):  # entering it was the first step
        caller.does("1")
    assert caller.heard[-1] == "plays zh/menu"
    last = caller.does("1")
    assert caller.heard[-1] == "hangs up step_limit"
    told = StepTaken("under_test", "menu", "step_limit", "the flow took too many steps")
    assert [effect for effect in last if isinstance(effect, StepTaken)][-1] == told


NUMBERS = """
start: first
variables: {one: "", two: ""}
nodes:
  first:
    type: collect
    variable: one
    max_digits: 4
    timeout_s: 8
    inter_digit_timeout_s: 3
    prompts: [menu]
    on_timeout: second
    on_invalid: second
    retries: 0
    min_digits: 3
    next: second
  second: {type: collect, variable: two, max_digits: 2, prompts: [menu], on_timeout: z, next: z}
  z: {type: hangup}
"""


def test_each_digit_has_its_time_from_the_one_before():
    caller = call(NUMBERS)
    caller.walks(".")
    assert caller.run.next_deadline() == caller.now + 8
    caller.now += 5
    caller.does("1")
    assert caller.run.next_deadline() == caller.now + 3
    caller.does("*")
    assert caller.run.next_deadline() == caller.now + 8


def test_digits_of_a_number_that_was_given_up_are_none_of_the_next():
    caller = call(NUMBERS)
    caller.walks(". 1 2 ~")
    assert caller.run.node_name == "second"
    caller.walks(". 7")
    assert caller.run.node_name == "second"
    caller.does("8")
    assert caller.run.variables["two"] == "78"


# --- any flow, any caller ---

NAMES = [f"n{index}" for index in range(6)]
WAY = st.sampled_from(NAMES)
CONDITIONS = st.sampled_from(['caller == "1"', "n > 2", "n / (n - n) == 1", 'd.startsWith("1")'])
NODES = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("play"),
            "sounds": st.just(["welcome", {"say_number": "n"}]),
            "interruptible": st.booleans(),
            "next": WAY,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("menu"),
            "prompts": st.just(["menu"]),
            "digits": st.dictionaries(st.sampled_from("12#"), WAY, min_size=1),
            "retries": st.integers(0, 2),
            "interruptible": st.booleans(),
            "on_timeout": WAY,
            "on_invalid": st.none() | WAY,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("collect"),
            "prompts": st.just([{"say_digits": "d"}]),
            "variable": st.just("d"),
            "min_digits": st.integers(1, 2),
            "max_digits": st.integers(2, 4),
            "terminator": st.sampled_from(["", "#", "*"]),
            "pattern": st.sampled_from(["", "1.*"]),
            "next": WAY,
            "on_timeout": WAY,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("branch"),
            "cases": st.lists(
                st.fixed_dictionaries({"when": CONDITIONS, "next": WAY}), min_size=1, max_size=3
            ),
            "else": WAY,
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("set"), "expressions": st.just({"n": "n * 3 + 1"}), "next": WAY}
    ),
    st.fixed_dictionaries(
        {"type": st.just("queue"), "queue": st.just("q"), "on_full": st.none() | WAY}
    ),
    st.just({"type": "goto", "flow": "any"}),
    st.just({"type": "echo"}),
    st.just({"type": "hangup", "sounds": ["goodbye"]}),
)
INPUTS = st.lists(
    st.sampled_from(
        [*"0123456789*#", ".", ".", "~", "~", "timed_out", "refused_full", "odd", "late"]
    ),
    max_size=40,
)


def unchecked(nodes: list[dict[str, object]]) -> FlowBook:
    """Compile without the checks of `validation`: rings without a wait come through."""
    flow = FlowFile.model_validate(
        {
            "flow": "any",
            "start": NAMES[0],
            "variables": {"n": 1, "d": ""},
            "nodes": dict(zip(NAMES, nodes, strict=True)),
        }
    )
    compiler = PartsCompiler(Document("any.yaml", {}, None), flow)
    compiler.compile()
    assert compiler.faults == []
    return FlowBook({"any": compile_flow(flow, compiler.parts, file="any.yaml", version="1")})


@settings(max_examples=150, deadline=None)
@given(st.lists(NODES, min_size=6, max_size=6), INPUTS)
def test_any_flow_and_any_caller_keep_the_invariants(nodes, inputs):
    run = FlowRun(unchecked(nodes), "any", caller="1", called="2", wall=lambda: TUESDAY)
    now, playing, ends = 0.0, 0, 0
    batches = [run.start(now)]
    for word in [*inputs, *["."] * 3]:
        if word == "~":
            now = min(run.next_deadline(), now + 1_000)
            effects = run.on_time(now)
        elif word == ".":
            effects = run.on_event(SoundsFinished(playing), now)
            playing = 0
        elif word == "late":
            effects = run.on_event(SoundsFinished(-1), now)
        elif len(word) == 1:
            effects = run.on_event(DigitPressed(word), now)
        else:
            effects = run.on_event(QueueLeft(word), now)
        assert ends == 0 or effects == []
        for effect in batches.pop() + effects if batches else effects:
            match effect:
                case PlaySounds(play, sounds):
                    assert sounds
                    assert play > playing
                    playing = play
                case StopSounds():
                    assert playing, "stopped what does not play"
                    playing = 0
                case EndCall():
                    ends += 1
                case _:
                    pass
        assert len(effects) <= 4 * MAX_STEPS_PER_INPUT
        assert ends == (1 if run.finished else 0)
        assert not run.finished or run.next_deadline() == math.inf
        assert run.finished or run.next_deadline() > now or word != "~"


GOOD = load_flows(
    {str(file): file.read_text("utf-8") for file in (FLOWS / "good").glob("*.yaml")}, CONTEXT
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(GOOD.flows)), INPUTS)
def test_every_good_flow_ends_once_the_caller_falls_silent(flow, inputs):
    """Or waits where only somebody else can end it: in a queue, in the echo test."""
    caller = Caller(GOOD, flow)
    for word in inputs:
        if word != "~" or caller.run.next_deadline() < math.inf:
            caller.does(word)
    for _ in range(100):
        if caller.run.finished or caller.run.next_deadline() == math.inf:
            break
        caller.does("~")
    assert caller.run.finished or caller.run.node_name in {"sales", "service", "echo"}


SECRET = """
start: card
languages: [zh]
variables: {card: "", doubled: ""}
nodes:
  card:
    type: collect
    prompts: [menu]
    variable: card
    max_digits: 6
    secret: true
    next: think
    on_timeout: bye
  think:
    type: set
    expressions: {doubled: "string(int(card + card + card + card))"}
    next: choose
  choose:
    type: branch
    cases: [{when: "int(card + card + card + card) > 0", next: bye}]
    else: bye
  bye: {type: hangup}
"""


def test_a_secret_number_stands_in_nothing_that_is_told():
    for secret, shown in (("true", False), ("false", True)):
        caller = call(SECRET.replace("secret: true", f"secret: {secret}"))
        keys = [".", "4", "1", "1", "1", "2", "2"]
        told = [effect for key in keys for effect in caller.does(key)]

        assert caller.run.finished
        assert (
            len([effect for effect in told if isinstance(effect, StepTaken) and effect.note]) == 2
        )
        assert ("411122" in repr(told)) is shown
