from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from asr.result_order import ResultOrder
from asr.speech import Unheard, Utterance
from tests.asr.examples import an_utterance


def said(id_: str, speaker: str = "ann", room: str = "lobby") -> Utterance:
    return replace(an_utterance(id_), room_id=room, speaker_id=speaker)


def test_what_is_ready_first_waits_for_what_the_speaker_said_before() -> None:
    first, second, other = said("first"), said("second"), said("other", "bob")
    order = ResultOrder()
    order.expect([first])
    order.expect([second, other])
    told = {one.id: Unheard(one, "gone") for one in (first, second, other)}
    assert order.add_results([(second, told["second"]), (other, told["other"])]) == [told["other"]]
    assert order.add_results([(first, told["first"])]) == [told["first"], told["second"]]


@given(
    speakers=st.lists(st.sampled_from("abc"), max_size=30),
    shuffled=st.randoms(use_true_random=False),
)
def test_whatever_ends_first_each_speakers_results_are_whole_and_in_order(
    speakers: list[str], shuffled: object
) -> None:
    utterances = [said(str(number), speaker) for number, speaker in enumerate(speakers)]
    ended = list(utterances)
    shuffled.shuffle(ended)  # type: ignore[attr-defined]
    order = ResultOrder()
    order.expect(utterances)
    out = [result for one in ended for result in order.add_results([(one, Unheard(one, "gone"))])]
    came = [result.utterance for result in out if isinstance(result, Unheard)]
    for speaker in "abc":
        mine = [one.id for one in utterances if one.speaker_id == speaker]
        assert [one.id for one in came if one.speaker_id == speaker] == mine


def test_what_has_waited_for_long_enough_waits_for_nothing_more() -> None:
    a, b, c, d = (said(one) for one in "abcd")
    told = {one.id: Unheard(one, "gone") for one in (a, b, c, d)}
    order = ResultOrder()
    order.expect([a, b, c, d])
    assert order.add_results([(b, told["b"])], 1.0) == []
    assert order.add_results([(d, told["d"])], 2.0) == []
    assert order.release_overdue(0.9) == []
    assert order.release_overdue(1.0) == [told["b"]]
    assert order.release_overdue(2.0) == [told["d"]]
    assert order.add_results([(c, told["c"])], 3.0) == [told["c"]]
    assert order.add_results([(a, told["a"])], 3.0) == [told["a"]]
    assert order.release_overdue(9.0) == []


@given(shuffled=st.randoms(use_true_random=False), overdue=st.lists(st.booleans(), max_size=12))
def test_with_patience_everything_comes_once(shuffled: object, overdue: list[bool]) -> None:
    utterances = [said(str(number)) for number in range(len(overdue))]
    ended = list(utterances)
    shuffled.shuffle(ended)  # type: ignore[attr-defined]
    order = ResultOrder()
    order.expect(utterances)
    out = []
    for now_s, (one, late) in enumerate(zip(ended, overdue, strict=True)):
        out += order.add_results([(one, Unheard(one, "gone"))], now_s)
        if late:
            out += order.release_overdue(now_s)
    assert sorted(r.utterance.id for r in out if isinstance(r, Unheard)) == sorted(
        one.id for one in utterances
    )
