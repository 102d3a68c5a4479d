"""The server under test is the build that was asked for."""

from __future__ import annotations

from pathlib import Path

from tests.server import PYTHON, Server


def test_a_server_runs_with_the_interpreter_of_its_build(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server, server.client() as client:
        process = server.process
        assert process is not None
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        assert command[0].decode() == PYTHON
        assert client.get("/healthz").json()["status"] == "ok"
