from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.loading import load_whisper, model_names
from asr.models import MICRO, ModelUnavailable, micro_directory
from asr.settings import AsrSettings
from asr.stitch import UNSPACED


def test_the_demo_model_is_among_the_names() -> None:
    assert model_names()[0] == MICRO
    assert "large-v3-turbo" in model_names()
    assert "zh" in UNSPACED


def a_model(folder: Path) -> Path:
    """Return a copy of the demo model, to be damaged."""
    return shutil.copytree(micro_directory(), folder / "model")


def damage(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda model: (model / name).write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [
        damage("model.bin", b""),
        damage("model.bin", b"x" * 1_000),
        damage("config.json", b"{"),
        damage("tokenizer.json", b"{"),
        damage("tokenizer.json", b"{}"),
        damage("vocabulary.json", b"["),
    ],
)
def test_a_damaged_file_is_one_sentence_that_names_the_directory(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    model = a_model(tmp_path)
    harm(model)
    with pytest.raises(ModelUnavailable) as unavailable:
        load_whisper(AsrSettings(model=str(model)))
    assert str(model) in str(unavailable.value)
    assert "\n" not in str(unavailable.value)


@pytest.mark.parametrize("missing", ["model.bin", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    model = a_model(tmp_path)
    (model / missing).unlink()
    with pytest.raises(ModelUnavailable, match=f"lacks {missing}"):
        load_whisper(AsrSettings(model=str(model)))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (AsrSettings(model="/nowhere/at/all"), "/nowhere/at/all is not a directory"),
        (AsrSettings(model=__file__), "is not a directory"),
        (AsrSettings(model=str(Path(__file__).parent)), "is not a CTranslate2 Whisper model"),
        (AsrSettings(device="toaster"), "'toaster' is no device"),
        (AsrSettings(compute_type="float7"), "as float7"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_an_error_with_the_reason(
    settings: AsrSettings, says: str
) -> None:
    with pytest.raises(ModelUnavailable, match=says):
        load_whisper(settings)


def test_an_unknown_name_points_to_the_known_ones() -> None:
    with pytest.raises(ModelUnavailable, match="no model is called 'tinny'.*models list"):
        load_whisper(AsrSettings(model="tinny"))


def test_a_hub_that_cannot_be_reached_is_one_sentence_with_the_remedies(tmp_path: Path) -> None:
    """The hub's client reads its address at its import, so this needs a new process."""
    script = (
        "from pathlib import Path\n"
        "from asr.models import ModelUnavailable\n"
        "from asr.loading import fetch_model\n"
        f"try:\n    fetch_model('tiny', Path({str(tmp_path)!r}))\n"
        "except ModelUnavailable as error:\n    print(error)\n"
    )
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("the model 'tiny' is not cached and the model hub cannot be")
    for remedy in ("models pull tiny", "a directory", "EARSHOT_ASR_MODEL=micro"):
        assert remedy in done.stdout
    assert done.stdout.count("\n") == 1
