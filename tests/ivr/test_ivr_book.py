"""Loading and reloading: a flow stands or falls by itself, and calls keep what they began with."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ivr_stage import CONTEXT, TUESDAY, Caller

from acd.ivr.book import MAX_FLOWS, FlowBook, FlowError, load_flows, reload
from acd.ivr.run import FlowRun
from acd.ivr.validation import FlowContext

PLAIN = "start: bye\nnodes:\n  bye: {type: hangup, reason: %s}\n"
GOTO = "start: go\nnodes:\n  go: {type: goto, flow: %s}\n"


def plain(name: str, reason: str = "one") -> str:
    return f"flow: {name}\n" + PLAIN % reason


def goto(name: str, target: str) -> str:
    return f"flow: {name}\n" + GOTO % target


def test_a_changed_file_gets_a_new_version_and_the_others_stay_as_they_are():
    book = load_flows({"a.yaml": plain("a"), "b.yaml": plain("b")}, CONTEXT)
    newer, faults = reload(book, {"a.yaml": plain("a", "two"), "b.yaml": plain("b")}, CONTEXT)
    assert faults == []
    assert newer.flow("a").version != book.flow("a").version
    assert newer.flow("b") is book.flow("b")
    assert len(newer.flow("a").version) == 12


def test_a_call_under_way_keeps_the_book_it_began_with():
    old = load_flows({"a.yaml": goto("a", "b"), "b.yaml": plain("b", "old")}, CONTEXT)
    waiting = FlowRun(old, "a", caller="1", called="2", wall=lambda: TUESDAY)
    new, _ = reload(old, {"a.yaml": goto("a", "b"), "b.yaml": plain("b", "new")}, CONTEXT)
    assert waiting.start(0.0)[-1].reason == "old"
    assert Caller(new, "a").heard == ["hangs up new"]


@pytest.mark.parametrize(
    "broken",
    [
        "flow: a\nstart: [",
        "flow: a\nstart: nowhere\nnodes: {b: {type: echo}}",
        "",
        "flow: other\n",
    ],
)
def test_a_broken_file_keeps_its_old_version_in_service(broken):
    book = load_flows({"a.yaml": plain("a"), "b.yaml": plain("b")}, CONTEXT)
    newer, faults = reload(book, {"a.yaml": broken, "b.yaml": plain("b", "two")}, CONTEXT)
    assert newer.flow("a") is book.flow("a")
    assert newer.flow("b").version != book.flow("b").version
    assert {fault.file for fault in faults} == {"a.yaml"}


def test_a_mended_file_is_taken():
    book = load_flows({"a.yaml": plain("a")}, CONTEXT)
    kept, faults = reload(book, {"a.yaml": "["}, CONTEXT)
    assert faults
    mended, faults = reload(kept, {"a.yaml": plain("a", "two")}, CONTEXT)
    assert faults == []
    assert Caller(mended, "a").heard == ["hangs up two"]


def test_a_removed_file_takes_its_flow_along():
    book = load_flows({"a.yaml": plain("a"), "b.yaml": plain("b")}, CONTEXT)
    newer, faults = reload(book, {"b.yaml": plain("b")}, CONTEXT)
    assert (sorted(newer.flows), faults) == (["b"], [])


def test_a_flow_that_others_lead_to_stays_when_its_file_goes():
    book = load_flows(
        {"a.yaml": goto("a", "b"), "b.yaml": goto("b", "c"), "c.yaml": plain("c")}, CONTEXT
    )
    newer, faults = reload(book, {"a.yaml": goto("a", "b")}, CONTEXT)
    assert [str(fault) for fault in faults] == ["a.yaml:4:26: unknown flow 'b' (known: a)"]
    assert sorted(newer.flows) == ["a", "b", "c"]
    assert Caller(newer, "a").heard == ["hangs up one"]
    gone, faults = reload(newer, {"a.yaml": plain("a")}, CONTEXT)
    assert (sorted(gone.flows), faults) == (["a"], [])


def test_a_goto_to_a_flow_with_faults_says_so():
    with pytest.raises(FlowError) as raised:
        load_flows({"a.yaml": goto("a", "b"), "b.yaml": "flow: b\nstart: x\n"}, CONTEXT)
    assert "flow 'b' has faults" in str(raised.value)
    assert "b.yaml:1:1: missing 'nodes'" in str(raised.value)


def test_two_files_of_one_flow_are_a_fault_of_the_second():
    with pytest.raises(FlowError) as raised:
        load_flows({"x/a.yaml": plain("a"), "y/a.yaml": plain("a")}, CONTEXT)
    assert str(raised.value) == "y/a.yaml:1:7: flow 'a' stands in x/a.yaml too (another name)"


def test_a_ring_over_several_flows_is_found():
    with pytest.raises(FlowError) as raised:
        load_flows({"a.yaml": goto("a", "b"), "b.yaml": goto("b", "a")}, CONTEXT)
    assert "a call would spin without a wait: a.go → b.go → a.go" in str(raised.value)


def test_a_ring_that_a_change_closes_is_a_fault_and_the_old_version_serves():
    book = load_flows({"a.yaml": goto("a", "b"), "b.yaml": plain("b")}, CONTEXT)
    newer, faults = reload(book, {"a.yaml": goto("a", "b"), "b.yaml": goto("b", "a")}, CONTEXT)
    assert faults
    assert Caller(newer, "a").heard == ["hangs up one"]


def test_what_is_around_the_flows_is_checked_again_at_each_load():
    text = "flow: a\nstart: q\nnodes:\n  q: {type: queue, queue: sales}\n"
    book = load_flows({"a.yaml": text}, CONTEXT)
    without = FlowContext(queues=frozenset(), sounds=CONTEXT.sounds)
    newer, faults = reload(book, {"a.yaml": text}, without)
    assert [fault.message for fault in faults] == ["unknown queue 'sales'"]
    assert newer.flow("a") is book.flow("a")


def test_there_is_an_end_to_the_number_of_flows():
    files = {f"f{n:03}.yaml": plain(f"f{n:03}") for n in range(MAX_FLOWS + 1)}
    book, faults = reload(FlowBook(), files, CONTEXT)
    assert len(book.flows) == MAX_FLOWS
    assert [fault.hint for fault in faults] == [f"at most {MAX_FLOWS}"]


FOLDER = Path(__file__).parents[2] / "ivr_flows"
STOCK = (FOLDER / "hotline.yaml").read_text("utf-8")
AFTER_HOURS = (FOLDER / "after_hours.yaml").read_text("utf-8")
STOCK_CONTEXT = FlowContext(
    queues=frozenset({"sales", "service"}),
    sounds=frozenset(
        wav.relative_to(FOLDER / "prompts").with_suffix("").as_posix()
        for wav in FOLDER.glob("prompts/*/*.wav")
    ),
)
SLIP = st.tuples(
    st.integers(0, len(STOCK)),
    st.integers(0, 12),
    st.sampled_from(["", " ", "\n", ":", "- ", "x", "1", "[", "}", "'", "\n    type: set\n"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(SLIP, max_size=3))
@example([(len(STOCK), 0, "x")])  # a last line without line end
def test_whatever_slips_into_a_file_it_is_taken_or_has_located_faults(slips):
    text = STOCK
    for at, length, inserted in slips:
        text = text[:at] + inserted + text[at + length :]
    files = {"hotline.yaml": text, "after_hours.yaml": AFTER_HOURS}
    book, faults = reload(FlowBook(), files, STOCK_CONTEXT)
    assert ("hotline" in book.flows) == (not faults)
    lines = text.count("\n") + 2  # YAML has the end of a file that ends in mid-line below it
    assert all(1 <= fault.line <= lines for fault in faults)


FILES = st.dictionaries(
    st.sampled_from("abc"),
    st.one_of(
        st.sampled_from("abcd").map(lambda target: ("goto", target)),
        st.sampled_from(["one", "two"]).map(lambda reason: ("plain", reason)),
        st.just(("broken", "")),
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FILES, min_size=1, max_size=5))
def test_whatever_is_loaded_after_what_every_call_gets_to_an_end(loads):
    book = FlowBook()
    for load in loads:
        make = {"goto": goto, "plain": plain, "broken": lambda name, _: f"flow: {name}\nstart: ["}
        files = {f"{name}.yaml": make[kind](name, what) for name, (kind, what) in load.items()}
        before, (book, faults) = book, reload(book, files, CONTEXT)
        for name, (kind, what) in load.items():
            assert kind != "broken" or any(fault.file == f"{name}.yaml" for fault in faults)
            if kind == "plain":
                assert Caller(book, name).heard == [f"hangs up {what}"]
            if name in before.flows:
                assert name in book.flows, "a change never takes a flow out of service"
        for name in book.flows:
            assert Caller(book, name).run.finished
