"""Regression tests of faults that an early review found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from service.alerts.alert import AlertRaised
from service.clock import utc_now
from service.rooms.actions import RoomAction
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
async def test_an_action_requested_before_a_crash_is_neither_lost_nor_called_done(
    tmp_path: Path,
) -> None:
    """The server dies after two requests. One of them has expired when it returns."""
    with Server(tmp_path) as server:
        with server.client() as client:
            client.post("/v1/rooms", json={**ROOM, "id": "lobby"}).raise_for_status()
        server.kill()
        now = utc_now()
        lasting = replace(
            an_action("ac_2", RoomAction.WARN),
            requested_at=now,
            expires_at=now + timedelta(minutes=10),
        )
        database = Database(f"sqlite:///{tmp_path / 'earshot.db'}")
        try:
            await SqlAlerts(database).commit(a_transcript(), [AlertRaised(an_alert(at=now))])
            for action in (an_action(), lasting):
                await SqlActions(database).request(action)
        finally:
            await database.close()
        server.start()
        with server.client() as client:

            def state(id_: str) -> str:
                return str(client.get(f"/v1/actions/{id_}").json()["state"])

            await until(lambda: state("ac_1") == "failed", 30)
            assert state("ac_2") == "pending"
            client.post("/v1/actions/ac_2/result", json={"outcome": "done"}).raise_for_status()
            assert (state("ac_1"), state("ac_2")) == ("failed", "done")
