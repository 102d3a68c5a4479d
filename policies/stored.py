"""Utterances from a file: one JSON object a line, `{"text": ..., "at": ..., ...}`.

`text` is needed. `at` (seconds, or ISO 8601 with its offset) is when it began, `seconds` how long
it took, `id` its name; `room` (or `meeting`, `dialogue`), `speaker`, `role` and `language` say
where, who, how.
Where times are missing they are reckoned from the words, as people speak. Other fields are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO, TypeGuard

from policies.language import Language

WORDS_A_MINUTE: Mapping[Language, float] = {Language.EN: 150, Language.ZH: 240}
"""How fast people speak; characters in Chinese."""
_HAN = re.compile("[\u3400-\u9fff]")
_TAG = re.compile(r"\{[a-z]+\}")
_CLITIC = re.compile(r" '(s|m|re|ve|ll|d|t)\b")
_ROOMS = ("room", "room_id", "meeting", "dialogue")
_SPEAKERS = ("speaker", "speaker_id")


@dataclass(frozen=True, slots=True)
class Stored:
    """
    Attributes:
        at_s: When it began, in seconds from any one moment.
        seconds: How long it took.
        id: The utterance's, where it has one.
        packs: Those that apply in the room; None means all.
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
    """A line is not what it should be. Its text says which and what is wrong, not what is said."""


def read_file(path: Path, told: Callable[[int], object] = lambda size: None) -> Iterator[Stored]:
    """`told` is called with the bytes of each line once it is read.

    Raises:
        StoredInvalid: With file and line.
    """

    def lines(file: TextIO) -> Iterator[str]:
        for line in file:
            yield line
            told(len(line.encode()))

    try:
        with path.open(encoding="utf-8") as file:
            yield from read_lines(lines(file), str(path))
    except OSError as error:
        raise StoredInvalid(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise StoredInvalid(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def read_lines(lines: Iterable[str], name: str) -> Iterator[Stored]:
    """Raises: StoredInvalid"""
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
    text = spoken_text(found["text"])
    language = str(found.get("language") or language_of(text))
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


def spoken_text(text: str) -> str:
    """Without the marks of corpora: `{laugh}` out, `that 's` as one word."""
    return _CLITIC.sub(r"'\1", _TAG.sub(" ", text))


def language_of(text: str) -> Language:
    """Chinese if any character of it is."""
    return Language.ZH if _HAN.search(text) else Language.EN


def speaking_s(text: str, language: str) -> float:
    """How long it takes to say."""
    chinese = language == Language.ZH
    if chinese:
        size = sum(map(str.isalnum, text))
    else:
        size = sum(any(map(str.isalnum, word)) for word in text.split())
    return 60 * size / WORDS_A_MINUTE[Language.ZH if chinese else Language.EN]


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
