"""The settings of TLS and WebSocket, and what is wrong with them, told with file and line."""

import pytest

from acd.config import ConfigError, load_config
from tests.net.certificates import write_pair


def sip(change, *lines):
    """Write these lines below `sip:`; the first is line 4 of the file."""
    change("server.yaml", "flows:", "sip:\n" + "".join(f"  {line}\n" for line in lines) + "flows:")


def faults_of(folder):
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return [str(fault) for fault in caught.value.faults]


def test_an_untouched_configuration_needs_no_certificate(folder):
    config = load_config(folder)
    assert not config.tls_files().paths()
    assert (config.server.sip.tls, config.server.sip.ws, config.server.sip.wss) == ((), (), ())


def test_paths_are_relative_to_the_folder(folder, change):
    write_pair(folder, "sip.example.com")
    sip(
        change,
        'tls: ["[::1]:5061"]',
        "certificate: {file: certificate.pem, key: key.pem, clients: off}",
        "stream_idle_s: 600",
        "limits: {exempt: [192.0.2.0/24]}",
    )
    config = load_config(folder)
    assert config.server.sip.tls[0].host == "::1"
    assert config.tls_files().paths() == (folder / "certificate.pem", folder / "key.pem")
    assert config.stream_limits().idle_s == 600
    assert config.stream_limits().exempt == ("192.0.2.0/24",)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['tls: ["127.0.0.1:5061"]'], "no certificate for TLS"),
        (['wss: ["127.0.0.1:8443"]'], "no certificate for TLS"),
        (["certificate: {key: key.pem}"], "a key without its certificate"),
        (
            ["certificate: {file: certificate.pem, key: key.pem, clients: required}"],
            "client certificates without a CA",
        ),
        (["certificate: {file: none.pem}"], "none.pem cannot be used: No such file"),
        (["certificate: {file: key.pem}"], "key.pem cannot be used: no PEM of that kind in it"),
        (["certificate: {server_ca: none.pem}"], "none.pem cannot be used: No such file"),
        (["udp: []", "tcp: []"], "no address to listen on"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(folder, change, lines, expected):
    write_pair(folder, "sip.example.com")
    sip(change, *lines)
    (fault,) = faults_of(folder)
    assert expected in fault
    assert "server.yaml:" in fault
