from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from asr.loading import load_whisper
from asr.models import ModelUnavailable, micro_directory
from asr.settings import AsrSettings
from asr.windows import DECLARATION, FULL, Windows, find_canary_failure, read_declaration

SHORT = Windows((500, 1_000, 1_500, FULL), margin_ms=100)


@given(st.integers(0, 30_000))
def test_a_window_is_the_shortest_that_holds_the_sound_and_the_margin(ms: int) -> None:
    window = SHORT.shortest_holding(ms)
    assert window in SHORT.buckets
    assert window == FULL or ms + 100 <= 10 * window
    assert all(ms + 100 > 10 * shorter for shorter in SHORT.buckets if shorter < window)
    assert Windows().shortest_holding(ms) == FULL


def a_model(folder: Path, **changes: Any) -> Path:
    """Return a copy of the demo model with another declaration."""
    model = shutil.copytree(micro_directory(), folder / "model")
    content = json.loads((model / DECLARATION).read_text("utf-8"))
    content["dynamic_context"] |= changes
    (model / DECLARATION).write_text(json.dumps(content), "utf-8")
    return model


def test_the_demo_model_passes_the_check_of_its_short_windows() -> None:
    assert load_whisper(AsrSettings()).windows.buckets == (500, 1_000, 1_500, FULL)


def test_a_model_without_a_declaration_has_windows_of_30_s(tmp_path: Path) -> None:
    model = a_model(tmp_path)
    (model / DECLARATION).unlink()
    assert load_whisper(AsrSettings(model=str(model))).windows.buckets == (FULL,)


def test_a_model_that_fails_its_canary_has_windows_of_30_s_and_a_warning(
    tmp_path: Path,
) -> None:
    model = a_model(tmp_path, words="do you want coffee or bread")
    with capture_logs() as logs:
        transcriber = load_whisper(AsrSettings(model=str(model)))
    assert transcriber.windows.buckets == (FULL,)
    (warning,) = [entry for entry in logs if entry["log_level"] == "warning"]
    assert "does not hear the canary's words in a window of 30 s" in warning["reason"]


def test_a_canary_that_fails_in_one_short_window_is_reported() -> None:
    context = read_declaration(micro_directory())
    assert context is not None
    words = context.words
    assert find_canary_failure(context, lambda pcm, frames: words) is None
    why = find_canary_failure(context, lambda pcm, frames: "" if frames == 1_000 else words)
    assert why is not None
    assert "a window of 10 s" in why


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"frames": []}, "one at least"),
        ({"frames": [1_000, 500]}, "ascend"),
        ({"frames": [500, 3_000]}, "between 100 and 3000"),
        ({"frames": [501]}, "even"),
        ({"frames": ["500"]}, "whole numbers"),
        ({"frames": 500}, "TypeError"),
        ({"frames": [100]}, "longer than the shortest window"),
        ({"margin_ms": -1}, "lie between"),
        ({"words": None}, "words is text"),
        ({"words": ""}, "says something"),
        ({"canary": "nowhere.wav"}, "FileNotFoundError"),
        ({"canary": "config.json"}, "Error"),
    ],
)
def test_an_invalid_declaration_is_an_error_of_one_sentence_with_its_file(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    model = a_model(tmp_path, **changes)
    with pytest.raises(ModelUnavailable, match=says) as unavailable:
        load_whisper(AsrSettings(model=str(model)))
    assert str(model / DECLARATION) in str(unavailable.value)
    assert "windows of 30 s" in str(unavailable.value)


@pytest.mark.parametrize("content", ["{", "[]", "null", "3"])
def test_a_declaration_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    model = a_model(tmp_path)
    (model / DECLARATION).write_text(content, "utf-8")
    with pytest.raises(ModelUnavailable, match="is no declaration"):
        read_declaration(model)


def test_a_canary_of_another_rate_is_refused(tmp_path: Path) -> None:
    model = a_model(tmp_path)
    with wave.open(str(model / "canary.wav"), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))
    with pytest.raises(ModelUnavailable, match="16 kHz mono int16"):
        read_declaration(model)
