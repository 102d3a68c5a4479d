"""What was marked as speech in a recording: label tracks, as Audacity writes them.

A line has a beginning, an end, both in seconds, and a text, parted by tabs. The track of `talk.wav`
is `talk.speech.txt` beside it, or in `tracks` for recordings that are known: those were marked by
eye on spectrograms, twice, neither with a detector nor knowing of the other, where a mouth makes a
sound, from the first frication to the last, without breaths. Each edge is the middle between the
two.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from service.errors import ConfigurationError

Labels = Sequence[tuple[float, float]]
"""Beginnings and ends, in seconds."""

_SLACK_S = 0.05
"""What decoders make of a recording's end."""
_KNOWN = files("benchmarks.ingest") / "tracks"


def labels_of(recording: Path, seconds: float) -> Labels | None:
    """None where nobody has marked it.

    Args:
        seconds: How long it is.

    Raises:
        ConfigurationError: a track cannot be read, or is of another recording.
    """
    name = f"{recording.stem}.speech.txt"
    beside, known = recording.with_name(name), _KNOWN / name
    if beside.is_file():
        found = _read(beside.read_text(encoding="utf-8-sig", errors="replace"), str(beside))
    elif known.is_file():
        found = _read(known.read_text(encoding="utf-8"), name)
    else:
        return None
    until_s = max(last for _, last in found)
    if until_s > seconds + _SLACK_S:
        raise ConfigurationError(
            f"{name} marks speech up to {until_s:g} s, and {recording} is {seconds:.2f} s "
            "long: take its own labels, in seconds"
        )
    return found


def _read(track: str, name: str) -> Labels:
    found: list[tuple[float, float]] = []
    for number, line in enumerate(track.split("\n"), 1):
        if not line.strip() or line.startswith("\\"):  # the frequencies of the label before
            continue
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
    return sorted(found)
