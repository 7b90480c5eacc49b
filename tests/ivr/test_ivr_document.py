"""YAML with positions: sensible scalars, located faults, limits against odd and hostile text."""

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from acd.ivr.document import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    DocumentError,
    DocumentModel,
    Fault,
    complaint,
    did_you_mean,
    read_document,
)


def faults(text: str, model: type[DocumentModel] | None = None) -> list[str]:
    with pytest.raises(DocumentError) as raised:
        read(text, model)
    return [str(fault) for fault in raised.value.faults]


def read(text: str, model: type[DocumentModel] | None) -> None:
    document = read_document(text, "f.yaml")
    if model is not None:
        document.validate(model)


class Dog(DocumentModel):
    type: Literal["dog"]
    barks: bool = True


class Cat(DocumentModel):
    type: Literal["cat"]
    cat: str = ""
    lives: Annotated[int, Field(le=9)] = 9


class House(DocumentModel):
    name: str
    port: int = 5060
    pets: dict[str, Annotated[Dog | Cat, Field(discriminator="type")]] = Field(
        default_factory=dict
    )
    rooms: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1,)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("0123", "0123"),
        ("12:30:00", "12:30:00"),
        ("+8613800138000", "+8613800138000"),
        ("13800138000", "13800138000"),
        ("2026-10-01", "2026-10-01"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1.10", "1.10"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("=", "="),
        ("<<", "<<"),
        ("4000", 4000),
        ("-5", -5),
        ("0", 0),
        ("1.5", 1.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
    ],
)
def test_only_what_is_surely_a_number_becomes_one(scalar, value):
    data = read_document(f"- {scalar}", "f.yaml").data
    assert data == [value]
    assert type(data[0]) is type(value)


def test_keys_are_text():
    assert read_document("1: a\ntrue: b", "f").data == {"1": "a", "true": "b"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_text_is_an_empty_mapping_or_null(text):
    assert read_document(text, "f").data in ({}, None)


def test_numbers_may_stand_for_text_and_text_for_numbers():
    house = read_document('name: 4000\nport: "5070"', "f").validate(House)
    assert (house.name, house.port) == ("4000", 5070)


def test_all_faults_come_at_once_where_they_stand():
    text = """\
nam: A
port: many
pets:
  rex: {type: dgo}
  tom:
    type: cat
    lives: 10
    live: 3
  nobody:
    barks: true
"""
    assert faults(text, House) == [
        "f.yaml:1:1: missing 'name' (add `name:`)",
        "f.yaml:1:1: unknown key 'nam' (did you mean 'name'?)",
        "f.yaml:2:7: port: input should be a valid integer, unable to parse string as an "
        "integer, not 'many'",
        "f.yaml:4:8: unknown type 'dgo' (did you mean 'dog'?)",
        "f.yaml:7:12: lives: input should be less than or equal to 9, not 10",
        "f.yaml:8:5: unknown key 'live' (did you mean 'lives'?)",
        "f.yaml:9:3: missing 'type' (add `type:`)",
    ]


def test_a_list_whose_entries_are_all_bad_is_not_called_empty_too():
    assert faults("name: a\nrooms: [0]", House) == [
        "f.yaml:2:9: 0: input should be greater than or equal to 1, not 0"
    ]
    assert "at least 1 item" in faults("name: a\nrooms: []", House)[0]


def test_a_complaint_is_shown_as_it_stands():
    assert str(complaint("too late", "be early").message()) == "too late"


def test_positions_of_keys_values_and_blocks():
    document = read_document("a:\n  b: [x, {c: 1}]\n  d: |\n    text\n", "f")
    assert document.locate(("a",)) == (1, 1)
    assert document.locate(("a", "b", 1, "c")) == (2, 14)
    assert document.locate_key(("a", "b")) == (2, 3)
    assert document.locate(("a", "b", 7)) == document.locate(("a", "b"))
    assert document.locate(()) == (1, 1)
    assert document.scalar_begin(("a", "d")) == (4, 5, True)
    assert document.scalar_begin(("a",)) is None


def test_a_union_tag_that_is_a_key_too_does_not_mislead():
    text = "name: a\npets:\n  tom:\n    type: cat\n    cat: [1]\n    lives: 12\n"
    assert [line.split(" ")[0] for line in faults(text, House)] == ["f.yaml:5:10:", "f.yaml:6:12:"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "duplicate key 'a' (first in line 1)"),
        ("a:\n\t- 1", "2:1", "indent by spaces, not tabs"),
        ("a: [1, 2", "2:1", "not YAML"),
        ("a: 1\n---\nb: 2", "2:1", "one document per file"),
        ("a: 1\n b: 2", "2:3", "check the indentation"),
        ("? [1]\n: 2", "1:3", "a key must be text"),
        ("?\n: 2", "1:2", "a key must be text"),
        ("a: !!python/object/apply:os.system [ls]", "1:4", "unknown tag"),
        ("a: !!python/name:os.system x", "1:4", "does not fit its tag"),
        ("a: !!int seven", "1:4", "does not fit its tag"),
        ("a: *b", "1:4", "undefined alias"),
        ("a: 1\nb: \x01", "2:1", "control character 0x01"),
        ("a: 1\nb: 销售\ufffd", "2:6", "save the file as UTF-8"),
        ("a: \udcff", "1:4", "save the file as UTF-8"),
        ("&a [*a]", "1:", f"deeper than {MAX_DEPTH}"),
        ("&a {b: *a}", "1:", f"deeper than {MAX_DEPTH}"),
        ("[" * 500 + "]" * 500, "1:", f"deeper than {MAX_DEPTH}"),
        ("[" * 100_000, "1:", f"deeper than {MAX_DEPTH}"),
        ("- " * 100_000, "1:", f"deeper than {MAX_DEPTH}"),
        ("? " * 100_000, "1:", f"deeper than {MAX_DEPTH}"),
        ("{a: " * 100_000, "1:", f"deeper than {MAX_DEPTH}"),
        ("a" * (MAX_CHARACTERS + 1), "1:1", f"at most {MAX_CHARACTERS}"),
    ],
)
def test_odd_text_is_one_located_fault(text, place, words):
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(f"f.yaml:{place}")
    assert words in found[0]


def test_a_bomb_of_aliases_is_refused_at_once():
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    text = "\n".join(["l0: &l0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]", *levels])
    assert ["use fewer aliases" in line for line in faults(text)] == [True]


def test_aliases_within_reason_are_fine():
    document = read_document("a: &x {p: 1}\nb: *x", "f")
    assert document.data == {"a": {"p": 1}, "b": {"p": 1}}
    assert document.locate(("b", "p")) == (1, 11)


def test_hints_name_the_nearest_or_some_of_the_known():
    assert did_you_mean("sails", ["sales", "service"]) == "did you mean 'sales'?"
    assert did_you_mean("x", ["b", "a"]) == "known: a, b"
    assert did_you_mean("x", []) == ""
    assert did_you_mean("??", [f"name{n}" for n in range(20)]).endswith(", …")


YAML_PIECES = st.lists(
    st.sampled_from(
        [
            *[
                "a",
                "b: ",
                "- ",
                "\n",
                "  ",
                "\t",
                "[",
                "]",
                "{",
                "}",
                ",",
                ": ",
                "&x ",
                "*x",
                "!!int ",
            ],
            *[
                "|\n",
                ">-\n",
                "'",
                '"',
                "# ",
                "---\n",
                "...\n",
                "? ",
                "%YAML 1.1\n",
                "\u2028",
                "\x00",
            ],
        ]
    ),
    max_size=40,
).map("".join)


@given(st.text(max_size=60) | YAML_PIECES)
def test_whatever_the_text_it_is_data_or_faults(text):
    try:
        document = read_document(text, "f")
        document.locate(("a", 0, "b"))
        document.validate(House)
        found = [Fault("f", 1, 1, "", "none")]
    except DocumentError as error:
        found = list(error.faults)
    assert found
    assert all(fault.line >= 1 and fault.column >= 1 for fault in found)
