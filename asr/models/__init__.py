"""The demo model, and where others come from."""

from __future__ import annotations

from pathlib import Path

MICRO = "micro"
MICRO_NOTICE = "demo model: understands only the simulated voices"


class ModelUnavailable(Exception):
    """Its text is one sentence for a person, with the remedy."""


def micro_directory() -> Path:
    """The demo model's directory, shipped with the package."""
    return Path(__file__).parent / "micro"


def model_name(model: str) -> str:
    """What a model is called wherever it is: a directory's own name, else the name given."""
    path = Path(model).expanduser()
    return path.resolve().name if model[:1] in ("/", ".", "~") or path.exists() else model


def check_directory(path: Path) -> None:
    """Refuse a directory that is not a converted Whisper model.

    Raises:
        ModelUnavailable: it says which file is missing and how a directory is made.
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
