"""Changes of policies on a real server, over HTTP and by files, and across restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.rulebook.examples import text_of
from tests.server import Server

YAML = {"Content-Type": "application/yaml"}
_PATIENCE_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "packs"
    folder.mkdir()
    (folder / "scams.yaml").write_text(text_of(), "utf-8")
    return folder


def in_force(client: httpx.Client) -> dict[str, str]:
    items = client.get("/v1/policies").json()["items"]
    return {item["pack"]: item["version"] for item in items}


def put(client: httpx.Client, text: str, name: str = "scams") -> None:
    client.put(f"/v1/policies/{name}", content=text, headers=YAML).raise_for_status()


def eventually(holds: Callable[[], object]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_pack_sent_over_http_survives_a_crash_until_a_file_changes(
    tmp_path: Path, folder: Path
) -> None:
    with Server(tmp_path / "data", EARSHOT_POLICY_DIR=str(folder)) as server:
        with server.client() as client:
            assert in_force(client) == {"scams": "1.0.0"}
            put(client, text_of(version="1.1.0"))
            put(client, text_of("threats"), "threats")
            assert "threats" in [
                item["pack"] for item in client.get("/v1/policies").json()["items"]
            ]
        server.kill()
        server.start()
        with server.client() as client:
            assert in_force(client) == {"scams": "1.1.0", "threats": "1.0.0"}
            (folder / "scams.yaml").write_text(text_of(version="1.2.0"), "utf-8")
            eventually(lambda: in_force(client)["scams"] == "1.2.0")
            (folder / "scams.yaml").write_text("schema: 9", "utf-8")
            eventually(lambda: client.get("/v1/policies").json()["refused"])
            assert in_force(client) == {"scams": "1.2.0", "threats": "1.0.0"}
            versions = client.get("/v1/policies/scams/versions").json()["items"]
            assert [(each["version"], each["origin"]) for each in versions] == [
                ("1.2.0", "file"),
                ("1.1.0", "api"),
                ("1.0.0", "file"),
            ]
            assert "schema" not in client.get("/rules").text


def test_a_file_that_changed_while_the_server_was_down_wins(tmp_path: Path, folder: Path) -> None:
    with Server(tmp_path / "data", EARSHOT_POLICY_DIR=str(folder)) as server:
        with server.client() as client:
            put(client, text_of(version="1.1.0"))
        server.stop()
        (folder / "scams.yaml").write_text(text_of(version="1.2.0"), "utf-8")
        (folder / "threats.yaml").write_text(text_of("threats"), "utf-8")
        server.start()
        with server.client() as client:
            assert in_force(client) == {"scams": "1.2.0", "threats": "1.0.0"}
            data = _events(client)
    assert [(each["pack"], each["what"], each["who"]) for each in data] == [
        ("scams", "changed", "first admin"),
        ("scams", "changed", "server"),
        ("threats", "added", "server"),
    ]


def _events(client: httpx.Client) -> list[dict[str, str]]:
    """Return the events about policies from the start of the log."""
    asked = {"since": "0", "types": "policies.changed"}
    found = []
    with client.stream("GET", "/v1/feed", params=asked) as feed:
        for line in feed.iter_lines():
            if line.startswith("data: ") and '"policies.changed"' in line:
                found.append(json.loads(line.removeprefix("data: "))["data"])
                if len(found) == 3:
                    break
    return found


def test_the_process_that_checks_policies_ends_with_the_server(
    tmp_path: Path, folder: Path
) -> None:
    with Server(tmp_path / "data", EARSHOT_POLICY_DIR=str(folder)) as server:
        for number, end in enumerate((server.kill, server.stop), 1):
            with server.client() as client:
                put(client, text_of(version=f"1.{number}.0"))
            assert server.process is not None
            children = psutil.Process(server.process.pid).children(recursive=True)
            assert len(children) == 1
            end()
            assert psutil.wait_procs(children, _PATIENCE_S)[1] == []
            server.start()
