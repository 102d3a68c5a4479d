from __future__ import annotations

from typing import Any

import pytest

from service.access.keys import Role
from service.rooms.room import RoomState
from service.storage.engine import Database
from tests.api import Api
from tests.asr.examples import a_transcript as asr_transcript
from tests.storage.examples import NOW, SECOND, SetClock, a_room, a_speaker, a_transcript

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database: Database) -> Api:
    """An API with three rooms. The third has ended; Ann is heard in `r1`."""
    api = Api(database, SetClock())
    for number, state in enumerate((RoomState.LISTENING, RoomState.LOST, RoomState.ENDED)):
        await api.rooms.add(a_room(f"r{number}", NOW + number * SECOND))
        await api.rooms.set_state(f"r{number}", state, "")
    await api.ears.speaker_joined(a_speaker(room_id="r1"))
    return api


async def ask(api: Api, path: str) -> Any:
    async with api.caller("Ob", Role.OBSERVER) as observer:
        response = await observer.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def test_rooms_are_listed_by_state_with_who_is_heard_in_them(api: Api) -> None:
    everything = await ask(api, "/v1/rooms")
    assert [room["id"] for room in everything["items"]] == ["r2", "r1", "r0"]
    assert everything["items"][1]["speakers"] == [
        {
            "id": "ann",
            "name": "Ann",
            "role": "host",
            "muted": False,
            "level_dbfs": -100.0,
            "speaking": False,
        }
    ]
    assert everything["items"][0]["speakers"] == []
    assert everything["items"][1]["unmatched_languages"] == []
    active = await ask(api, "/v1/rooms?state=listening&state=lost&limit=1")
    assert [room["id"] for room in active["items"]] == ["r1"]
    rest = await ask(api, f"/v1/rooms?state=listening&state=lost&cursor={active['next_cursor']}")
    assert [room["id"] for room in rest["items"]] == ["r0"]
    assert rest["next_cursor"] is None


async def test_a_room_shows_the_same_and_its_gaps(api: Api) -> None:
    (_, listed, _) = (await ask(api, "/v1/rooms"))["items"]
    assert await ask(api, "/v1/rooms/r1") == {**listed, "gaps": []}


async def test_a_room_names_the_languages_for_which_it_has_no_rules(api: Api) -> None:
    room = await api.rooms.get("r1")
    assert room is not None
    for language in ("fr", "de"):
        api.unmatched_languages.count_utterance(room, asr_transcript("words", language=language))
    expected = [
        {"language": language, "utterances": 1, "last_at": "2030-01-01T12:00:12.000Z"}
        for language in ("de", "fr")
    ]
    assert (await ask(api, "/v1/rooms/r1"))["unmatched_languages"] == expected
    (_, listed, other) = (await ask(api, "/v1/rooms"))["items"]
    assert (listed["unmatched_languages"], other["unmatched_languages"]) == (expected, [])


async def test_the_talk_of_a_room_is_paged_newest_first(api: Api) -> None:
    for number in range(3):
        at = NOW + number * SECOND
        await api.alerts.commit(a_transcript(f"u{number}", at, text=str(number), room_id="r1"), [])
    first = await ask(api, "/v1/rooms/r1/talk?limit=2")
    assert [heard["text"] for heard in first["items"]] == ["2", "1"]
    assert first["items"][0] == {
        "utterance_id": "u2",
        "room_id": "r1",
        "speaker_id": "ann",
        "speaker_name": "Ann",
        "started_at": "2026-05-17T12:00:02.123Z",
        "ended_at": "2026-05-17T12:00:04.123Z",
        "language": "en",
        "text": "2",
        "marks": ["quiet"],
        "model": "micro",
        "provisional": False,
    }
    second = await ask(api, f"/v1/rooms/r1/talk?limit=2&cursor={first['next_cursor']}")
    assert [heard["text"] for heard in second["items"]] == ["0"]
    assert second["next_cursor"] is None


async def test_the_talk_of_an_unknown_room_is_404(api: Api) -> None:
    async with api.caller("Ob", Role.OBSERVER) as observer:
        assert (await observer.get("/v1/rooms/nowhere/talk")).status_code == 404
