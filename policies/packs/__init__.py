"""Packs that come with the program."""

from __future__ import annotations

from pathlib import Path


def shipped_packs() -> Path:
    """Return the folder of the packs for real rooms."""
    return Path(__file__).parent


def demo_packs() -> Path:
    """Return the folder of the pack in the words of the demonstration model, for that model only.

    It is not among the shipped packs, because it has rules for the same harms under the same names.
    """
    return Path(__file__).parent / "demo"
