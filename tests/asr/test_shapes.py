"""Models of a real shape with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.loading import load_whisper
from asr.settings import AsrSettings
from asr.shapes import SHAPES, TOKENS, build
from benchmarks.asr.engine import Engine, Placement, random_windows
from tests.asr.examples import an_utterance

TINY = SHAPES["tiny"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(TINY, tmp_path_factory.mktemp("shapes") / "tiny", quantization="int8")


@pytest.mark.parametrize("beam_size", [1, 5])
def test_every_window_decodes_to_the_fixed_number_of_tokens(tiny: Path, beam_size: int) -> None:
    engine = Engine(TINY, tiny, Placement("cpu", "int8", 1, beam_size))

    assert engine.run(random_windows(TINY, 2, 3000)) == [TOKENS, TOKENS]


def test_the_servers_transcriber_runs_with_a_random_model(tiny: Path) -> None:
    transcriber = load_whisper(AsrSettings(model=str(tiny), device="cpu", threads=1, beam_size=1))

    [transcript] = transcriber.transcribe([an_utterance("noise", bytes(32_000))])

    assert transcript.text


def test_the_vocabulary_has_whispers_size(tiny: Path) -> None:
    assert len(json.loads((tiny / "vocabulary.json").read_text())) == 51_865
