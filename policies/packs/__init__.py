"""The packs that come with the program."""

from __future__ import annotations

from pathlib import Path


def shipped_packs() -> Path:
    """The folder they are in."""
    return Path(__file__).parent
