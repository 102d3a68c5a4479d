"""Our stays in rooms of a real Janus."""

from __future__ import annotations

import asyncio

import pytest

from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import RoomOver, RoomRefused
from service.rooms.room import Speaker
from tests.janus import ROOM_SECRET, TEXT_ROOM_SECRET, Janus
from tests.rooms.calls import until
from tests.rooms.janus.stage import Listening, Reader, listening, plain_publisher, speaking

pytestmark = [pytest.mark.anyio, pytest.mark.janus]


async def end_of(ours: Listening, seconds: float = 10.0) -> BaseException:
    await until(lambda: bool(ours.over), seconds)
    return ours.over[0]


async def test_speakers_are_heard_each_under_their_own_id(janus: Janus, room: str) -> None:
    async with speaking(janus, room) as speakers, listening(janus, room) as ours:
        await until(lambda: ours.reports == [""])
        assert ours.audience.rooms == [("heard", "lobby")]
        await speakers.join("ann", name="Ann Lee")
        await ours.hears("ann")
        assert ours.audience.here["ann"] == Speaker("lobby", "ann", "Ann Lee")
        await speakers.join("bob")
        await ours.hears("ann", "bob")
        await speakers.leave("ann")
        await ours.hears("bob")
        await speakers.join("cat")  # on the line that Ann had
        await ours.hears("bob", "cat")
        assert [id_ for id_, _ in ours.audience.left] == ["ann"]
        assert set(ours.reports) == {""}


async def test_speakers_who_are_there_already_are_heard_from_the_beginning(
    janus: Janus, room: str
) -> None:
    async with speaking(janus, room) as speakers:
        await asyncio.gather(speakers.join("ann"), speakers.join("bob"))
        async with listening(janus, room) as ours:
            await ours.hears("ann", "bob")
            await until(lambda: bool(ours.audience.rooms))
            assert ours.audience.rooms == [("heard", "lobby", "ann", "bob")]


async def test_a_speaker_who_comes_back_keeps_the_same_id(janus: Janus, room: str) -> None:
    async with speaking(janus, room) as speakers, listening(janus, room) as ours:
        for _ in range(3):
            await speakers.join("ann")
            await ours.hears("ann")
            await speakers.leave("ann")
            await ours.hears()


async def test_everybody_in_the_room_sees_the_listener_and_what_it_does(
    janus: Janus, room: str
) -> None:
    async with listening(janus, room) as ours:
        await until(lambda: bool(ours.reports))
        (shown,) = janus.participants(room).values()
        assert shown["display"] == "Moderation (listening) https://rooms.example/rules"
        assert not shown["publisher"]
    await asyncio.sleep(0.1)
    assert janus.participants(room) == {}


async def test_a_stay_leaves_nothing_behind_at_janus(janus: Janus, room: str) -> None:
    async with speaking(janus, room) as speakers:
        await speakers.join("ann")
        async with listening(janus, room) as ours:
            await ours.hears("ann")
            assert len(janus.handles()) == 2
        assert janus.handles() == []


async def test_a_mute_is_janus_own_and_unmuting_restores_hearing(janus: Janus, room: str) -> None:
    async with speaking(janus, room) as speakers, listening(janus, room) as ours:
        await speakers.join("ann")
        await speakers.join("bob")
        await ours.hears("ann", "bob")
        ours.muted.add("ann")
        assert await ours.stay.act(RoomAction.MUTE, "ann", "") == "Janus has muted them"
        await until(lambda: ours.audience.here["ann"].muted)
        await asyncio.sleep(0.2)
        count = ours.audience.heard["ann"]
        before = ours.audience.heard["bob"]
        await until(lambda: ours.audience.heard["bob"] > before + 10)
        assert ours.audience.heard["ann"] == count, "Janus sends nothing of hers to anybody"
        ours.muted.discard("ann")
        assert await ours.stay.act(RoomAction.UNMUTE, "ann", "") == "Janus has unmuted them"
        await ours.hears("ann", "bob")
        assert not ours.audience.here["ann"].muted


async def test_a_muted_speaker_is_muted_again_on_coming_back(janus: Janus, room: str) -> None:
    async with speaking(janus, room) as speakers, listening(janus, room) as ours:
        ours.muted.add("ann")
        done = await act_when_joined(ours, RoomAction.MUTE, "ann")
        assert done == "not there now; muted on coming back"
        for _ in range(2):
            await speakers.join("ann")
            await until(lambda: "ann" in ours.audience.here and ours.audience.here["ann"].muted)
            await asyncio.sleep(0.2)  # Janus's packets may come after its event
            before = ours.audience.heard["ann"]
            await asyncio.sleep(0.3)
            assert ours.audience.heard["ann"] == before
            await speakers.leave("ann")
            await until(lambda: "ann" not in ours.audience.here)


async def act_when_joined(ours: Listening, action: RoomAction, speaker: str) -> str:
    await until(lambda: bool(ours.reports))
    return await ours.stay.act(action, speaker, "please")


async def test_a_speaker_unmuted_at_janus_is_not_muted_again(janus: Janus, room: str) -> None:
    async with speaking(janus, room) as speakers, listening(janus, room, muted=["ann"]) as ours:
        await speakers.join("ann")
        await until(lambda: "ann" in ours.audience.here and ours.audience.here["ann"].muted)
        unmute = {"request": "moderate", "room": room, "secret": ROOM_SECRET, "mute": False}
        janus.ask({**unmute, "id": "ann", "mid": "0"})
        await ours.hears("ann")
        assert "ann" not in ours.muted
        assert not ours.audience.here["ann"].muted


async def test_a_speaker_muted_at_janus_by_others_is_shown_as_muted(
    janus: Janus, room: str
) -> None:
    async with speaking(janus, room) as speakers:
        await speakers.join("ann")
        mute = {"request": "moderate", "room": room, "secret": ROOM_SECRET, "mute": True}
        janus.ask({**mute, "id": "ann", "mid": "0"})
        async with listening(janus, room) as ours:
            await until(lambda: "ann" in ours.audience.here)
            assert ours.audience.here["ann"].muted
            assert "ann" not in ours.muted


async def test_a_removed_speaker_is_gone_at_janus(janus: Janus, room: str) -> None:
    async with speaking(janus, room) as speakers, listening(janus, room) as ours:
        await speakers.join("ann")
        await speakers.join("bob")
        await ours.hears("ann", "bob")
        speakers.stay_away("ann")
        assert await ours.stay.act(RoomAction.REMOVE, "ann", "") == "Janus has removed them"
        assert "ann" not in janus.participants(room)
        await ours.hears("bob")
        assert ours.audience.left == [("ann", "removed by a moderator")]
        assert await ours.stay.act(RoomAction.REMOVE, "ann", "") == "not there any more"
        await speakers.join("cat")  # on a line that Janus never reported as free
        await ours.hears("bob", "cat")


@pytest.mark.parametrize("secret", ["", "wrong"])
async def test_without_the_rooms_secret_nothing_is_done_and_the_remedy_is_named(
    janus: Janus, room: str, secret: str
) -> None:
    async with (
        speaking(janus, room) as speakers,
        listening(janus, room, secret=secret, muted=["bob"]) as ours,
    ):
        await speakers.join("ann")
        await ours.hears("ann")
        for action in (RoomAction.MUTE, RoomAction.REMOVE, RoomAction.END):
            with pytest.raises(CannotAct, match="EARSHOT_JANUS_ROOM_SECRET"):
                await ours.stay.act(action, "ann", "")
        await speakers.join("bob")
        await until(lambda: ours.reports[-1].startswith("Bob is to be muted: Janus refuses"))
        await speakers.leave("bob")
        await until(lambda: ours.reports[-1] == "")


async def test_ending_a_room_destroys_it_and_ends_the_stay(janus: Janus) -> None:
    janus.make_room("ending")
    async with listening(janus, "ending") as ours:
        done = await act_when_joined(ours, RoomAction.END, "ann")
        assert done == "Janus has destroyed the room"
        assert str(await end_of(ours)) == "the room was destroyed at Janus"
        assert isinstance(ours.over[0], RoomOver)


async def test_a_listener_whom_moderators_remove_stays_away(janus: Janus, room: str) -> None:
    async with listening(janus, room) as ours:
        await until(lambda: bool(ours.reports))
        (us,) = janus.participants(room)
        janus.ask({"request": "kick", "room": room, "secret": ROOM_SECRET, "id": us})
        assert isinstance(await end_of(ours), RoomOver)
        assert "removed from the room by its moderators" in str(ours.over[0])


async def test_a_missing_room_is_refused_by_name(janus: Janus) -> None:
    async with listening(janus, "nowhere") as ours:
        assert isinstance(await end_of(ours), RoomRefused)
        assert str(ours.over[0]) == "Janus server janus has no room 'nowhere'"


async def test_a_wrong_pin_is_refused(janus: Janus) -> None:
    janus.make_room("closed", pin="1234")
    async with listening(janus, "closed") as ours:
        assert isinstance(await end_of(ours), RoomRefused)
        assert str(ours.over[0]) == "Janus does not let us in: the room's PIN is wrong or missing"
    async with (
        speaking(janus, "closed", pin="1234") as speakers,
        listening(janus, "closed", connector={"pin": "1234"}) as ours,
    ):
        await speakers.join("ann")
        await ours.hears("ann")


async def test_an_unsupported_codec_is_reported_and_other_speakers_are_heard(janus: Janus) -> None:
    janus.make_room("mixed", audiocodec="opus,pcmu")
    async with (
        speaking(janus, "mixed") as speakers,
        listening(janus, "mixed") as ours,
        plain_publisher(speakers.client, "old", codec="audio/PCMU"),
    ):
        await speakers.join("ann")
        await ours.hears("ann")
        await until(lambda: ours.reports[-1] != "")
        assert ours.reports[-1] == "Old is not heard: they send pcmu, and only opus can be"
    assert ours.audience.left == []


async def test_two_microphones_of_one_publisher_are_two_tracks(janus: Janus, room: str) -> None:
    async with (
        speaking(janus, room) as speakers,
        listening(janus, room) as ours,
        plain_publisher(speakers.client, "duo", tracks=2),
    ):
        await ours.hears("duo", "duo=m1")
        await ours.stay.act(RoomAction.MUTE, "duo", "")
        await until(lambda: all(one.muted for one in ours.audience.here.values()))


async def test_an_action_applies_to_everybody_who_claims_the_id(janus: Janus, room: str) -> None:
    by_name = {"speaker_id": "display"}
    async with (
        speaking(janus, room) as speakers,
        listening(janus, room, connector=by_name) as ours,
    ):
        await speakers.join("one", name="Ann")
        await ours.hears("Ann")
        await speakers.join("two", name="Ann")
        await ours.hears("Ann", "Ann=ftwo")
        ours.muted.add("Ann")
        await ours.stay.act(RoomAction.MUTE, "Ann", "")
        await until(lambda: all(one.muted for one in ours.audience.here.values()))
        await speakers.leave("one")
        await speakers.leave("two")
        await until(lambda: ours.audience.here == {})
        await speakers.join("three", name="Ann")
        await until(lambda: [one.muted for one in ours.audience.here.values()] == [True])
        speakers.stay_away("three")
        assert await ours.stay.act(RoomAction.REMOVE, "Ann", "") == "Janus has removed them"
        assert "three" not in janus.participants(room)


async def test_a_speaker_who_stopped_publishing_can_still_be_removed(
    janus: Janus, room: str
) -> None:
    async with speaking(janus, room) as speakers, listening(janus, room) as ours:
        await speakers.join("ann")
        await ours.hears("ann")
        await speakers.unpublish("ann")
        await until(lambda: ours.audience.here == {})
        assert "ann" in janus.participants(room)
        assert await ours.stay.act(RoomAction.REMOVE, "ann", "") == "Janus has removed them"
        assert "ann" not in janus.participants(room)


async def test_members_get_the_notice_once(janus: Janus, room: str) -> None:
    async with Reader(janus, "lounge") as reader:
        wanted = {"text_room": "lounge", "text_room_secret": TEXT_ROOM_SECRET}
        async with listening(janus, room, connector=wanted) as ours:
            await until(lambda: ours.notices.rooms == ["lobby"])
            assert await act_when_joined(ours, RoomAction.WARN, "ann") == (
                "the room's text room shows it"
            )
        await until(lambda: len(reader.read) == 2)
        assert reader.read[0] == (
            "Software listens to this room, so that its moderators can keep its rules. The rules: "
            "https://rooms.example/rules"
        )
        assert reader.read[1] == "ann: please"


async def test_members_see_and_read_that_listening_is_paused(janus: Janus, room: str) -> None:
    def shown() -> str:
        (ours,) = janus.participants(room).values()
        return str(ours["display"]).partition(" https")[0]

    async with Reader(janus, "lounge") as reader:
        wanted = {"text_room": "lounge", "text_room_secret": TEXT_ROOM_SECRET}
        async with listening(janus, room, connector=wanted) as ours:
            await until(lambda: ours.notices.rooms == ["lobby"])
            for on in (False, True):
                ours.listen(on)
                await until(lambda: ours.notices.rooms == ["lobby"])
                name = "Moderation (listening)" if on else "Moderation (paused)"
                await until(lambda name=name: shown() == name)  # type: ignore[misc]
        await until(lambda: len(reader.read) == 3)
        assert reader.read[1].startswith("Software does not listen to this room for now.")
        assert reader.read[2] == reader.read[0]


async def test_a_notice_that_cannot_be_given_is_reported(janus: Janus, room: str) -> None:
    wanted = {"text_room": "lounge", "text_room_secret": "wrong"}
    async with listening(janus, room, connector=wanted) as ours:
        await until(lambda: ours.reports != [] and ours.reports[-1] != "")
        assert ours.reports[-1].startswith("members could not be told of us")
        assert ours.notices.rooms == []
        with pytest.raises(CannotAct, match="text room refuses"):
            await ours.stay.act(RoomAction.WARN, "ann", "please")


async def test_without_a_text_room_earshot_itself_warns_nobody(janus: Janus, room: str) -> None:
    async with listening(janus, room, action_webhook=True) as ours:
        with pytest.raises(CannotAct, match="text_room"):
            await act_when_joined(ours, RoomAction.WARN, "ann")
