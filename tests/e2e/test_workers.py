"""Workers that transcribe over a real Redis, for a server without a model."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asr.parallelism import lanes
from asr.settings import AsrSettings
from service.simulation.run import simulate_room
from tests.processes import Helper
from tests.redis import RedisServer
from tests.server import Server, clean_environment
from tests.simulation.test_run import SCRIPT

pytestmark = pytest.mark.redis


@contextmanager
def a_worker(url: str, log: Path, **settings: str) -> Iterator[Helper]:
    process = Helper(
        "earshot worker",
        [sys.executable, "-m", "service", "worker"],
        log,
        env=clean_environment()
        | {"EARSHOT_REDIS_URL": url, "EARSHOT_ASR_DEVICE": "cpu", **settings},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def ready(server: Server) -> tuple[int, dict[str, Any]]:
    with server.client() as client:
        answer = client.get("/readyz")
        return answer.status_code, answer.json()


def until(holds: Callable[[], bool], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.anyio
async def test_a_worker_transcribes_for_a_server_that_has_no_model(
    tmp_path: Path, redis: RedisServer
) -> None:
    with Server(tmp_path / "server", EARSHOT_REDIS_URL=redis.url) as server:
        status, body = ready(server)
        assert status == 503
        assert body["detail"].startswith("no worker runs the model micro")
        with a_worker(redis.url, tmp_path / "worker.log") as worker:
            until(lambda: ready(server)[0] == 200)
            batch = lanes(AsrSettings(device="cpu"))
            assert ready(server)[1]["workers"] == [
                {"model": "micro", "device": "cpu, int8_float32", "batch": batch, "busy": False}
            ]
            report = await simulate_room(server.url, server.key, "far", SCRIPT)
            assert report.ok
            assert (report.utterances, report.raised, report.word_errors) == (2, 1, 0)
            with server.client() as client:
                shown = client.get("/metrics").text
            assert re.search(r"^earshot_asr_workers 1\.0$", shown, re.MULTILINE)
            assert re.search(r"^earshot_redis_up 1\.0$", shown, re.MULTILINE)
            assert 'earshot_asr_stream_waiting{work="final"} 0.0' in shown
            worker.terminate()
            assert worker.wait(15) == 0
        until(lambda: ready(server)[0] == 503)
        logged = server.log_file.read_text()
    assert "asr.by_workers" in logged
    assert "asr.loaded" not in logged
    assert "a-test-password" not in logged
    worker_said = (tmp_path / "worker.log").read_text()
    assert "worker.ready" in worker_said
    assert "worker.left" in worker_said
    for word in ("gift", "kind"):
        assert word not in worker_said


def test_a_server_whose_redis_is_down_starts_and_reports_it(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    own_redis.stop()
    with Server(tmp_path / "server", EARSHOT_REDIS_URL=own_redis.url) as server:
        status, body = ready(server)
        assert status == 503
        assert "Redis at redis://127.0.0.1:" in body["detail"]
        own_redis.start()
        until(lambda: ready(server)[1].get("detail", "").startswith("no worker runs"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://host", "EARSHOT_REDIS_URL: use redis://host:6379/0"),
        ("redis://:wrong@{place}/0", "EARSHOT_REDIS_URL: Redis at redis://{place}/0 refuses us"),
    ],
)
def test_an_unusable_redis_ends_the_start_with_one_line(
    tmp_path: Path, redis: RedisServer, url: str, says: str
) -> None:
    place = redis.url.rpartition("@")[2].partition("/")[0]
    done = subprocess.run(
        [sys.executable, "-m", "service", "serve"],
        env=clean_environment()
        | {
            "EARSHOT_PORT": "0",
            "EARSHOT_DATA_DIR": str(tmp_path / "data"),
            "EARSHOT_REDIS_URL": url.format(place=place),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("earshot: ")]
    assert line.startswith(f"earshot: {says.format(place=place)}")


def test_settings_show_the_redis_without_its_password(redis: RedisServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service", "settings"],
        env=clean_environment() | {"EARSHOT_REDIS_URL": redis.url},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (line,) = [each for each in done.stdout.splitlines() if "REDIS_URL" in each]
    assert "redis://127.0.0.1:" in line
    assert "password" not in line
