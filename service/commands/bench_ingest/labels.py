"""What was marked as speech in a recording: label tracks, as Audacity writes them.

A line has a beginning, an end, both in seconds, and a text, parted by tabs. A track lies beside its
recording under the same name, or here for recordings that are known: marked by eye on spectrograms,
twice, neither with a detector nor knowing of the other, where a mouth makes a sound, from the first
frication to the last, without breaths. Each edge here is the middle between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from service.errors import ConfigurationError

Labels = Sequence[tuple[float, float]]
"""Beginnings and ends, in seconds."""

_KNOWN = files("service.commands.bench_ingest") / "tracks"


def labels_of(recording: Path) -> Labels | None:
    """None where nobody has marked it.

    Raises:
        ConfigurationError: a track cannot be read.
    """
    beside = recording.with_suffix(".txt")
    known = _KNOWN / beside.name
    if beside.is_file():
        return _read(beside.read_text(encoding="utf-8", errors="replace"), str(beside))
    if known.is_file():
        return _read(known.read_text(encoding="utf-8"), beside.name)
    return None


def _read(track: str, name: str) -> Labels:
    found: list[tuple[float, float]] = []
    for number, line in enumerate(track.splitlines(), 1):
        try:
            first, last = map(float, line.split("\t")[:2])
        except ValueError:
            first, last = 0.0, 0.0
        if not 0 <= first < last:
            raise ConfigurationError(
                f"{name}, line {number}: a beginning and a later end in seconds, parted by a tab, "
                "were expected: export the labels from Audacity anew"
            )
        found.append((first, last))
    if not found:
        raise ConfigurationError(f"{name} has no label: mark some speech, or remove the file")
    return found
