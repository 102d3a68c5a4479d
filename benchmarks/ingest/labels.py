"""Labels that mark the speech in a recording, in Audacity's format.

Each line holds a start and an end in seconds, and a text, separated by tabs. The labels of
`talk.wav` are in `talk.speech.txt` beside it, or in `tracks` for known recordings. Those in
`tracks` were marked by eye on spectrograms, twice and independently, without a detector: every
sound of a mouth, from the first frication to the last, without breaths. Each edge is the mean of
the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from service.errors import ConfigurationError

Labels = Sequence[tuple[float, float]]
"""Start and end of each stretch of speech, in seconds."""

_SLACK_S = 0.05
"""Tolerance at the end of a recording: decoders differ there."""
_KNOWN = files("benchmarks.ingest") / "tracks"


def labels_of(recording: Path, seconds: float) -> Labels | None:
    """Return the labels of a recording; None if it has no labels.

    Args:
        seconds: Length of the recording.

    Raises:
        ConfigurationError: The labels cannot be read, or belong to another recording.
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
            f"{name} marks speech up to {until_s:g} s, but {recording} is {seconds:.2f} s "
            "long: use the labels of this recording, in seconds"
        )
    return found


def _read(track: str, name: str) -> Labels:
    found: list[tuple[float, float]] = []
    for number, line in enumerate(track.split("\n"), 1):
        if not line.strip() or line.startswith("\\"):  # frequencies of the previous label
            continue
        try:
            first, last = map(float, line.split("\t")[:2])
        except ValueError:
            first, last = 0.0, 0.0
        if not 0 <= first < last:
            raise ConfigurationError(
                f"{name}, line {number}: expected a start and a later end in seconds, separated by "
                "a tab: export the labels from Audacity again"
            )
        found.append((first, last))
    if not found:
        raise ConfigurationError(f"{name} has no labels: mark the speech, or remove the file")
    return sorted(found)
