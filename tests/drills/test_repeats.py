"""Repeated phrases and a decoder's loops, with a real Whisper and voices that it understands.

    SPEECH_MODEL=DIR SPEECH_TAKES=DIR python -m pytest -m drill tests/drills/test_repeats.py -s

SPEECH_MODEL is the directory of a converted model. SPEECH_TAKES holds recordings of each phrase at
16 kHz, mono and int16, named `LANGUAGE_PACK_NAME_NUMBER.wav` (`en_threats_kill_0.wav`, ...). The
repeats of a phrase use its recordings in turn. Phrases that the model never transcribes correctly
are counted apart, and so are repeats that it transcribes as other words: they show nothing about
quality marks.
"""

from __future__ import annotations

import os
import wave
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from asr.loading import load_whisper
from asr.quality import Trust, trust
from asr.settings import AsrSettings
from asr.speech import SAMPLE_RATE
from asr.transcriber import Transcriber
from policies.load import load_folder
from policies.matcher import Matcher
from policies.packs import shipped_packs
from tests.asr.examples import an_utterance
from tests.asr.no_speech import KINDS, no_speech
from tests.asr.repeats import (
    Outcome,
    format_table,
    match_repeats,
    repeat_recordings,
    transcribe_track,
)

MODEL, TAKES = os.environ.get("SPEECH_MODEL", ""), os.environ.get("SPEECH_TAKES", "")

pytestmark = [
    pytest.mark.drill,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not MODEL, reason="SPEECH_MODEL names no converted model's directory"),
]


@pytest.fixture(scope="module", params=[1, 5], ids=["beam 1", "beam 5"])
def model(request: pytest.FixtureRequest) -> Transcriber:
    return load_whisper(AsrSettings(model=MODEL, beam_size=request.param))


@pytest.fixture(scope="module")
def shipped() -> Matcher:
    return Matcher(load_folder(shipped_packs()))


def takes() -> dict[str, list[bytes]]:
    """Return the recordings of each phrase, by `LANGUAGE_PACK_NAME`."""
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    for path in sorted(Path(TAKES).glob("*_*_*_*.wav")):
        with wave.open(str(path), "rb") as file:
            shape = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            assert shape == (SAMPLE_RATE, 1, 2), f"{path.name} is not 16 kHz, mono, int16"
            found[path.stem.rpartition("_")[0]].append(file.readframes(file.getnframes()))
    return dict(found)


@pytest.mark.skipif(not TAKES, reason="SPEECH_TAKES names no folder of recordings")
@pytest.mark.parametrize("pause_s", [0.0, 0.15], ids=["no pause", "0.15 s"])
def test_a_phrase_of_every_pack_said_again_and_again_is_heard(
    model: Transcriber, shipped: Matcher, pause_s: float
) -> None:
    rows, misheard = [], []
    for phrase, spoken in takes().items():
        language = phrase.partition("_")[0]
        once = [
            match_repeats(shipped, transcribe_track(model, take, language), phrase, 1)
            for take in spoken
        ]
        if any(not row.matches for row in once):
            misheard.append(phrase)
            continue
        for times in range(2, 9):
            heard = transcribe_track(model, repeat_recordings(spoken, times, pause_s), language)
            rows.append(match_repeats(shipped, heard, phrase, times))
    print(format_table(rows), f"not heard right once: {', '.join(misheard) or 'none'}", sep="\n")  # noqa: T201
    assert rows
    assert all(row.outcome is not Outcome.NOTHING for row in rows), "a mark silenced a match"


def excerpts(kind: str) -> Sequence[bytes]:
    return [no_speech(kind, seconds, seed=2) for seconds in (1.0, 4.0, 12.0)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_writes_where_nobody_speaks_raises_nothing(
    model: Transcriber, shipped: Matcher, kind: str
) -> None:
    for pcm in excerpts(kind):
        utterance = an_utterance(pcm=pcm)
        (heard,) = model.transcribe([utterance])
        row = match_repeats(shipped, [(utterance, heard)], kind, 1)
        assert not row.matches, str(row)
        if heard.marks:
            assert trust(heard.marks) is not Trust.SURE
