"""The dashboards: as the generator writes them, as Grafana's schema wants them, over what exists.

What their SQL says is tested beside the database: tests/storage/test_storage_dashboards.py.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from test_deploy_alerts import ALERTS, METRIC, exported, promtool

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/grafana"
FILES = sorted((FOLDER / "dashboards").glob("*/*.json"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
"prometheus_client's own."


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def file_id(path: Path) -> str:
    return str(path.relative_to(FOLDER / "dashboards"))


def lost(ours: Any, theirs: Any, where: str = "") -> Iterator[str]:
    """Name what the schema's own types did not keep of a document."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(one, other, f"{where}[{number}]")
    elif ours != theirs:
        yield f"{where}: {ours!r} is {theirs!r}"


def schema_loses(document: dict[str, Any]) -> list[str]:
    register_default_plugins()
    read = Dashboard.from_json(document)
    return list(lost(document, json.loads(JSONEncoder().encode(read))))


def panels(path: Path) -> list[dict[str, Any]]:
    return [panel for panel in load(path)["panels"] if panel["type"] != "row"]


def expressions(path: Path) -> list[str]:
    return [
        target["expr"] for panel in panels(path) for target in panel["targets"] if "expr" in target
    ]


def test_there_are_two_dashboards_in_each_language() -> None:
    names = {file_id(path) for path in FILES}
    assert names == {
        f"{locale}/{name}.json" for locale in ("zh", "en") for name in ("operations", "managers")
    }
    assert len({load(path)["uid"] for path in FILES}) == len(FILES)


def generate(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, FOLDER / "generate.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    done = generate("--to", tmp_path)
    assert done.returncode == 0, done.stderr
    for path in FILES:
        assert (tmp_path / file_id(path)).read_text("utf-8") == path.read_text("utf-8"), (
            "run deploy/grafana/generate.py"
        )


def test_another_centres_zone(tmp_path: Path) -> None:
    assert generate("--to", tmp_path, "--zone", "Europe/Berlin").returncode == 0
    made = load(tmp_path / "en/managers.json")
    assert made["timezone"] == "Europe/Berlin"
    assert "Europe/Berlin" in {each.get("query") for each in made["templating"]["list"]}
    refused = generate("--to", tmp_path, "--zone", "Mars/Olympus")
    assert refused.returncode == 2
    assert "Mars/Olympus: no time zone" in refused.stderr


@pytest.mark.parametrize("path", FILES, ids=file_id)
def test_grafanas_schema_knows_every_field(path: Path) -> None:
    assert schema_loses(load(path)) == []


def test_a_field_that_is_none_would_be_found() -> None:
    document = load(FILES[0])
    document["panels"][1]["fieldConfig"]["defaults"]["units"] = "s"
    document["panels"][2]["options"]["graphModus"] = "none"
    assert schema_loses(document) == [
        ".panels[1].fieldConfig.defaults.units",
        ".panels[2].options.graphModus",
    ]


@pytest.mark.parametrize("path", FILES, ids=file_id)
def test_panels_lie_in_the_grid_and_none_over_another(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load(path)["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in load(path)["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", FILES, ids=file_id)
def test_titles_are_in_the_dashboards_language(path: Path) -> None:
    made = load(path)
    zh = path.parent.name == "zh"
    labels = [each["label"] for each in made["templating"]["list"]]
    for text in (made["title"], *(panel["title"] for panel in made["panels"]), *labels):
        assert not (CHINESE.search(text) and not zh), text
        assert CHINESE.search(text) or not zh or text == "KPI", text


@pytest.mark.parametrize("path", FILES, ids=file_id)
def test_only_variables_that_exist_are_used(path: Path) -> None:
    made = load(path)
    known = {each["name"] for each in made["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", path.read_text("utf-8")))
    ours = {name for name in used if not name.startswith("__")}
    assert ours == known
    assert used - ours <= {"__all", "__rate_interval", "__timeFrom", "__timeTo", "__timeFilter"}


def test_every_expression_is_promql_over_metrics_that_are_exported(tmp_path: Path) -> None:
    found = [expression for path in FILES for expression in expressions(path)]
    assert len(found) > 100
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(found)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", file)
    text = "\n".join(found)
    assert not set(METRIC.findall(text)) - exported()
    assert set(re.findall(r"\bprocess_\w+", text)) == PROCESS


def test_what_alarms_look_at_is_on_the_dashboard() -> None:
    shown = set(METRIC.findall("\n".join(expressions(FOLDER / "dashboards/en/operations.json"))))
    assert not set(METRIC.findall("\n".join(alert["expr"] for alert in ALERTS))) - shown


def test_what_grafana_is_provisioned_with_comes_from_its_environment() -> None:
    page = (ROOT / "docs/monitoring.md").read_text("utf-8")
    kinds = set()
    for path in sorted((FOLDER / "provisioning").glob("*/*.yaml")):
        text = path.read_text("utf-8")
        for name in re.findall(r"\$(\w+)", text):
            assert f"`{name}`" in page, name
        for source in yaml.safe_load(text).get("datasources", ()):
            kinds.add(source["type"])
            assert source["url"].startswith("$ACD_")
            secrets = source.get("secureJsonData", {})
            assert all(value.startswith("$ACD_") for value in secrets.values())
    assert kinds == {"prometheus", "grafana-postgresql-datasource"}
