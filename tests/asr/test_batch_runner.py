from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.batch_runner import BatchRunner, ModelBroken, NoMemory, Outcome, Refused
from asr.speech import Transcript, Utterance
from tests.asr.examples import an_utterance
from tests.asr.scribe import Scribe


def batch(*ids: str) -> list[Utterance]:
    return [an_utterance(id_) for id_ in ids]


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        outcome.utterance_id if isinstance(outcome, Transcript) else type(outcome).__name__
        for outcome in outcomes
    ]


@given(
    st.lists(st.sampled_from(["fine", "refused", "broken", "short", "big", "huge"]), min_size=1),
    st.integers(1, 8),
)
def test_every_utterance_has_its_own_outcome(names: list[str], most: int) -> None:
    ids = [f"{name} {number}" for number, name in enumerate(names)]
    outcomes = BatchRunner(Scribe(), most).run_batch(batch(*ids))
    for id_, name, outcome in zip(ids, names, outcomes, strict=True):
        match name:
            case "fine" | "big":
                assert isinstance(outcome, Transcript)
                assert outcome.utterance_id == id_
            case "huge":
                assert isinstance(outcome, NoMemory)
            case _:
                assert isinstance(outcome, Refused)


def test_out_of_memory_batches_are_half_as_large_from_then_on() -> None:
    scribe = Scribe()
    runner = BatchRunner(scribe, 8)
    assert kinds(runner.run_batch(batch("a", "b", "big", "c"))) == ["a", "b", "big", "c"]
    assert runner.most == 1
    scribe.batches.clear()
    runner.run_batch(batch("d", "e"))
    assert scribe.batches == [["d"], ["e"]]


def test_a_model_that_fails_on_silence_is_broken_and_refuses_no_utterance() -> None:
    with pytest.raises(ModelBroken, match="fails on silence"):
        BatchRunner(Scribe(), 8).run_batch(batch("a", "plague", "b"))
