"""Ears for tests, and the times of their utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from asr.speech import Utterance
from service.listening.ear import Ear
from service.listening.interim_schedule import InterimSchedule
from service.listening.opus import OpusDecoder
from tests.listening.hearing import loud_span_s, seconds
from tests.listening.packets import CLIP, NETWORK_S, START
from tests.listening.sound import clip_16k, loud

TOLERANCE_S = 0.06


def an_ear(
    *,
    interrupted_at: datetime | None = None,
    decoder: Callable[[], OpusDecoder] = OpusDecoder,
    interims: InterimSchedule | None = None,
) -> Ear:
    return Ear(
        "room",
        "ann",
        vad=loud,
        now=START,
        interrupted_at=interrupted_at,
        decoder=decoder,
        interims=interims,
    )


def assert_on_time(
    utterances: Sequence[Utterance], *at_s: float, tolerance_s: float = TOLERANCE_S
) -> None:
    """Assert that each utterance has the clip's sound at the time at which it was said."""
    assert len(utterances) == len(at_s)
    begins, ends = loud_span_s(clip_16k(CLIP))
    for utterance, second in zip(utterances, at_s, strict=True):
        first, last = loud_span_s(utterance.pcm)
        said_s = second + NETWORK_S
        assert seconds(utterance.started_at) + first == pytest.approx(
            said_s + begins, abs=tolerance_s
        )
        assert seconds(utterance.started_at) + last == pytest.approx(
            said_s + ends, abs=tolerance_s + 0.04
        )
