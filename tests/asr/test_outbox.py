from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from asr.outbox import Outbox
from asr.speech import LOOKS, Utterance, WorkClass
from tests.asr.examples import an_utterance

MANY = 1_000


def said(id_: str, work: WorkClass = WorkClass.FINAL, room: str = "lobby") -> Utterance:
    return replace(an_utterance(id_), work=work, room_id=room)


def order(outbox: Outbox, now_s: float = 0.1) -> list[str]:
    ids = []
    for looks in (False, True):
        while (utterance := outbox.take(now_s, looks=looks)) is not None:
            ids.append(utterance.id)
    return ids


def test_the_most_urgent_goes_first_and_the_oldest_of_a_class() -> None:
    outbox = Outbox()
    for number, work in enumerate([*reversed(WorkClass), *WorkClass]):
        outbox.put(said(f"{work} {number}", work), number / 100, MANY)
    classes = [id_.split()[0] for id_ in order(outbox)]
    ends = [work for work in WorkClass if work not in LOOKS]
    looks = [work for work in WorkClass if work in LOOKS]
    assert classes == [str(work) for work in (*ends, *looks) for _ in range(2)]


def test_full_a_look_leaves_before_an_end() -> None:
    outbox = Outbox()
    outbox.put(said("hot look", WorkClass.HOT_PARTIAL), 0.0, 2)
    outbox.put(said("final"), 0.1, 2)
    left = outbox.put(said("retry", WorkClass.RETRY), 0.2, 2)
    assert left is not None
    assert left.id == "hot look"


def test_rooms_take_turns() -> None:
    outbox = Outbox()
    for number in range(20):
        outbox.put(said(f"loud {number}", room="loud"), number / 100, MANY)
    for number in range(3):
        outbox.put(said(f"quiet {number}", room="quiet"), 0.5, MANY)
    assert {f"quiet {number}" for number in range(3)} <= set(order(outbox, 0.6)[:7])


def test_full_the_least_urgent_of_the_room_with_most_leaves() -> None:
    outbox = Outbox()
    for number in range(3):
        assert outbox.put(said(f"loud {number}", room="loud"), number / 100, 4) is None
    assert outbox.put(said("quiet", room="quiet"), 0.1, 4) is None
    left = outbox.put(said("hot", WorkClass.HOT_FINAL, "quiet"), 0.2, 4)
    assert left is not None
    assert left.id == "loud 0"


def test_what_could_not_be_sent_waits_again_even_if_full() -> None:
    outbox = Outbox()
    outbox.put(said("a"), 0.0, 1)
    taken = outbox.take(0.1, looks=False)
    assert taken is not None
    outbox.put(said("b"), 0.2, 1)
    outbox.put_back(taken, 0.3)
    assert sorted(order(outbox, 0.4)) == ["a", "b"]


def test_it_says_how_much_waits_and_for_how_long() -> None:
    outbox = Outbox()
    for at_s, work in ((1.0, WorkClass.FINAL), (2.0, WorkClass.FINAL), (3.0, WorkClass.PARTIAL)):
        outbox.put(said(f"u{at_s}", work), at_s, MANY)
    assert outbox.waiting() == {WorkClass.FINAL: 2, WorkClass.PARTIAL: 1}
    assert outbox.behind_s(5.0) == {WorkClass.FINAL: 4.0, WorkClass.PARTIAL: 2.0}
    outbox.take(5.0, looks=False)
    assert outbox.behind_s(5.0)[WorkClass.FINAL] == 3.0


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "back", "remove"]), st.integers(0, 9))))
def test_what_is_put_leaves_once(steps: list[tuple[str, int]]) -> None:
    outbox = Outbox()
    inside: dict[str, Utterance] = {}
    outside: list[Utterance] = []
    for number, (what, which) in enumerate(steps):
        if what == "put":
            work = list(WorkClass)[which % 5]
            inside[f"u{number}"] = new = said(f"u{number}", work, f"room {which % 3}")
            if (left := outbox.put(new, float(number), 5)) is not None:
                del inside[left.id]
        elif (
            what == "take"
            and (taken := outbox.take(float(number), looks=which % 2 == 1)) is not None
        ):
            outside.append(inside.pop(taken.id))
        elif what == "back" and outside:
            again = outside.pop()
            inside[again.id] = again
            outbox.put_back(again, float(number))
        elif what == "remove" and inside:
            gone = inside.pop(list(inside)[which % len(inside)])
            outbox.remove(gone)
            outbox.remove(gone)
        assert len(outbox) == len(inside)
    assert sorted(order(outbox, 1e6)) == sorted(inside)
