"""The packs that come with the program."""

from __future__ import annotations

from pathlib import Path


def shipped_packs() -> Path:
    """The folder of those for real rooms."""
    return Path(__file__).parent


def demo_packs() -> Path:
    """The folder of the one in the words of the demonstration model: for that model, no other.

    Apart from the shipped ones, because it speaks of the same harms under the same names.
    """
    return Path(__file__).parent / "demo"
