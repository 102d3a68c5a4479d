"""The demo model, and directories of other models."""

from __future__ import annotations

from pathlib import Path

MICRO = "micro"
MICRO_NOTICE = "demo model: understands only the simulated voices"


class ModelUnavailable(Exception):
    """A model cannot be used. The text is one sentence with the remedy."""


def micro_directory() -> Path:
    """Return the directory of the demo model, which comes with the package."""
    return Path(__file__).parent / "micro"


def model_name(model: str) -> str:
    """Return a model's name: the last part of a directory's path, else the name itself."""
    path = Path(model).expanduser()
    return path.resolve().name if model[:1] in ("/", ".", "~") or path.exists() else model


def check_directory(path: Path) -> None:
    """Refuse a directory that is not a converted Whisper model.

    Raises:
        ModelUnavailable: Says which file is missing and how to make a directory.
    """
    needed = ("model.bin", "config.json", "tokenizer.json")
    if not path.is_dir():
        raise ModelUnavailable(f"{path} is not a directory; give a converted model's directory")
    missing = [name for name in needed if not (path / name).is_file()]
    if missing:
        raise ModelUnavailable(
            f"{path} is not a CTranslate2 Whisper model: it lacks {', '.join(missing)}; "
            "make one with ct2-transformers-converter or give a model's name"
        )
