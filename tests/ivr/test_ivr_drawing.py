"""Drawings: every node and way is there, boxes keep apart, rings do not confuse the rows."""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from ivr_stage import book_of

from acd.ivr.document import read_document
from acd.ivr.drawing import mermaid, svg
from acd.ivr.layout import GAP_X, layered
from acd.ivr.model import FlowFile

FLOW = """
start: menu
nodes:
  menu:
    type: menu
    prompts: [menu]
    digits: {1: sales, 2: menu, 3: check}
    on_timeout: sales
  check:
    type: branch
    cases: [{when: 'caller == "<&>"', next: menu}]
    else: sales
  sales: {type: queue, queue: sales}
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_mermaid_names_nodes_and_ways():
    text = mermaid(book_of(f=FLOW).flow("f").model)
    assert text.startswith("flowchart TD\n")
    assert 'n0["menu<br>menu<br>menu"]' in text
    assert 'n0 -- "1, timeout" --> n2' in text
    assert 'n0 -- "2" --> n0' in text
    assert 'n1 -- "caller == #quot;&lt;&amp;&gt;#quot;" --> n0' in text


def test_svg_is_sound_xml_with_each_node_and_label():
    root = ET.fromstring(svg(book_of(f=FLOW).flow("f").model))
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {"menu", "check", "sales", "queue", "1, timeout", "2", "3", "else"} <= texts
    assert 'caller == "<&>"' in texts
    ways = [path for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    assert len(ways) == 5


def test_rows_follow_the_ways():
    sizes = dict.fromkeys("abcd", (50.0, 20.0))
    layout = layered(sizes, [("a", "b"), ("b", "c"), ("a", "c"), ("c", "a"), ("c", "d")], "a")
    height = {name: y for name, (_, y) in layout.boxes.items()}
    assert height["a"] < height["b"] < height["c"] < height["d"]
    assert len(layout.routes["a", "c"]) == 3, "through the row of b"
    back = layout.routes["c", "a"]
    assert back[0][1] > back[-1][1]


NAMES = "abcdefgh"
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=25)


@given(EDGES, st.lists(st.floats(20, 200), min_size=8, max_size=8))
def test_any_graph_is_laid_out_without_overlap(edges, widths):
    sizes = {name: (width, 30.0) for name, width in zip(NAMES, widths, strict=True)}
    layout = layered(sizes, edges, "a")
    assert set(layout.boxes) == set(NAMES)
    assert set(layout.routes) == {(a, b) for a, b in edges if a != b}
    placed = sorted(
        (y, x - sizes[n][0] / 2, x + sizes[n][0] / 2) for n, (x, y) in layout.boxes.items()
    )
    for (y1, _, right), (y2, left, _) in pairwise(placed):
        assert y1 < y2 or left >= right + GAP_X - 0.01
    assert all(left >= -0.01 and right <= layout.width + 0.01 for _, left, right in placed)


def test_the_picture_of_the_stock_hotline_has_a_size_for_a_screen():
    text = (Path(__file__).parents[2] / "ivr_flows" / "hotline.yaml").read_text("utf-8")
    drawn = svg(read_document(text, "hotline.yaml").validate(FlowFile))
    width, height = map(int, re.findall(r'<svg [^>]*width="(\d+)" height="(\d+)"', drawn)[0])
    assert width < 1_600
    assert height < 1_600
