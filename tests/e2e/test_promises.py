"""Regression tests of faults that an early review found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from service.alerts.alert import AlertRaised
from service.clock import utc_now
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from tests.e2e.offers import OFFER
from tests.rooms.calls import until
from tests.server import Server, clean_environment
from tests.storage.examples import a_transcript, an_action, an_alert

ROOM = {"id": "den", "title": "Den", "connector": {"kind": "whip"}}


def test_a_room_cannot_ask_for_a_pack_that_is_not_loaded(shared_server: Server) -> None:
    with shared_server.client() as client:
        refused = client.post("/v1/rooms", json={**ROOM, "policies": ["nosuchpack"]})
        assert refused.status_code == 422
        assert refused.json()["detail"] == "no pack is called 'nosuchpack'; loaded: demo"
        assert client.get("/v1/rooms/den").status_code == 404


def test_a_token_does_not_admit_to_a_later_room_with_the_same_id(shared_server: Server) -> None:
    with shared_server.client() as client:
        client.post("/v1/rooms", json=ROOM).raise_for_status()
        asked = {"speaker_id": "ann", "name": "Ann"}
        token = client.post("/v1/rooms/den/publish-tokens", json=asked).json()["token"]
        client.delete("/v1/rooms/den").raise_for_status()
        assert publish(shared_server, token).status_code == 401
        client.post("/v1/rooms", json={**ROOM, "title": "Another"}).raise_for_status()
        assert publish(shared_server, token).status_code == 401
        client.delete("/v1/rooms/den").raise_for_status()


def test_a_second_server_on_the_same_data_is_refused(shared_server: Server) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "service", "serve"],
        env=clean_environment()
        | {"EARSHOT_PORT": "0", "EARSHOT_DATA_DIR": str(shared_server.data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 2
    assert "is in use by another server; stop that one" in second.stderr
    assert "Traceback" not in second.stderr


def publish(server: Server, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        return client.post("/whip/den", content=OFFER, headers=headers)


@pytest.mark.anyio
async def test_an_action_requested_before_a_crash_is_done_after_it(tmp_path: Path) -> None:
    """The server dies between request and action, and returns to the room."""
    with Server(tmp_path) as server:
        with server.client() as client:
            client.post("/v1/rooms", json={**ROOM, "id": "lobby"}).raise_for_status()
        server.kill()
        database = Database(f"sqlite:///{tmp_path / 'earshot.db'}")
        try:
            await SqlAlerts(database).commit(a_transcript(), [AlertRaised(an_alert(at=utc_now()))])
            await SqlActions(database).request(an_action())
        finally:
            await database.close()
        server.start()
        with server.client() as client:

            def done() -> bool:
                (action,) = client.get("/v1/alerts/a1").json()["actions"]
                return bool(action["state"] == "done")

            await until(done, 10)
