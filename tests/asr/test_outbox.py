from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from asr.outbox import Outbox
from asr.speech import Utterance, WorkClass
from tests.asr.examples import an_utterance


def said(id_: str, work: WorkClass = WorkClass.FINAL, room: str = "lobby") -> Utterance:
    return replace(an_utterance(id_), work=work, room_id=room)


def order(outbox: Outbox) -> list[str]:
    ids = []
    for work in WorkClass:
        while (utterance := outbox.pop_next(work)) is not None:
            ids.append(utterance.id)
    return ids


def test_each_class_has_its_queue_and_a_rooms_oldest_goes_first() -> None:
    outbox = Outbox()
    for number, work in enumerate([*reversed(WorkClass), *WorkClass]):
        outbox.put(said(f"{work} {number}", work), float(number))
    for place, work in enumerate(WorkClass):
        first, second = outbox.pop_next(work), outbox.pop_next(work)
        assert first is not None
        assert second is not None
        assert (first.id, second.id) == (f"{work} {4 - place}", f"{work} {5 + place}")
        assert outbox.pop_next(work) is None


def test_rooms_take_turns() -> None:
    outbox = Outbox()
    for number in range(20):
        outbox.put(said(f"loud {number}", room="loud"), float(number))
    for _ in range(5):
        outbox.pop_next(WorkClass.FINAL)
    for number in range(3):
        outbox.put(said(f"quiet {number}", room="quiet"), 20.0 + number)
    ids = order(outbox)
    assert {f"quiet {number}" for number in range(3)} <= set(ids[:6])
    assert [id_ for id_ in ids if "loud" in id_] == [f"loud {number}" for number in range(5, 20)]


def test_an_empty_room_keeps_the_count_of_its_turns() -> None:
    outbox = Outbox()
    for number in range(2):
        outbox.put(said(f"a{number}", room="a"), float(number))
        outbox.put(said(f"b{number}", room="b"), number + 0.5)
    outbox.put(said("c0", room="c"), 0.2)
    first = [outbox.pop_next(WorkClass.FINAL) for _ in range(2)]
    assert [one.id for one in first if one] == ["a0", "c0"]
    outbox.put(said("c1", room="c"), 3.0)
    assert order(outbox) == ["b0", "a1", "b1", "c1"]


def test_an_utterance_put_back_regains_its_place_and_turn() -> None:
    outbox = Outbox()
    for number in range(3):
        outbox.put(said(f"a{number}", room="a"), float(number))
        outbox.put(said(f"b{number}", room="b"), number + 0.5)
    taken = outbox.pop_next(WorkClass.FINAL)
    assert taken is not None
    assert taken.id == "a0"
    outbox.put_back(taken, 0.0)
    assert order(outbox) == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_the_first_to_drop_is_the_least_urgent_of_the_fullest_room() -> None:
    outbox = Outbox()
    outbox.put(said("hot", WorkClass.HOT_FINAL, "loud"), 0.0)
    outbox.put(said("quiet", room="quiet"), 1.0)
    for number in range(2):
        outbox.put(said(f"loud {number}", room="loud"), 2.0 + number)
    assert outbox.first_to_drop().id == "loud 0"
    outbox.put(said("interim", WorkClass.PARTIAL, "quiet"), 4.0)
    assert outbox.first_to_drop().id == "interim"


def test_waiting_utterances_and_waits_are_counted_by_class() -> None:
    outbox = Outbox()
    for at_s, work in ((1.0, WorkClass.FINAL), (2.0, WorkClass.FINAL), (3.0, WorkClass.PARTIAL)):
        outbox.put(said(f"u{at_s}", work), at_s)
    assert outbox.count_waiting()[WorkClass.FINAL] == 2
    assert outbox.count_waiting()[WorkClass.HOT_FINAL] == 0
    assert outbox.behind_s(5.0)[WorkClass.FINAL] == 4.0
    assert outbox.behind_s(5.0)[WorkClass.HOT_FINAL] == 0.0
    outbox.pop_next(WorkClass.FINAL)
    assert outbox.behind_s(5.0)[WorkClass.FINAL] == 3.0


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "take", "back", "remove", "least"]), st.integers(0, 9))
    )
)
def test_every_utterance_put_leaves_once(steps: list[tuple[str, int]]) -> None:
    outbox = Outbox()
    inside: dict[str, Utterance] = {}
    outside: list[Utterance] = []
    for number, (what, which) in enumerate(steps):
        work = list(WorkClass)[which % 5]
        if what == "put":
            inside[f"u{number}"] = new = said(f"u{number}", work, f"room {which % 3}")
            outbox.put(new, float(number))
        elif what == "take" and (taken := outbox.pop_next(work)) is not None:
            outside.append(inside.pop(taken.id))
        elif what == "back" and outside:
            again = outside.pop()
            inside[again.id] = again
            outbox.put_back(again, float(which))
        elif what in ("remove", "least") and inside:
            gone = (
                outbox.first_to_drop()
                if what == "least"
                else list(inside.values())[which % len(inside)]
            )
            del inside[gone.id]
            outbox.remove(gone)
            outbox.remove(gone)
        assert len(outbox) == len(inside)
        assert outbox.bytes == sum(len(one.pcm) for one in inside.values())
    assert sorted(order(outbox)) == sorted(inside)
