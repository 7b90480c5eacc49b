"""Agents' calls outside over a trunk: SIPp is the telephone network, pjsua2 the agent's phone."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from carrier import HOST, Carrier, free_port
from hall import Hall
from server import EVENT_S, Server, Site, until
from tones import AGENT_HZ

MOBILE = "13800138000"

Network = Callable[..., Carrier]


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {"first": free_port(), "second": free_port()}


@pytest.fixture(scope="module")
def server(site: Site, ports: dict[str, int]) -> Iterator[Server]:
    with site.edit("trunks.yaml") as trunks:
        trunks["trunks"] = {
            name: {
                "gateways": [{"host": HOST, "port": port}],
                "options_interval_s": 0,
                "rest_s": 0.1,
            }
            for name, port in ports.items()
        }
    with site.edit("numbers.yaml") as numbers:
        numbers["dial_plan"] |= {
            "trunks": ["first", "second"],
            "groups": {"sales": {"may_call": "national", "caller_id": "+8675512345678"}},
        }
    server = Server(site)
    yield server.start()
    server.close()


@pytest.fixture
def network(ports: dict[str, int], tmp_path: Path) -> Iterator[Network]:
    """Return what lets a trunk's gateway serve one call by a scenario."""
    carriers: list[Carrier] = []

    def serve(scenario: str, trunk: str = "first") -> Carrier:
        folder = tmp_path / f"{trunk}-{scenario}"
        folder.mkdir()
        carriers.append(Carrier(ports[trunk], folder, scenario))
        return carriers[-1]

    yield serve
    for carrier in carriers:
        carrier.close()


def the_call(server: Server) -> dict[str, object]:
    """Return the one call that agent 1001 placed since this was asked last, when it is over."""
    server.no_calls()
    sql = "SELECT * FROM interactions WHERE agent = '1001' ORDER BY started_at"
    seen = SEEN[server.pid]
    *_, call = until(
        lambda: (rows := server.query(sql)) and len(rows) > seen and rows[-1]["ended_at"] and rows,
        f"call {seen + 1}",
    )
    SEEN[server.pid] += 1
    return dict(call)


SEEN: Counter[int] = Counter()


def legs(server: Server, call: dict[str, object]) -> list[dict[str, object]]:
    sql = "SELECT * FROM legs WHERE interaction = $1 AND side = 'called' ORDER BY began_at"
    return server.query(sql, call["interaction"])


def test_the_far_end_is_heard_before_and_after_it_answers(
    server: Server, hall: Hall, network: Network
) -> None:
    agent, carrier = hall.agent("1001"), network("outside_early_media")
    line = agent.call(MOBILE)
    agent.expect("state", line=line, state="EARLY", code=183)
    agent.hears(AGENT_HZ, for_s=0.8)  # its own tone, sent back by the network
    assert not agent.events("state", state="CONFIRMED"), "the network has not answered yet"
    agent.expect("state", line=line, state="CONFIRMED")
    server.agent_is("1001", "talking")
    agent.hangup()
    carrier.served()
    call = the_call(server)
    assert (call["direction"], call["called"], call["number"]) == (
        "outbound",
        MOBILE,
        "+8613800138000",
    )
    [leg] = legs(server, call)
    assert (leg["trunk"], leg["number"], leg["agent"]) == ("first", "+8613800138000", "")
    assert leg["answered_at"] > leg["began_at"]
    sql = "SELECT * FROM talk_segments WHERE interaction = $1"
    [talk] = server.query(sql, call["interaction"])
    assert (talk["agent"], talk["queue"]) == ("1001", "")
    assert not any(row["offered"] or row["answered"] for row in server.kpi().values())


def test_busy_is_busy_though_the_gateway_only_says_so_by_a_cause(
    server: Server, hall: Hall, network: Network
) -> None:
    agent, carrier = hall.agent("1001"), network("outside_busy")
    assert agent.call_refused(MOBILE) == 486
    carrier.served()
    call = the_call(server)
    assert (call["ended_by"], call["reason"], call["sip_status"]) == ("called", "busy", 486)


def test_the_second_trunk_is_taken_when_the_first_is_full_and_the_called_person_hangs_up(
    server: Server, hall: Hall, network: Network
) -> None:
    agent = hall.agent("1001")
    full, carrier = network("outside_full"), network("outside_hangs_up", "second")
    agent.call_answered(MOBILE)
    assert agent.hung_up().code == 200
    full.served()
    carrier.served()
    call = the_call(server)
    assert call["ended_by"] == "called"
    assert [(leg["trunk"], leg["sip_status"]) for leg in legs(server, call)] == [
        ("first", 503),
        ("second", 0),
    ]


def test_an_agent_who_gives_up_silences_the_called_phone(
    server: Server, hall: Hall, network: Network
) -> None:
    agent, carrier = hall.agent("1001"), network("outside_cancelled")
    line = agent.call(MOBILE)
    agent.expect("state", line=line, state="EARLY", code=180)
    agent.hangup(line=line)
    carrier.served()
    assert the_call(server)["reason"] == "cancelled"


def test_agents_dial_no_further_than_they_may(server: Server, hall: Hall) -> None:
    sales, service = hall.agent("1001"), hall.agent("1005")
    assert service.call_refused(MOBILE) == 403
    assert sales.call_refused("0085223456789") == 403
    assert sales.call_refused("16812345") == 403


def test_a_trunk_gets_nobody_out_again(server: Server, ports: dict[str, int]) -> None:
    """Toll fraud: from the trunk's own address, in an agent's name, to a number outside."""
    before = invites_sent(server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gateway:
        gateway.bind((HOST, ports["first"]))
        gateway.settimeout(EVENT_S)
        host, port = server.sip("udp").split(":")
        for index, (caller, number) in enumerate(
            [("+8613900139000", MOBILE), ("1001", "+85223456789"), ("x", "1005"), ("x", "110")]
        ):
            invite = (
                f"INVITE sip:{number}@{host}:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {HOST}:{ports['first']};branch=z9hG4bKfraud{index};rport\r\n"
                f"From: <sip:{caller}@{HOST}>;tag=f{index}\r\nTo: <sip:{number}@{host}>\r\n"
                f"Call-ID: fraud{index}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
                f"Contact: <sip:x@{HOST}:{ports['first']}>\r\nContent-Length: 0\r\n\r\n"
            )
            gateway.sendto(invite.encode(), (host, int(port)))
            status = 100
            while status < 200:
                answer = gateway.recv(4096).decode()
                assert answer.startswith("SIP/2.0 "), f"something else left:\n{answer}"
                status = int(answer.split()[1])
            assert status in {401, 404}, (caller, number)
    assert invites_sent(server) == before
    assert server.api("GET", "/calls") == []


def invites_sent(server: Server) -> str:
    wanted = 'acd_sip_requests_total{direction="out",method="INVITE"}'
    lines = server.get("/metrics")[1].splitlines()
    return next((line for line in lines if line.startswith(wanted)), "")
