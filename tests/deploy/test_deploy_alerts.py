"""The alarms for Prometheus: rules that promtool takes, each seen ringing and silent."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import acd.cli
from acd.telemetry.families import FAMILIES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"
METRIC = re.compile(r"\bacd_\w+")
ALERTS = [
    alert
    for group in yaml.safe_load((FOLDER / "acd.rules.yml").read_text("utf-8"))["groups"]
    for alert in group["rules"]
]


def exported() -> set[str]:
    """Every name that a scrape can hold."""
    names = {"acd_build_info"}
    for family in FAMILIES:
        match family.kind:
            case "counter":
                names.add(f"{family.name}_total")
            case "gauge":
                names.add(family.name)
            case "histogram":
                names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
    return names


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_and_the_example_of_a_configuration_are_right() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")
    promtool("check", "rules", FOLDER / "acd.rules.yml")


def test_each_alarm_rings_when_it_should_and_not_before() -> None:
    tests = Path(__file__).parent / "alerts.test.yml"
    promtool("test", "rules", tests)
    ringing = set(re.findall(r'alertname="(\w+)"', tests.read_text("utf-8")))
    assert ringing == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alarm_says_what_to_do_in_both_languages(alert: dict[str, Any]) -> None:
    assert not set(METRIC.findall(alert["expr"])) - exported()
    assert alert["labels"]["severity"] in {"warning", "critical"}
    texts = alert["annotations"]
    assert set(texts) == {"summary", "summary_zh", "action", "action_zh"}
    for name, text in texts.items():
        chinese = re.search(r"[\u4e00-\u9fff]", text) is not None
        assert chinese == name.endswith("_zh"), name
    for command in re.findall(r"\bacd ([a-z]+ [a-z]+)", texts["action"] + texts["action_zh"]):
        acd.cli._parser().parse_args(command.split())  # leaves by SystemExit if there is none


def test_the_page_says_where_each_threshold_comes_from() -> None:
    page = (ROOT / "docs/monitoring.md").read_text("utf-8")
    rows = re.findall(r"^\| `(Acd\w+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert [name for name, *_ in rows] == [alert["alert"] for alert in ALERTS]
