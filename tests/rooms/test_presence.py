from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.listening.ear import Ear
from service.rooms.listener import Listener
from service.rooms.presence import Absentee, Presence, Presences
from tests.listening.sound import loud
from tests.rooms.fakes import NOW, a_room, a_speaker

LATER = NOW + timedelta(seconds=20)


def a_listener(name: str = "ann", room_id: str = "lobby") -> Listener:
    ear = Ear(room_id, name, vad=loud, now=NOW)
    return Listener(ear, a_speaker(name, room_id), a_room(room_id))


def test_a_speaker_of_whom_nothing_is_known_is_neither_heard_nor_unheard() -> None:
    presences = Presences()
    assert presences.listener("lobby", "ann") is None
    assert presences.unheard_since("lobby", "ann") is None
    assert presences.cut_off("lobby", "ann") is None
    assert presences.absentee(("lobby", "ann")) is None


def test_listeners_are_found_by_speaker_and_by_room() -> None:
    presences = Presences()
    ann, bob, cat = a_listener("ann"), a_listener("bob"), a_listener("cat", "stage")
    for listener in (ann, cat, bob):
        presences.hear(listener)
    assert presences.listener("lobby", "bob") is bob
    assert presences.listeners_in("lobby") == [ann, bob]
    assert presences.listeners_in("nowhere") == []
    assert presences.listeners() == [ann, bob, cat]
    assert presences.heard_rooms() == ["lobby", "stage"]


def test_an_interrupted_speaker_goes_unheard_and_keeps_the_listener_that_was_cut_off() -> None:
    presences = Presences()
    presences.hear(ann := a_listener())
    presences.interrupt("lobby", "ann", NOW)
    assert presences.listener("lobby", "ann") is None
    assert presences.heard_rooms() == []
    assert presences.unheard_since("lobby", "ann") == NOW
    assert presences.cut_off("lobby", "ann") is ann


def test_hearing_a_speaker_again_ends_the_interruption() -> None:
    presences = Presences()
    presences.hear(a_listener())
    presences.interrupt("lobby", "ann", NOW)
    presences.mark_absent("lobby", (), LATER)
    presences.hear(again := a_listener())
    assert presences.listener("lobby", "ann") is again
    assert presences.unheard_since("lobby", "ann") is None
    assert presences.cut_off("lobby", "ann") is None
    assert presences.absentees() == []


def test_only_unheard_speakers_who_are_not_present_are_absentees() -> None:
    presences = Presences()
    presences.hear(a_listener("ann"))
    for room_id, name in (("lobby", "bob"), ("lobby", "cat"), ("stage", "dan")):
        presences.interrupt(room_id, name, NOW)
    presences.mark_absent("lobby", ["bob"], LATER)
    presences.mark_absent("nowhere", [], LATER)
    cat = Absentee("lobby", "cat", NOW, LATER)
    assert presences.absentees() == presences.absentees("lobby") == [cat]
    assert presences.absentees("stage") == presences.absentees("nowhere") == []
    presences.remove_absentee(cat)
    assert presences.absentees() == []
    assert presences.unheard_since("lobby", "bob") == NOW


def test_a_listener_that_was_replaced_removes_nobody_when_it_leaves() -> None:
    presences = Presences()
    presences.hear(first := a_listener())
    presences.hear(second := a_listener())
    presences.remove_listener(first)
    assert presences.listeners() == [second]
    presences.remove_listener(second)
    presences.remove_listener(second)
    assert presences.listeners() == []


@given(st.lists(st.sampled_from(["hear", "interrupt", "mark_gone"]), min_size=1))
def test_a_presence_is_heard_or_unheard_and_never_both(steps: list[str]) -> None:
    presence = Presence()
    presence.interrupt(NOW)
    for step in steps:
        match step:
            case "hear":
                presence.hear(a_listener())
            case "interrupt":
                presence.interrupt(NOW)
            case "mark_gone":
                presence.mark_gone(LATER)
        assert (presence.listener is None) != (presence.unheard_since is None)
        if presence.listener is not None:
            assert (presence.cut_off, presence.gone_at) == (None, None)
