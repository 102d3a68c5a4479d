"""Rooms in which listening is paused, and rooms that change otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.listening.paused_ear import PAUSED
from service.listening.track_gaps import INTERRUPTED
from service.rooms.ears import Ears
from tests.rooms.fakes import a_room, a_speaker
from tests.rooms.floor import CUT_OFF_AT, Floor, cut_off, seconds

pytestmark = pytest.mark.anyio


@pytest.fixture
def floor() -> Floor:
    return Floor()


async def listen(floor: Floor, ears: Ears, listening: bool) -> None:
    room = floor.rooms.rooms["lobby"]
    paused_at = None if listening else floor.clock.now
    floor.rooms.rooms["lobby"] = replace(room, listening=listening, paused_at=paused_at)
    await ears.room_changed(floor.rooms.rooms["lobby"])


def gaps(floor: Floor) -> Sequence[tuple[float, float, str]]:
    return [(seconds(gap.from_at), seconds(gap.to_at), gap.reason) for gap in floor.hearing.written]


async def test_a_pause_finishes_what_was_said_and_hears_nothing_until_it_ends(
    floor: Floor,
) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    floor.say(ears, 0.2, until_s=2.1)
    assert floor.cut == [], "the words go on"
    await listen(floor, ears, False)
    ((listener, utterance),) = floor.cut
    paused_s = seconds(floor.clock.now)
    floor.say(ears, 0.2, until_s=3.0)
    assert len(floor.cut) == 1
    assert ears.speakers("lobby") == [a_speaker()], "the speaker stays"
    await ears.settle(listener, utterance.id)
    await ears.flush()
    assert floor.last_mark == paused_s, "nothing is heard beyond"
    await listen(floor, ears, True)
    resumed_s = seconds(floor.clock.now)
    floor.say(ears, 0.2, until_s=3.0)
    await ears.flush()
    assert gaps(floor) == [(paused_s, resumed_s, PAUSED)]
    assert len(floor.cut) == 2
    assert seconds(floor.cut[1][1].started_at) >= resumed_s


async def test_the_same_state_again_changes_no_ear(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    await listen(floor, ears, False)
    floor.clock.now += timedelta(seconds=5)
    await ears.room_changed(replace(floor.rooms.rooms["lobby"], title="Another"))
    floor.clock.now += timedelta(seconds=5)
    await listen(floor, ears, True)
    await ears.room_changed(floor.rooms.rooms["lobby"])
    await ears.flush()
    assert gaps(floor) == [(0.0, 10.0, PAUSED)]


async def test_a_speaker_who_comes_and_goes_in_a_pause_has_a_gap_for_their_stay(
    floor: Floor,
) -> None:
    ears = floor.open()
    await listen(floor, ears, False)
    floor.clock.now += timedelta(seconds=3)
    await ears.speaker_joined(a_speaker())
    floor.clock.now += timedelta(seconds=4)
    await ears.speaker_left(a_speaker(), "left")
    await ears.flush()
    assert gaps(floor) == [(3.0, 7.0, PAUSED)]
    assert floor.rooms.left == [("ann", "left")]


async def test_after_a_restart_in_a_pause_each_gap_has_its_own_reason(floor: Floor) -> None:
    """Bob was heard until the pause, Ann until ten seconds before it."""
    cut_off(floor, "ann")
    pause = CUT_OFF_AT + timedelta(seconds=10)
    paused = replace(a_room(), listening=False, paused_at=pause)
    floor.rooms.rooms["lobby"] = paused
    ears = floor.open()
    await ears.resume()
    await ears.speaker_joined(a_speaker())
    floor.clock.now += timedelta(seconds=2)
    await listen(floor, ears, True)
    await ears.flush()
    assert gaps(floor) == [(-30.0, -20.0, INTERRUPTED), (-20.0, 2.0, PAUSED)]


async def test_a_room_that_is_lost_in_a_pause_has_one_gap_after_the_other(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    await listen(floor, ears, False)
    floor.clock.now += timedelta(seconds=5)
    ears.room_lost("lobby")
    floor.clock.now += timedelta(seconds=5)
    await ears.speaker_joined(a_speaker())
    floor.clock.now += timedelta(seconds=5)
    await ears.finish()
    await ears.flush()
    assert gaps(floor) == [(0.0, 5.0, PAUSED), (5.0, 15.0, PAUSED)]
    assert floor.last_mark == 15.0


async def test_new_languages_and_policies_reach_the_next_utterance(floor: Floor) -> None:
    ears = floor.open()
    await ears.speaker_joined(a_speaker())
    changed = replace(a_room(), languages=["zh"], policies=["scams"])
    await ears.room_changed(changed)
    floor.say(ears, 0.5, until_s=3.0)
    ((listener, _),) = floor.cut
    assert listener.room == changed


@given(st.lists(st.sampled_from(["pause", "resume", "come", "go"]), max_size=12))
def test_every_second_that_a_present_speaker_is_not_listened_to_is_in_one_gap(
    steps: list[str],
) -> None:
    """A second passes after each step."""
    floor = Floor()
    unheard = asyncio.run(_follow(floor, steps))
    covered = [
        second
        for start, end, reason in gaps(floor)
        if reason == PAUSED
        for second in range(round(start), round(end))
    ]
    assert covered == unheard
    assert len(floor.hearing.written) == len({gap.from_at for gap in floor.hearing.written})


async def _follow(floor: Floor, steps: list[str]) -> list[int]:
    """Take the steps; return the seconds in which the speaker was there, and not listened to."""
    ears, here, listening, unheard = floor.open(), False, True, []
    for second, step in enumerate(steps):
        match step:
            case "pause" | "resume":
                if listening is (step == "pause"):
                    listening = not listening
                    await listen(floor, ears, listening)
            case "come" if not here:
                await ears.speaker_joined(a_speaker())
                here = True
            case "go" if here:
                await ears.speaker_left(a_speaker(), "left")
                here = False
        if here and not listening:
            unheard.append(second)
        floor.clock.now += timedelta(seconds=1)
    await ears.finish()
    await ears.flush()
    return unheard
