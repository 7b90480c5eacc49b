"""Flow files are changed under calls: a good change serves the next call, a broken one nobody."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hall import Hall
from phone import Phone
from server import Server, Site, replace, until

HOTLINE = "4000"
PROMPT_S = 45.0


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.queue("sales", layers=[{"name": "all"}], wrap_up_s=0, position_every_s=0)
    server = Server(site)
    yield server.start()
    server.close()


@pytest.fixture(autouse=True)
def stock_flow(site: Site, server: Server) -> Iterator[None]:
    path = site.flows / "hotline.yaml"
    stock, version = path.read_text(), readiness(server)["flows"]["hotline"]
    yield
    replace(path, stock)
    until(
        lambda: readiness(server)["flows"]["hotline"] == version and not faults(server),
        "the stock flow serves again",
    )


def readiness(server: Server) -> dict[str, Any]:
    details: dict[str, Any] = json.loads(server.get("/readyz")[1])
    return details


def faults(server: Server) -> str:
    """Return what /readyz says about files that cannot be used."""
    return "\n".join(readiness(server)["faults"])


def hang_up_on_sales(site: Site) -> None:
    """Change the hotline: who presses 1 is hung up on, and no way leads into the queue."""
    path = site.flows / "hotline.yaml"
    flow = yaml.safe_load(path.read_text())
    flow["nodes"]["sales"] = {"type": "hangup", "reason": "changed"}
    del flow["nodes"]["sales_queue"]
    replace(path, yaml.safe_dump(flow, allow_unicode=True, sort_keys=False))


def versions(server: Server, caller: str) -> list[str]:
    rows = server.query(
        "SELECT DISTINCT version FROM flow_steps s JOIN interactions i USING (interaction)"
        " WHERE caller = $1",
        caller,
    )
    return [row["version"] for row in rows]


def press(caller: Phone, key: str) -> None:
    caller.hears_sound()
    caller.digits(key)


def test_a_good_change_serves_the_next_call_and_not_the_one_under_way(
    server: Server, site: Site, hall: Hall
) -> None:
    agent, before = hall.agent("1001"), hall.caller("13400000001")
    before.call_answered(HOTLINE)
    before.hears_sound()
    stock = readiness(server)["flows"]["hotline"]
    hang_up_on_sales(site)
    until(
        lambda: readiness(server)["flows"]["hotline"] != stock,
        "the change is taken over",
    )
    after = hall.caller("13400000002")
    after.call_answered(HOTLINE)
    press(after, "1")
    after.hung_up()
    before.digits("1")
    agent.rings(within_s=PROMPT_S)
    before.hangup()
    agent.hung_up()
    assert 'acd_flow_reloads_total{result="ok"}' in server.get("/metrics")[1]
    sql = "SELECT ended_by FROM interactions WHERE caller = $1 AND reason = 'flow_ended'"
    assert server.rows(sql, "13400000002") == [{"ended_by": "flow"}]
    assert not set(versions(server, "13400000001")) & set(versions(server, "13400000002"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("flow: hotline\nnodes: [", "not YAML"),
        (
            "flow: hotline\nstart: a\nnodes:\n  a: {type: play, sounds: [welcome], next: b}\n",
            "hotline.yaml:4",
        ),
    ],
    ids=["no YAML", "unknown node"],
)
def test_a_broken_file_keeps_the_old_one_serving(
    server: Server, site: Site, hall: Hall, text: str, fault: str
) -> None:
    replace(site.flows / "hotline.yaml", text)
    until(lambda: fault in faults(server), f"/readyz says {fault}")
    assert server.get("/readyz")[0] == 200, "calls are taken all the same"
    assert fault in server.log()
    assert str(site.flows / "hotline.yaml:") in faults(server)
    assert 'acd_flow_reloads_total{result="failed"}' in server.get("/metrics")[1]
    agent, caller = hall.agent("1001"), hall.caller("13400000003")
    caller.call_answered(HOTLINE)
    press(caller, "1")
    agent.rings(within_s=PROMPT_S)
    caller.hangup()
    agent.hung_up()
