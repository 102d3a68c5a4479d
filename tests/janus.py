"""A real Janus for the tests, with the configuration of deploy/janus on free ports.

Janus gathers no candidates on loopback. So it gets the machine's own address, which the kernel
routes over loopback anyway. Where the machine has none, a dummy interface gets one.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from tests.processes import Helper

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "janus"
ROOM_SECRET = "change-this-room-secret"
TEXT_ROOM_SECRET = "change-this-text-room-secret"
HOOK_SECRET = "change-this-hook-secret"
ADMIN_SECRET = "an-admin-secret"
ADMIN_KEY = "change-this-admin-key"
_START_S = 20.0
_DUMMY = ("earshot-test", "192.0.2.77")


class Janus:
    """Runs inside its context. A killed or stopped Janus can be started again on the same ports.

    Attributes:
        ws_url, http_url: URLs of its API.
        backend: URL that its event handler calls. Set it before entering the context.
    """

    def __init__(self, *, rooms: Sequence[str] = (), changes: Mapping[str, str] = {}) -> None:
        """
        Args:
            rooms: Rooms of the configuration besides `lounge`. They survive a restart.
            changes: Regular expressions in the configuration, and their replacements.
        """
        self.backend = "http://127.0.0.1:9/"
        self._rooms = rooms
        self._folder = Path(tempfile.mkdtemp(prefix="earshot-janus-"))
        self._ports = dict(zip(("ws", "http", "admin"), free_ports(3), strict=True))
        self._changes = changes
        self._process: Helper | None = None
        self.ws_url = f"ws://127.0.0.1:{self._ports['ws']}"
        self.http_url = f"http://127.0.0.1:{self._ports['http']}/janus"

    def __enter__(self) -> Self:
        try:
            self._write_files()
            self.start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clean_up()

    def start(self) -> None:
        """Start it, and wait until its API answers."""
        self._process = Helper(
            "janus",
            ["janus", "-F", self._folder],
            self._folder / "log",
            cwd=self._folder,  # a crash writes its core file there
        )
        self._process.wait_until(self._answers, _START_S, every_s=0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(20)

    def freeze(self) -> None:
        """Suspend the process, so that it answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def ask(self, body: Mapping[str, Any], plugin: str = "videoroom") -> dict[str, Any]:
        """Send one request to a plugin in a session of its own, and return the answer.

        It does not work where Janus has an API secret.
        """
        with httpx.Client(timeout=10, trust_env=False) as http:

            def post(path: str, **message: Any) -> Any:
                url = self.http_url + path
                return http.post(url, json={"transaction": "t", **message}).json()

            session = f"/{post('', janus='create')['data']['id']}"
            attached = post(session, janus="attach", plugin=f"janus.plugin.{plugin}")
            handle = f"{session}/{attached['data']['id']}"
            answer = post(handle, janus="message", body=dict(body))
            post(session, janus="destroy")
        data: dict[str, Any] = answer["plugindata"]["data"]
        return data

    def make_room(self, room: str, **settings: Any) -> None:
        """Make a room that does not survive a restart."""
        given = {"secret": ROOM_SECRET, "audiocodec": "opus", "notify_joining": True, **settings}
        create = {"request": "create", "room": room, "publishers": 50, "admin_key": ADMIN_KEY}
        made = self.ask({**create, **given})
        assert made.get("videoroom") == "created", made

    def participants(self, room: str) -> dict[str, dict[str, Any]]:
        """Return Janus's list of participants, by id."""
        listed = self.ask({"request": "listparticipants", "room": room})["participants"]
        return {one["id"]: one for one in listed}

    def publishers(self, room: str) -> dict[str, dict[str, Any]]:
        """Return the publishers that Janus lists to a new participant, by id."""
        with httpx.Client(timeout=40, trust_env=False) as http:

            def post(url: str, **message: Any) -> Any:
                return http.post(url, json={"transaction": "t", **message}).json()

            session = f"{self.http_url}/{post(self.http_url, janus='create')['data']['id']}"
            attached = post(session, janus="attach", plugin="janus.plugin.videoroom")
            join = {"request": "join", "ptype": "publisher", "room": room}
            post(f"{session}/{attached['data']['id']}", janus="message", body=join)
            event = http.get(session).json()
            post(session, janus="destroy")
        return {one["id"]: one for one in event["plugindata"]["data"]["publishers"]}

    def handles(self) -> list[dict[str, Any]]:
        """Return our handles from the admin API: here only earshot connects by WebSocket."""
        with httpx.Client(timeout=10, trust_env=False) as http:
            admin = f"http://127.0.0.1:{self._ports['admin']}/admin"
            ask = {"transaction": "t", "admin_secret": ADMIN_SECRET}

            def post(path: str, what: str) -> Any:
                return http.post(admin + path, json={**ask, "janus": what}).json()

            infos = [
                post(f"/{session}/{handle}", "handle_info").get("info", {})
                for session in post("", "list_sessions")["sessions"]
                for handle in post(f"/{session}", "list_handles").get("handles", ())
            ]
        ours = "janus.transport.websockets"
        return [info for info in infos if info.get("session_transport") == ours]

    def _answers(self) -> bool:
        with suppress(httpx.TransportError), socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self._ports["ws"])) == 0:
                url = f"{self.http_url}/info"
                return httpx.get(url, timeout=2, trust_env=False).is_success
        return False

    def _write_files(self) -> None:
        for path in CONFIGURATION.glob("*.jcfg"):
            text = path.read_text()
            for given, wanted in self._replacements().items():
                text = re.sub(given, wanted, text, flags=re.MULTILINE)
            if path.name == "janus.plugin.videoroom.jcfg":
                lounge = text[text.index("room-lounge") :]
                text += "".join(lounge.replace("lounge", room) for room in self._rooms)
            (self._folder / path.name).write_text(text)

    def _replacements(self) -> Mapping[str, str]:
        media = free_media_ports()
        return {
            r"\bws_port = 18188\b": f"ws_port = {self._ports['ws']}",
            r"\bport = 18088\b": f"port = {self._ports['http']}",
            r"^\tadmin_http = false$": (
                f'\tadmin_base_path = "/admin"\n\tadmin_http = true\n'
                f"\tadmin_port = {self._ports['admin']}\n"
                f'\tadmin_ip = "127.0.0.1"'
            ),
            r"^\tserver_name = .*$": f'\\g<0>\n\tadmin_secret = "{ADMIN_SECRET}"',
            r'rtp_port_range = ".*"': f'rtp_port_range = "{media}-{media + 999}"',
            r"^\t#ice_enforce_list = .*$": f'\tice_enforce_list = "{own_address()}"',
            r'backend = ".*"': f'backend = "{self.backend}"',
            **self._changes,
        }

    def _clean_up(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Return TCP ports on loopback that were free a moment ago."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_media_ports() -> int:
    """Return the first of a thousand UDP ports that are all free, also of another Janus."""
    taken = {one.laddr.port for one in psutil.net_connections("udp") if one.laddr}
    return next(
        first
        for first in range(20_000, 31_000, 1000)
        if not any(first <= port < first + 1000 for port in taken)
    )


def own_address() -> str:
    """Return an IPv4 address of this machine that is not loopback."""
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family is socket.AF_INET and not address.address.startswith("127."):
                return address.address
    name, own = _DUMMY
    for command in (
        ["ip", "link", "add", name, "type", "dummy"],
        ["ip", "address", "add", f"{own}/32", "dev", name],
        ["ip", "link", "set", name, "up"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return own


@contextmanager
def frozen(janus: Janus) -> Iterator[None]:
    """Suspend a Janus inside the context."""
    janus.freeze()
    try:
        yield
    finally:
        janus.thaw()
