"""Trunks with DNS and certificates beside them: what is told to whom, and when."""

from pathlib import Path

import pytest

from acd.app.trunk_lines import TrunkLines
from acd.config import Config, load_config
from acd.net.tls import TlsDestination
from acd.sip.dns_records import Resolve, Resolved
from acd.sip.endpoint import Endpoint
from acd.sip.peer import Peer
from acd.sip.settings import EndpointSettings
from acd.sip.trunk_settings import TrunkSettings

ROOT = Path(__file__).parents[2]
TRUNKS = """\
trunks:
  secure:
    gateways: [{host: sip.example.cn, port: 5061, transport: tls}]
    tls: {ca: carrier.pem}
    options_interval_s: 0
dns: {servers: ["127.0.0.1:9"]}
"""
GATEWAY = Peer("tls", "192.0.2.7", 5061)


class NoAccounts:
    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        del account, realm, algorithm


class Stage:
    """Stands for driver and transports at once; keeps the order of what they are told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.endpoint = Endpoint(
            EndpointSettings(advertised={"udp": ("192.0.2.1", 5060)}),
            credentials=NoAccounts(),
            new_id=lambda: "id",
            random_bytes=bytes,
        )

    def configure_trunks(self, trunks: tuple[TrunkSettings, ...]) -> None:
        self.told += self.endpoint.configure_trunks(trunks, 0.0)

    def resolved(self, answer: Resolved) -> None:
        self.told += self.endpoint.resolved(answer, 1.0)

    def set_tls_destination(self, peer: Peer, destination: TlsDestination) -> None:
        self.told.append((peer, destination))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("numbers.yaml", "queues.yaml", "agents.yaml", "server.yaml", "reasons.yaml"):
        text = (ROOT / "config" / name).read_text()
        (tmp_path / name).write_text(text.replace("../ivr_flows", str(ROOT / "ivr_flows")))
    (tmp_path / "carrier.pem").touch()
    (tmp_path / "trunks.yaml").write_text(TRUNKS)
    return load_config(tmp_path)


@pytest.mark.asyncio
async def test_a_tls_gateway_is_told_to_the_transports_by_its_configured_name(
    config: Config,
) -> None:
    stage = Stage()
    lines = TrunkLines(stage.endpoint, stage)  # type: ignore[arg-type]  # has what is used
    lines.take(config, stage)  # type: ignore[arg-type]  # likewise
    assert stage.told == [Resolve("sip.example.cn", "A")]
    assert lines.details() == {"secure": "down"}
    lines.resolved(Resolved("sip.example.cn", "A", (GATEWAY.host,), 60.0))
    assert lines.details() == {"secure": "up"}
    await lines.close()
    assert stage.told[1:] == [
        (
            GATEWAY,
            TlsDestination(server_name="sip.example.cn", ca=str(config.folder / "carrier.pem")),
        )
    ]
    [row] = lines.rows()
    assert row["gateways"] == [
        {
            "gateway": "sip.example.cn",
            "address": "tls:192.0.2.7:5061",
            "health": "unknown",
            "failures": 0,
            "options_ms": None,
        }
    ]
