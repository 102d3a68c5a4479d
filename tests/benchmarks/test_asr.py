"""`earshot bench asr`: its measurements and its errors."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from click.testing import CliRunner

from asr.models import micro_directory
from benchmarks.asr import engine
from benchmarks.asr.command import asr
from benchmarks.asr.compare import compare
from benchmarks.asr.engine import Engine, Features
from benchmarks.asr.lanes import measure_rate
from benchmarks.asr.live import clients
from benchmarks.asr.material import UTTERANCES, utterances
from benchmarks.asr.progress import Run
from benchmarks.asr.streams import Waits, arrivals, run_streams
from benchmarks.asr.whisper_live import note_segments, whisper_live
from service.errors import ConfigurationError, Failed


def test_the_utterances_have_one_to_ten_seconds_and_sixteen_speakers() -> None:
    said = utterances()
    assert len({one.utterance.id for one in said}) == UTTERANCES
    assert len({one.utterance.speaker_id for one in said}) == 16
    assert all(1_000 <= one.utterance.duration_ms <= 10_000 for one in said)


def test_both_sides_write_the_same_text() -> None:
    run = Run(600)
    compare("micro", micro_directory(), utterances()[:6], run, rounds=1, meaning=True)
    [different] = [row for row in run.rows if "texts that are not" in row.name]
    assert different.value == 0
    assert len([row for row in run.rows if "word error rate" in row.name]) == 5


def test_a_stream_speaks_about_four_seconds_and_pauses() -> None:
    coming = arrivals(500, 60.0)
    assert 4.0 < 500 * 60.0 / len(coming) < 5.0
    assert coming == sorted(coming, key=lambda one: one.at_s)


def test_a_missing_transcript_counts_as_an_infinite_wait() -> None:
    waits = Waits(streams=1, seconds=(0.1, 0.2, 0.3), unheard=1, mean_batch=1.0)
    assert waits.at(0.5) == 0.3
    assert waits.at(0.95) == float("inf")


def test_a_live_client_says_whole_sentences_with_pauses() -> None:
    for client in clients(3, 12.0):
        starts = [spoken.start for spoken in client.spoken]
        ends = [spoken.end for spoken in client.spoken]
        pauses = [start - end for start, end in zip(starts[1:], ends, strict=False)]
        assert pauses
        assert set(pauses) == {19_200}
        assert len(client.sound) >= ends[-1]


class Instant:
    """An engine that has two lanes and takes no time."""

    lanes = 2

    def run(self, features: Features) -> list[int]:
        return [1] * len(features)


def test_every_lane_transcribes_streams_and_ends() -> None:
    heard = run_streams(
        cast("Engine", Instant()),
        lambda samples: np.zeros((80, 3000), np.float32),
        40,
        seconds=3.0,
        most=4,
    )
    assert heard.seconds
    assert heard.unheard == 0


def test_the_work_of_every_lane_is_counted() -> None:
    calls: list[str] = []

    def work() -> None:
        calls.append(threading.current_thread().name)
        time.sleep(0.01)

    rate, _ = measure_rate(work, 3, seconds=0.1, lanes=2)
    assert len(set(calls)) == 2
    assert 0 < rate <= 3 * (len(calls) - 2) / 0.1


def test_a_missing_cuda_is_an_error_with_a_remedy() -> None:
    if engine.cuda_devices():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(Failed, match="nvidia-smi"):
        engine.refuse_missing("cuda")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("CUDA failed with error out of memory", engine.OutOfMemory),
        ("Library libcublas.so.12 is not found or cannot be loaded", Failed),
        ("something else", Failed),
    ],
)
def test_an_error_of_a_device_becomes_a_remedy(said: str, kind: type[Exception]) -> None:
    failure = engine.failure(RuntimeError(said))
    assert isinstance(failure, kind)
    assert said in str(failure)


@pytest.mark.parametrize("arguments", [["--beam-size", "2"], ["--shape", "tiny", "--rounds", "1"]])
def test_an_option_without_effect_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="--shape"):
        CliRunner().invoke(asr, arguments, catch_exceptions=False)


def test_a_shape_is_measured_within_its_time_limit(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks.asr", "--shape", "tiny"]
    options = ["--seconds", "0.5", "--limit-s", "30", "--json", str(rows)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    names = [row["name"] for row in json.loads(rows.read_text())]
    assert "tiny, cpu int8, beam 1, batch of 1" in names
    assert "| measured |" in done.stdout


def test_words_count_only_in_the_segments_of_their_time() -> None:
    [client] = clients(1, 6.0)
    first = client.spoken[0]
    end_s = first.end / 16_000
    note_segments(client, [{"text": f" {first.text}", "start": "0.0", "end": "-9.0"}], at_s=end_s)
    assert client.heard == {}
    note_segments(
        client, [{"text": f"Oh, {first.text}.", "start": "0.0", "end": f"{end_s}"}], end_s + 0.4
    )
    wait_s, text = client.heard[0]
    assert (round(wait_s, 6), text) == (0.4, first.text)


def test_an_environment_without_whisper_live_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    with pytest.raises(Failed, match="pip install whisper-live"):
        asyncio.run(whisper_live(tmp_path, micro_directory())(1, seconds=1.0))
