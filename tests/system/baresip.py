"""baresip as an agent's phone: another stack, MD5 digest only, that answers by itself."""

import json
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from server import until

MODULES = Path("/usr/lib/baresip/modules")


def _free_port() -> int:
    """Return a TCP port that is free now: baresip does not say which one it took."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Baresip:
    """Registers an account and takes every call at once; speaks a tone, does what it is told."""

    def __init__(
        self,
        folder: Path,
        server: str,
        user: str,
        password: str,
        tone_hz: float,
        *,
        transport: str = "udp",
        ca: Path | None = None,
    ) -> None:
        program = shutil.which("baresip")
        assert program, "baresip is missing: apt-get install baresip-core (`make test` does)"
        self._control = ("127.0.0.1", _free_port())
        config = {
            "ctrl_tcp_listen": "{}:{}".format(*self._control),
            "sip_listen": "127.0.0.1:0",
            "sip_cafile": str(ca or ""),
            "rtp_ports": "19000-19999",
            "audio_source": f"ausine,{tone_hz:.0f}",
            "audio_player": "",
            "audio_alert": "",
            "ausrc_srate": "48000",
            "ausrc_channels": "2",
            "module_path": str(MODULES),
            "module_tmp": "uuid.so\nmodule_tmp account.so",
            "module_app": "menu.so\nmodule_app ctrl_tcp.so",
            "module": "g711.so\nmodule ausine.so",
        }
        folder.mkdir()
        lines = [f"{name} {value}" for name, value in config.items() if value]
        (folder / "config").write_text("\n".join(lines) + "\n")
        account = (
            f"<sip:{user}@{server};transport={transport}>;auth_user={user};auth_pass={password}"
        )
        (folder / "accounts").write_text(f"{account};answermode=auto;regint=60\n")
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            [program, "-f", str(folder)],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def command(self, name: str, parameters: str = "") -> None:
        """Have it do something, as from its menu: dial, hold, resume, transfer, hangup."""
        order = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        with until(self._connected, "baresip's control") as control:
            control.sendall(b"%d:%b," % (len(order), order))  # a netstring
            answer = b""
            while f'"token":"{name}"'.encode() not in answer:
                more = control.recv(65_536)
                assert more, answer
                answer += more
            assert b'"ok":true' in answer, answer

    def _connected(self) -> socket.socket | None:
        with suppress(ConnectionRefusedError):
            return socket.create_connection(self._control, timeout=10)
        return None

    def close(self) -> str:
        """Unregister and end; returns what it said."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._log.seek(0)
        said = self._log.read()
        self._log.close()
        return said
