from __future__ import annotations

import pytest

from service.listening.events import HeardUntil
from service.listening.ports import HearingStore
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.hearing import SqlHearing
from service.storage.rooms import SqlRooms
from tests.storage.examples import NOW, SECOND, SetClock, a_gap, a_room, a_speaker, a_transcript

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hearing(database: Database) -> HearingStore:
    rooms = SqlRooms(database)
    await rooms.add(a_room())
    await rooms.speaker_joined(a_speaker(), NOW)
    return SqlHearing(database, SetClock())


async def test_heard_until_begins_at_joining_and_never_moves_back(hearing: HearingStore) -> None:
    assert await hearing.interrupted() == [HeardUntil("lobby", "ann", NOW)]
    later = HeardUntil("lobby", "ann", NOW + 5 * SECOND)
    await hearing.mark([later])
    await hearing.mark([HeardUntil("lobby", "ann", NOW + SECOND)])
    await hearing.mark([])
    assert await hearing.interrupted() == [later]


async def test_only_live_speakers_were_interrupted(
    hearing: HearingStore, database: Database
) -> None:
    await SqlRooms(database).speaker_left(a_speaker(), "", NOW)
    assert await hearing.interrupted() == []


async def test_a_gap_is_a_row_and_an_event_and_moves_no_mark(
    hearing: HearingStore, database: Database
) -> None:
    gap = a_gap(NOW, 4)
    await hearing.gap(gap)
    await hearing.gap(a_gap(NOW + 4 * SECOND, 2))
    assert await hearing.gaps("lobby", 1) == [a_gap(NOW + 4 * SECOND, 2)]
    assert await hearing.gaps("lobby", 9) == [a_gap(NOW + 4 * SECOND, 2), gap]
    assert await hearing.interrupted() == [HeardUntil("lobby", "ann", NOW)], "words are under way"
    events = await SqlEventLog(database).read(2, 9)
    assert [event.type for event in events] == ["audio.gap", "audio.gap"]


async def test_talk_is_what_reaches_into_the_time_in_order_without_the_empty(
    hearing: HearingStore, database: Database
) -> None:
    alerts = SqlAlerts(database)
    for second, text in ((20, "late"), (0, "early"), (10, "middle"), (12, ""), (99, "later")):
        heard = a_transcript(f"u{second}", NOW + second * SECOND, text=text)
        await alerts.commit(heard, [])
    await alerts.commit(a_transcript("elsewhere", NOW + 11 * SECOND, room_id="other"), [])
    found = await hearing.talk("lobby", NOW + 2 * SECOND, NOW + 20 * SECOND)
    assert [heard.text for heard in found] == ["early", "middle", "late"]
    assert found[0] == a_transcript("u0", NOW, text="early")


async def test_gaps_that_reach_into_the_time_are_shown_in_order(hearing: HearingStore) -> None:
    for second in (30, 0, 10, 50):
        await hearing.gap(a_gap(NOW + second * SECOND, 5))
    await hearing.gap(a_gap(NOW + 10 * SECOND, 5, room_id="other"))
    found = await hearing.gaps_between("lobby", NOW + 4 * SECOND, NOW + 30 * SECOND)
    assert [(gap.from_at - NOW).total_seconds() for gap in found] == [0, 10, 30]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_of_talk_are_newest_first_and_hold_every_word_once(
    hearing: HearingStore, database: Database, limit: int
) -> None:
    alerts = SqlAlerts(database)
    for number in range(6):
        heard = a_transcript(f"u{number}", NOW + (number // 2) * SECOND, text=str(number))
        await alerts.commit(heard, [])
    await alerts.commit(a_transcript("silent", NOW + SECOND, text=""), [])
    await alerts.commit(a_transcript("elsewhere", NOW + SECOND, room_id="other"), [])
    found: list[str] = []
    cursor = None
    for _ in range(7):
        page, cursor = await hearing.talk_page("lobby", limit=limit, cursor=cursor)
        found += [heard.text for heard in page]
        if cursor is None:
            break
    assert found == ["5", "4", "3", "2", "1", "0"]
