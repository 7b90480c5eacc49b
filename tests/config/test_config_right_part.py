"""Mistakes of every kind in one folder: each is told, whatever the others are, and no other."""

from itertools import combinations
from pathlib import Path

import pytest

from acd.config import ConfigError, load_config

MISTAKES = (
    ("server.yaml", "flows: ../flows", "flows: ../flows\ndatabase: {dsn: 'mysql://db'}"),
    ("server.yaml", "timezone: Asia/Shanghai", "timezone: Asia/Peking"),
    ("server.yaml", "centre:", "sip: {udp: ['127.0.0.1'], registrar: {qualify_s: -1}}\ncentre:"),
    ("numbers.yaml", "{flow: hotline}", "{flow: hotlin}"),
    ("numbers.yaml", "{queue: sales}", "{queue: sails}"),
    ("numbers.yaml", "{echo: true}", "{echo: true, queue: sales}"),
    ("queues.yaml", "kind: sales", "kind: sale"),
    ("queues.yaml", "category: health", "category: wealth"),
    ("queues.yaml", "{queue: service}", "{queue: servise}"),
    ("queues.yaml", "hang_up_prompt: goodbye", "hang_up_prompt: godbye"),
    ("agents.yaml", "number: 1002", "number: 1001"),
    ("agents.yaml", "service: B", "service: S"),
    ("agents.yaml", "health: AA", "wealth: AA"),
    ("reasons.yaml", "name: 保健食品", "nam: 保健食品"),
)
"A file, what stands there, and a slip of the pen."


def told(folder: Path, *mistakes: tuple[str, str, str]) -> set[str]:
    """Return what is said of the folder with these mistakes in it, which are taken back."""
    before = {file: (folder / file).read_text() for file, _, _ in mistakes}
    for file, right, wrong in mistakes:
        text = (folder / file).read_text()
        assert text.count(right) == 1
        (folder / file).write_text(text.replace(right, wrong))
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    for file, text in before.items():
        (folder / file).write_text(text)
    # Lines move where a mistake has a line of its own.
    return {
        f"{Path(fault.file).name} {fault.path} {fault.message}" for fault in caught.value.faults
    }


def test_of_two_mistakes_each_is_told_and_nothing_else(folder: Path) -> None:
    alone = {mistake: told(folder, mistake) for mistake in MISTAKES}
    for one, other in combinations(MISTAKES, 2):
        expected = alone[one] | alone[other]
        if "reasons.yaml" in (one[0], other[0]):
            # Without the categories nobody can say which of them are unknown.
            expected = {fault for fault in expected if "wealth" not in fault}
        assert told(folder, one, other) == expected


def test_all_mistakes_at_once(folder: Path) -> None:
    mistakes = [mistake for mistake in MISTAKES if mistake[0] != "reasons.yaml"]
    assert told(folder, *mistakes) == set().union(*(told(folder, one) for one in mistakes))


def test_a_folder_of_flows_that_is_wrong_makes_no_flow_unknown(folder: Path) -> None:
    mistake = ("server.yaml", "flows: ../flows", "flows: [../flows]")
    [fault] = told(folder, mistake)
    assert fault.startswith("server.yaml flows ")


def test_a_list_with_a_fault_hides_nothing_beside_it(folder: Path) -> None:
    layers = (
        "queues.yaml",
        "category: health",
        "layers: [{order: conversion}]\n    category: health",
    )
    overflow = ("queues.yaml", "{queue: service}", "{queue: servise}")
    assert told(folder, layers, overflow) == told(folder, layers) | told(folder, overflow)


def test_the_lines_are_those_of_the_file(folder: Path) -> None:
    """What is right of a list keeps its places, though an earlier entry lacks something."""
    agents = folder / "agents.yaml"
    agents.write_text(agents.read_text().replace("    name: 王丽\n", ""))
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    assert [(fault.line, fault.message) for fault in caught.value.faults] == [
        (3, "missing 'name'")
    ]
