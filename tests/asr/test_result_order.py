from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from asr.result_order import ResultOrder
from asr.speech import Unheard, Utterance
from tests.asr.examples import an_utterance


def said(id_: str, speaker: str = "ann", room: str = "lobby") -> Utterance:
    return replace(an_utterance(id_), room_id=room, speaker_id=speaker)


def test_a_result_waits_for_earlier_ones_of_its_speaker() -> None:
    first, second, other = said("first"), said("second"), said("other", "bob")
    order = ResultOrder()
    order.expect([first])
    order.expect([second, other])
    results = {one.id: Unheard(one, "gone") for one in (first, second, other)}
    assert order.add_results([(second, results["second"]), (other, results["other"])]) == [
        results["other"]
    ]
    assert order.add_results([(first, results["first"])]) == [results["first"], results["second"]]


@given(
    speakers=st.lists(st.sampled_from("abc"), max_size=30),
    shuffled=st.randoms(use_true_random=False),
)
def test_each_speakers_results_are_complete_and_in_order(
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


def test_an_overdue_result_waits_no_longer() -> None:
    a, b, c, d = (said(one) for one in "abcd")
    results = {one.id: Unheard(one, "gone") for one in (a, b, c, d)}
    order = ResultOrder()
    order.expect([a, b, c, d])
    assert order.add_results([(b, results["b"])], 1.0) == []
    assert order.add_results([(d, results["d"])], 2.0) == []
    assert order.release_overdue(0.9) == []
    assert order.release_overdue(1.0) == [results["b"]]
    assert order.release_overdue(2.0) == [results["d"]]
    assert order.add_results([(c, results["c"])], 3.0) == [results["c"]]
    assert order.add_results([(a, results["a"])], 3.0) == [results["a"]]
    assert order.release_overdue(9.0) == []


@given(shuffled=st.randoms(use_true_random=False), overdue=st.lists(st.booleans(), max_size=12))
def test_every_result_comes_once_with_some_overdue(shuffled: object, overdue: list[bool]) -> None:
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
