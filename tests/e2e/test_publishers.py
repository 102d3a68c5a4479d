"""Publishers of others, each a program of its own: what they say raises an alert.

Browsers have a file of their own.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.e2e.credentials import open_room, publish_token
from tests.e2e.following import following
from tests.e2e.peers import peers, until
from tests.e2e.test_chromium import RULE, microphone
from tests.janus import own_address
from tests.needs import DEBIANS_PYTHON
from tests.processes import Helper
from tests.server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

HERE = Path(__file__).parent
GONE_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve on the machine's own address, because GStreamer does not use loopback."""
    data = tmp_path_factory.mktemp("publishers")
    with Server(data, EARSHOT_ICE_ADDRESSES=own_address()) as server:
        yield server


@contextlib.contextmanager
def running(log: Path, *command: str | Path, ends: Collection[int] = (0,)) -> Iterator[Helper]:
    """Run a publisher, which ends after its last packet."""
    process = Helper("the publisher", command, log, ends=ends)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _for(server: Server, speaker: str) -> tuple[str, str]:
    """Return the endpoint of a room for the speaker alone, and a publish token."""
    room = f"room-of-{speaker}"
    open_room(server, room)
    return f"{server.url}/whip/{room}", publish_token(server, room, speaker)


@contextlib.asynccontextmanager
async def heard(server: Server, speaker: str) -> AsyncIterator[None]:
    """Assert that the speech within the body raises the alert."""
    async with following(server) as feed:
        yield
        alert = await feed.has("alert.raised", speaker_id=speaker, seconds=40)
    assert [match["rule_id"] for match in alert["matches"]] == [RULE]


async def test_speech_from_ffmpeg_raises_an_alert(server: Server, tmp_path: Path) -> None:
    endpoint, token = _for(server, "fred")
    _certificate(tmp_path)
    wav = microphone(tmp_path / "said.wav")
    program = [sys.executable, "-m", "tests.e2e.publisher_ffmpeg"]
    async with heard(server, "fred"):
        with running(tmp_path / "log", *program, endpoint, token, wav, tmp_path) as process:
            await until(lambda: process.poll() is not None, 60)
            assert process.returncode == 0, process.report()


@pytest.mark.gstreamer
async def test_speech_from_gstreamer_raises_an_alert(server: Server, tmp_path: Path) -> None:
    """GStreamer's certificate is an RSA one."""
    endpoint, token = _for(server, "greta")
    wav = microphone(tmp_path / "said.wav")
    program = [DEBIANS_PYTHON, str(HERE / "publisher_gstreamer.py")]
    async with heard(server, "greta"):
        with running(log := tmp_path / "log", *program, endpoint, token, wav, "12") as process:
            await until(lambda: process.poll() is not None, 60)
            said = log.read_text()
    assert "connected" in said.split(), said


async def test_a_killed_publisher_leaves_within_ten_seconds(server: Server, tmp_path: Path) -> None:
    endpoint, token = _for(server, "kate")
    async with following(server) as feed:
        program = [sys.executable, "-m", "tests.e2e.publisher_aiortc"]
        with running(log := tmp_path / "log", *program, endpoint, token, ends=()) as process:
            await until(lambda: log.read_text() == "connected\n", 30)
            before = peers(server)
            process.kill()
            await until(lambda: peers(server) == before - 1, GONE_WITHIN_S)
        left = await feed.has("speaker.left", seconds=20)
    assert "did not answer" in left["reason"]


def _certificate(folder: Path) -> None:
    """Write a certificate and its key; FFmpeg reads them from files."""
    for name, pem in zip(("cert.pem", "key.pem"), make_certificate(), strict=True):
        (folder / name).write_bytes(pem)
