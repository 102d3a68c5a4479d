"""Utterances from a file: one JSON object a line, `{"text": ..., "at": ..., ...}`.

`text` is required. `at` is the start (seconds, or ISO 8601 with an offset), `seconds` the duration,
`id` the name of the utterance; `room` (or `meeting`, `dialogue`), `speaker`, `role` and `language`
are its circumstances. Missing times are estimated from the words. Other fields are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO, TypeGuard

from policies.languages import find_language, guess_language

_WORDS_PER_MINUTE = 150.0
"""Usual rate of speech in a language without a plug-in, in words with spaces between."""
_TAG = re.compile(r"\{[a-z]+\}")
_CLITIC = re.compile(r" '(s|m|re|ve|ll|d|t)\b")
_ROOMS = ("room", "room_id", "meeting", "dialogue")
_SPEAKERS = ("speaker", "speaker_id")


@dataclass(frozen=True, slots=True)
class Stored:
    """An utterance on record.

    Attributes:
        at_s: Start, in seconds from any fixed moment.
        seconds: Duration.
        id: Id of the utterance; empty if it has none.
        packs: Packs that apply in the room; None for all.
    """

    room_id: str
    speaker_id: str
    language: str
    text: str
    at_s: float
    seconds: float
    role: str = ""
    id: str = ""
    packs: frozenset[str] | None = None


class StoredInvalid(Exception):
    """A line is invalid. The message names the line and the error, and quotes no words."""


def read_stored(
    path: Path, on_bytes: Callable[[int], object] = lambda size: None
) -> Iterator[Stored]:
    """Yield the utterances of a file, and call `on_bytes` with the size of each line read.

    Raises:
        StoredInvalid: With file and line.
    """

    def lines(file: TextIO) -> Iterator[str]:
        for line in file:
            yield line
            on_bytes(len(line.encode()))

    try:
        with path.open(encoding="utf-8") as file:
            yield from parse_stored(lines(file), str(path))
    except OSError as error:
        raise StoredInvalid(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise StoredInvalid(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def parse_stored(lines: Iterable[str], name: str) -> Iterator[Stored]:
    """Yield the utterances of a file's lines; errors call the file `name`.

    Raises:
        StoredInvalid: With name and line.
    """
    now_s = 0.0
    for number, line in enumerate(lines, 1):
        if line.strip():
            stored = _stored(line, f"{name}:{number}", now_s)
            now_s = stored.at_s + stored.seconds
            yield stored


def _stored(line: str, place: str, now_s: float) -> Stored:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise StoredInvalid(f"{place}: is not JSON; write one object a line") from None
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise StoredInvalid(f'{place}: has no text; write {{"text": ...}}')
    text = strip_marks(found["text"])
    language = str(found.get("language") or guess_language(text).code)
    seconds = found.get("seconds")
    return Stored(
        room_id=_first(found, _ROOMS),
        speaker_id=_first(found, _SPEAKERS),
        language=language,
        text=text,
        at_s=_moment(found.get("at"), place, now_s),
        seconds=seconds if _is_number(seconds) else speaking_s(text, language),
        role=str(found.get("role") or ""),
        id=str(found.get("id") or ""),
    )


def strip_marks(text: str) -> str:
    """Remove the marks of corpora: `{laugh}` goes, `that 's` becomes one word."""
    return _CLITIC.sub(r"'\1", _TAG.sub(" ", text))


def speaking_s(text: str, language: str) -> float:
    """Estimate the duration of a text in seconds."""
    plugin = find_language(language)
    if plugin is not None and not plugin.separator:
        size = sum(map(str.isalnum, text))
    else:
        size = sum(any(map(str.isalnum, word)) for word in text.split())
    return 60 * size / (plugin.words_per_minute if plugin else _WORDS_PER_MINUTE)


def _first(found: Mapping[str, object], names: Iterable[str]) -> str:
    return next((str(found[name]) for name in names if name in found), "")


def _moment(at: object, place: str, now_s: float) -> float:
    if at is None:
        return now_s
    if _is_number(at):
        return at
    try:
        return datetime.fromisoformat(str(at)).timestamp()
    except ValueError:
        remedy = "write seconds, or a time such as 2026-11-22T18:00:12.345Z"
        raise StoredInvalid(f"{place}: its time cannot be read; {remedy}") from None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
