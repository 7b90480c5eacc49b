"""Flow files, good and bad: each bad one says which faults it has, each good one how it walks."""

import re
from pathlib import Path

import pytest
from ivr_stage import CONTEXT, FLOWS, Caller

from acd.ivr.book import FlowBook, FlowError, load_flows, reload
from acd.ivr.drawing import mermaid, svg

GOOD = sorted((FLOWS / "good").glob("*.yaml"))
BAD = sorted((FLOWS / "bad").glob("*.yaml"))
EXPECT = re.compile(r"# expect: (\d+): (?:(\d+): )?(.+)")
WALKS = [
    (file.stem, steps.strip(), end)
    for file in GOOD
    for steps, end in re.findall(r"# walk:(.*)=> (.+)", file.read_text("utf-8"))
]


@pytest.fixture(scope="module")
def good() -> FlowBook:
    return load_flows({str(file): file.read_text("utf-8") for file in GOOD}, CONTEXT)


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_a_bad_file_has_exactly_the_faults_it_names(file: Path) -> None:
    text = file.read_text("utf-8")
    expected = [
        (int(line), int(column or 0), words) for line, column, words in EXPECT.findall(text)
    ]
    with pytest.raises(FlowError) as raised:
        load_flows({str(file): text}, CONTEXT)
    faults = list(raised.value.faults)
    for line, column, words in expected:
        fitting = [
            fault
            for fault in faults
            if fault.line == line and column in (0, fault.column) and words in str(fault)
        ]
        assert fitting, f"line {line}: {words!r} is not among\n{raised.value}"
        faults.remove(fitting[0])
    assert not faults, "not expected:\n" + "\n".join(map(str, faults))


@pytest.mark.parametrize(("flow", "steps", "end"), WALKS)
def test_a_good_flow_walks_as_it_says(good: FlowBook, flow: str, steps: str, end: str) -> None:
    assert Caller(good, flow).walks(steps) == end


def test_each_good_file_is_walked() -> None:
    assert {flow for flow, _, _ in WALKS} == {file.stem for file in GOOD}


def test_a_broken_neighbour_does_not_harm(good: FlowBook) -> None:
    texts = {str(file): file.read_text("utf-8") for file in [*GOOD, *BAD]}
    book, faults = reload(FlowBook(), texts, CONTEXT)
    assert book.versions() == good.versions()
    assert {Path(fault.file) for fault in faults} == set(BAD)


@pytest.mark.parametrize("flow", [file.stem for file in GOOD])
def test_every_good_flow_can_be_drawn(good: FlowBook, flow: str) -> None:
    model = good.flow(flow).model
    for name in model.nodes:
        assert f">{name}<" in svg(model)
        assert f'"{name}' in mermaid(model)
