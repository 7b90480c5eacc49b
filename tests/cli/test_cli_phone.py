"""`acd phone` as somebody types it, against a real server."""

import json
import signal
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from cli_commands import Acd, line_with, result

from acd.app.demo.site import DemoSite
from acd.media.wav import read_wav, write_wav
from acd.net.media_phone import PhoneMedia, tone

RATE_HZ = 8000
CALLER_HZ, AGENT_HZ = 440, 880


def tone_file(path: Path, frequency_hz: int) -> Path:
    path.write_bytes(write_wav(tone(frequency_hz, 1.0)))
    return path


def tenths_with(path: Path, frequency_hz: int) -> int:
    """Count the tenths of a second in which this tone is what is heard."""
    heard = np.frombuffer(read_wav(path.read_bytes()), dtype="<i2").astype(float)
    tenths = heard[: len(heard) // 800 * 800].reshape(-1, 800)
    spectra = np.abs(np.fft.rfft(tenths * np.hanning(800))) ** 2
    loud = (tenths**2).mean(axis=1) > 100.0**2
    near = np.abs(np.fft.rfftfreq(800, 1 / RATE_HZ) - frequency_hz) <= 15
    return int((loud & (spectra[:, near].sum(axis=1) > 0.8 * spectra.sum(axis=1))).sum())


def calls(site: DemoSite) -> list[dict[str, str]]:
    request = urllib.request.Request(
        f"http://{site.http}/api/calls", headers={"Authorization": f"Bearer {site.token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_caller_and_agent_hear_each_other(site: DemoSite, acd: Acd, tmp_path: Path) -> None:
    agent = acd(
        *("phone", "answer", "--state", site.state, "--user", "1001"),
        *("--play", tone_file(tmp_path / "agent.wav", AGENT_HZ)),
        *("--record", tmp_path / "heard-by-agent.wav"),
    )
    line_with(agent, "1001 is registered")
    caller = acd(
        *("phone", "call", "4001", "--state", site.state, "--user", "13800138000"),
        *("--play", tone_file(tmp_path / "caller.wav", CALLER_HZ)),
        *("--record", tmp_path / "heard-by-caller.wav", "--seconds", "4"),
    )
    code, said = result(caller)
    assert code == 0
    assert "4001 answered" in said
    assert "hanging up after 4 s" in said
    code, said = result(agent)
    assert code == 0
    assert "call from" in said
    assert "the other side hung up" in said
    assert tenths_with(tmp_path / "heard-by-agent.wav", CALLER_HZ) >= 10
    assert tenths_with(tmp_path / "heard-by-caller.wav", AGENT_HZ) >= 10
    assert tenths_with(tmp_path / "heard-by-agent.wav", AGENT_HZ) == 0


def test_keys_lead_through_the_menu_and_ctrl_c_hangs_up(site: DemoSite, acd: Acd) -> None:
    call = acd("phone", "call", "4000", "--state", site.state, "--digits", ",2")
    line_with(call, "4000 answered")
    [under_way] = calls(site)
    assert under_way["flow"] == "hotline"
    line_with(call, "pressed 2")
    call.send_signal(signal.SIGINT)
    code, said = result(call)
    assert code == 130
    assert "Traceback" not in said
    assert calls(site) == [], "its BYE was answered before it ended"


def test_an_agent_who_leaves_by_ctrl_c_is_no_longer_registered(site: DemoSite, acd: Acd) -> None:
    agent = acd("phone", "answer", "--state", site.state, "--user", "1002")
    line_with(agent, "1002 is registered")
    agent.send_signal(signal.SIGINT)
    assert result(agent)[0] == 130
    request = urllib.request.Request(
        f"http://{site.http}/api/agents/1002", headers={"Authorization": f"Bearer {site.token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["registered"] is False


def test_refusals_say_by_whom_and_why(site: DemoSite, acd: Acd, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    at = ("--state", site.state)
    refused = {
        acd("phone", "call", "7777", *at): "acd: 7777 cannot be reached: 404 Not Found",
        acd("phone", "call", "*10", *at): (
            "acd: *10 cannot be reached: 403 Forbidden; only agents may, and phone gave no proof;"
            " --user calls as an agent"
        ),
        acd(
            *("phone", "answer", "--user", "1001", "--password-file", password), *at
        ): "acd: 1001 cannot register: 401 Unauthorized; is 1001's password right?",
        acd(
            *("phone", "call", "4000", "--user", "1001", "--password-file", password), *at
        ): "acd: 4000 cannot be reached: 401 Unauthorized; is 1001's password right?",
    }
    for process, words in refused.items():
        code, said = result(process)
        assert (code, said.strip()) == (1, words)


async def _free_port() -> int:
    media = await PhoneMedia.open("127.0.0.1")
    await media.close()
    return media.port


@pytest.mark.asyncio
async def test_no_server_there(acd: Acd, tmp_path: Path) -> None:
    at = f"127.0.0.1:{await _free_port()}"
    code, said = result(acd("phone", "call", "4000", "--server", at))
    assert code == 1
    assert f"nothing answers SIP at {at}" in said
    code, said = result(acd("phone", "call", "4000", "--state", tmp_path))
    assert code == 1
    assert f"no server runs on {tmp_path}" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--digits", "1x"), "--digits: 'x' are no keys"),
        (("--seconds", "0"), "--seconds: must be more than 0"),
        (("--seconds", "nan"), "--seconds: must be more than 0"),
        (("--play", __file__), f"--play {__file__}: "),
        (("--play", "/nowhere.wav"), "/nowhere.wav"),
        (("--record", "/nowhere/x.wav"), "--record: there is no folder /nowhere"),
        (("--record", "/tmp"), "--record: /tmp cannot be written"),
        (("--server", "nonsense"), "--server: 'nonsense' is no address"),
    ],
)
def test_mistakes_are_found_before_a_phone_rings(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    from acd.cli import main

    server = () if "--server" in arguments else ("--server", "127.0.0.1:9")
    assert main(["phone", "call", "4000", *server, *arguments]) == 1
    said = capsys.readouterr().err
    assert said.startswith("acd: ")
    assert words in said
    assert main(["phone", "call", " ", *server]) == 1
    assert "NUMBER: what shall be dialled" in capsys.readouterr().err
    assert main(["phone", "answer", *server]) == 1
    assert "--user: which agent registers?" in capsys.readouterr().err
