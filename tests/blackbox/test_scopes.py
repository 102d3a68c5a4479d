"""Keys and secrets that are for some rooms only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.webhooks.signing import headers_for
from tests.blackbox.scoped_server import OURS, SCOPE, THEIRS, WHIP, Tenants, alert_in, call_from
from tests.e2e.commands import earshot

_PATIENCE_S = 30.0


@pytest.fixture
def ours(tenants: Tenants) -> Iterator[httpx.Client]:
    """A room server whose key is for `club-*`."""
    with call_from(tenants, "127.0.0.1", tenants.keys["room_server"]) as client:
        yield client


def ids(client: httpx.Client, path: str, **query: str) -> set[str]:
    return {item["id"] for item in client.get(path, params=query).json()["items"]}


def test_a_key_and_its_session_say_which_rooms_it_is_for(
    tenants: Tenants, ours: httpx.Client
) -> None:
    listed = tenants.admin.get("/v1/keys").json()["items"]
    rooms = {item["name"]: item["rooms"] for item in listed}
    assert rooms["Club room_server"] == SCOPE
    assert rooms["first admin"] == []
    assert ours.get("/v1/session").json()["rooms"] == SCOPE


@pytest.mark.parametrize(
    "body",
    [
        {"role": "admin", "rooms": ["club-*"]},
        {"role": "room_server", "rooms": ["club *"]},
        {"role": "room_server", "rooms": ["club-[12]"]},
        {"role": "room_server", "rooms": [""]},
        {"role": "room_server", "rooms": ["x"] * 101},
    ],
)
def test_a_scope_that_cannot_be_is_refused(tenants: Tenants, body: dict[str, Any]) -> None:
    refused = tenants.admin.post("/v1/keys", json={"name": "Never made", **body})
    assert refused.status_code == 422
    assert "rooms" in refused.text


def test_lists_show_the_rooms_of_the_scope_only(tenants: Tenants, ours: httpx.Client) -> None:
    assert {OURS} <= ids(ours, "/v1/rooms")
    assert all(one.startswith("club-") for one in ids(ours, "/v1/rooms", limit="200"))
    assert ids(ours, "/v1/alerts") == {alert_in(OURS)}
    assert ids(ours, "/v1/alerts", room=THEIRS) == set()
    webhooks = ours.get("/v1/webhooks").json()["items"]
    assert webhooks
    assert all(one["room"].startswith("club-") for one in webhooks)
    assert {OURS, THEIRS} <= ids(tenants.admin, "/v1/rooms", limit="200")


def test_a_scoped_list_has_full_pages(tenants: Tenants) -> None:
    """Rooms that are left out must not shorten a page."""
    for number in range(3):
        tenants.open_room(f"page-{number}")
        tenants.open_room(f"between-{number}")
    secret = tenants.make_key("Pages", "observer", rooms=["page-?"])
    with call_from(tenants, "127.0.0.1", secret) as pages:
        first = pages.get("/v1/rooms", params={"limit": 2}).json()
        assert [item["id"] for item in first["items"]] == ["page-2", "page-1"]
        query = {"limit": 2, "cursor": first["next_cursor"]}
        second = pages.get("/v1/rooms", params=query).json()
    assert [item["id"] for item in second["items"]] == ["page-0"]
    assert second["next_cursor"] is None


def test_a_room_server_opens_only_rooms_of_its_scope(tenants: Tenants, ours: httpx.Client) -> None:
    opened = ours.post("/v1/rooms", json={"id": "club-opened", "connector": WHIP})
    assert opened.status_code == 201
    for room_id in (THEIRS, "bar-new", "club", "Club-1"):
        refused = ours.post("/v1/rooms", json={"id": room_id, "connector": WHIP})
        assert refused.status_code == 403, "whether there is such a room or not"
        assert refused.json()["type"] == "urn:earshot:problem:outside-the-keys-rooms"
    assert THEIRS in ids(tenants.admin, "/v1/rooms", limit="200")
    assert "bar-new" not in ids(tenants.admin, "/v1/rooms", limit="200")


def test_a_room_of_the_scope_cannot_be_a_door_to_anothers_room_on_janus(ours: httpx.Client) -> None:
    connector = {"kind": "janus", "server": "main", "room": "bar-vip"}
    refused = ours.post("/v1/rooms", json={"id": "club-spy", "connector": connector})
    assert refused.status_code == 403
    assert "main:bar-vip" in refused.json()["detail"]


def test_a_webhook_lies_within_the_scope(ours: httpx.Client) -> None:
    url = "https://club.invalid/"
    for room in ("*", "c*", "club*", "bar-1", "*-1", "?lub-1"):
        refused = ours.post("/v1/webhooks", json={"url": url, "room": room})
        assert refused.status_code == 403, room
    for room in ("club-*", "club-1", "club-vip-?"):
        made = ours.post("/v1/webhooks", json={"url": url, "room": room})
        assert made.status_code == 201, room
    assert ours.post("/v1/webhooks", json={"url": url}).json()["room"] == "club-*", "its scope"


def test_the_feed_tells_of_no_other_room_live_or_later(
    tenants: Tenants, ours: httpx.Client
) -> None:
    begin = {"since": "0"}
    for room_id in ("bar-feed", "club-feed"):
        tenants.open_room(room_id)
        assert tenants.admin.delete(f"/v1/rooms/{room_id}").status_code == 204
    tenants.open_room("club-last")
    later = _rooms_in_feed(ours, until="club-last", params=begin)
    assert {"club-feed", OURS} <= set(later)
    assert all(room_id.startswith("club-") for room_id in later)
    all_ = _rooms_in_feed(tenants.admin, until="club-last", params=begin)
    assert {"bar-feed", "club-feed"} <= set(all_)
    resumed = _rooms_in_feed(ours, until="club-last", headers={"Last-Event-ID": "0"})
    assert resumed == later


def _rooms_in_feed(client: httpx.Client, *, until: str, **request: Any) -> list[str]:
    """Return the rooms of the events, up to the first of a room."""
    found: list[str] = []
    with client.stream("GET", "/v1/feed", timeout=_PATIENCE_S, **request) as feed:
        for line in feed.iter_lines():
            if line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))["data"]
                found.append(data.get("room_id", data.get("id")))
                if found[-1] == until:
                    break
    return found


def test_only_whole_numbers_of_all_rooms_are_kept_from_a_scoped_key(
    tenants: Tenants, ours: httpx.Client
) -> None:
    refused = ours.get("/metrics")
    assert refused.status_code == 403
    assert "this key is for club-* only" in refused.json()["detail"]
    assert ours.get("/v1/status").status_code == 200
    with call_from(tenants, "127.0.0.1", tenants.keys["moderator"]) as moderator:
        assert moderator.get("/v1/policies/report").status_code == 403
        report = "/v1/policies/report"
        assert moderator.get(report, params={"room": OURS}).status_code == 200
        assert moderator.get(report, params={"room": THEIRS}).status_code == 404


def test_a_moderator_of_some_rooms_decides_there_only(tenants: Tenants) -> None:
    with call_from(tenants, "127.0.0.1", tenants.keys["moderator"]) as moderator:
        note = {"text": "seen"}
        ours, theirs = (f"/v1/alerts/{alert_in(room)}/notes" for room in (OURS, THEIRS))
        assert moderator.post(ours, json=note).status_code == 200
        assert moderator.post(theirs, json=note).status_code == 404
    history = tenants.admin.get(f"/v1/alerts/{alert_in(THEIRS)}").json()["history"]
    assert "Club moderator" not in [step["who"] for step in history]


def test_a_room_servers_signed_events_are_about_its_rooms_only(tenants: Tenants) -> None:
    asked = {"room_server": "club-server", "rooms": SCOPE}
    made = tenants.admin.post("/v1/hooks/secrets", json=asked)
    assert made.status_code == 201
    listed = tenants.admin.get("/v1/hooks/secrets").json()["items"]
    assert {one["room_server"]: one["rooms"] for one in listed}["club-server"] == SCOPE
    tenants.open_room("club-hook")
    tenants.open_room("bar-hook")

    def ended(room_id: str) -> httpx.Response:
        body = json.dumps({"type": "room.ended", "data": {"room": {"id": room_id}}}).encode()
        signed = headers_for([made.json()["secret"]], f"m-{room_id}", datetime.now(UTC), body)
        with call_from(tenants, "127.0.0.1") as server:
            return server.post("/v1/hooks/rooms", content=body, headers=signed)

    assert ended("club-hook").json() == {"outcome": "done"}
    for room_id in ("bar-hook", "bar-none"):
        assert ended(room_id).status_code == 403, "whether there is such a room or not"
    assert tenants.admin.get("/v1/rooms/bar-hook").json()["state"] == "listening"


def test_the_command_makes_and_lists_scoped_keys(tmp_path: Path) -> None:
    options = ["--name", "Club", "--role", "room_server", "--rooms", "club-*,den", "--rooms", "bar"]
    made = earshot("key", "create", *options, EARSHOT_DATA_DIR=str(tmp_path))
    assert made.code == 0, made.err
    assert "rooms club-*, den, bar" in made.err
    listed = earshot("key", "list", EARSHOT_DATA_DIR=str(tmp_path))
    assert listed.out.rstrip().endswith("Club  (rooms club-*, den, bar)")
