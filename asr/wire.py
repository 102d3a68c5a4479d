"""Wire format of utterances and their results between machines.

    "es"  version  kind  header bytes  sound bytes | header: JSON | sound: int16 little-endian

The reader trusts nothing. It refuses every message that is not exactly of this form, with a reason
that contains no speech.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from asr.limits import LONGEST_UTTERANCE_S
from asr.speech import SAMPLE_RATE, EndedBy, Transcript, Utterance, Word, WorkClass

VERSION = 1

_PREFIX = struct.Struct(">2sBBII")
_MAGIC = b"es"
_LONGEST_HEADER = 1 << 20
"""Bytes of a header."""
_LONGEST_SOUND = LONGEST_UTTERANCE_S * SAMPLE_RATE * 2
"""Bytes of sound."""
_LONGEST_NAME = 1024
"""Characters of an id, a code or a reason."""
_LONGEST_TEXT = 100_000
"""Characters of a text."""
_MOST_ITEMS = 10_000
_NUMBER_END = 2**31
"""Every whole number is below this one."""

_T = TypeVar("_T")


class WireError(ValueError):
    """A message is invalid. The text is one sentence without speech."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An utterance without a transcript. Its server still has the sound.

    Attributes:
        reason: Reason, as in `asr.speech.Unheard`.
    """

    reason: str


Message = Utterance | Transcript | Lost

_UTTERANCE, _TRANSCRIPT, _LOST = 1, 2, 3


def encode(message: Message) -> bytes:
    """Return a message as bytes.

    Raises:
        WireError: `decode` would refuse it: no sound, half a sample, too long, not a number.
    """
    match message:
        case Utterance():
            check_sound(message.pcm)
            return _packed(_UTTERANCE, _utterance_header(message), message.pcm)
        case Transcript():
            return _packed(_TRANSCRIPT, _transcript_header(message))
        case Lost(reason):
            return _packed(_LOST, {"reason": reason})


def decode(data: bytes) -> Message:
    """Return the message in these bytes.

    Raises:
        WireError: The bytes are no valid message.
    """
    kind, header, sound = _unpacked(data)
    fields = _Fields(header)
    message: Message
    match kind:
        case 1:
            message = _utterance(fields, sound)
        case 2:
            message = _transcript(fields)
        case 3:
            message = Lost(fields.text("reason", _LONGEST_NAME))
        case _:
            raise WireError(f"a message of kind {kind}, which this version does not know")
    if kind != _UTTERANCE and sound:
        raise WireError(f"{len(sound)} bytes of sound where none belong")
    fields.refuse_unknown()
    return message


def _packed(kind: int, header: dict[str, object], sound: bytes = b"") -> bytes:
    try:
        text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise WireError("a number is infinite or not a number") from None
    if len(text) > _LONGEST_HEADER:
        raise WireError(f"a header of {len(text)} bytes; {_LONGEST_HEADER} at most")
    data = _PREFIX.pack(_MAGIC, VERSION, kind, len(text), len(sound)) + text + sound
    if kind != _UTTERANCE:
        decode(data)  # refuse invalid results here, where the utterance is known
    return data


def _unpacked(data: bytes) -> tuple[int, dict[str, Any], bytes]:
    if len(data) < _PREFIX.size:
        raise WireError(f"{len(data)} bytes are no message; {_PREFIX.size} at least")
    magic, version, kind, header_size, sound_size = _PREFIX.unpack_from(data)
    if magic != _MAGIC:
        raise WireError("it does not begin as a message does")
    if version != VERSION:
        raise WireError(
            f"wire version {version}, and this program speaks {VERSION}; "
            "run the same release on all machines"
        )
    if header_size > _LONGEST_HEADER:
        raise WireError(f"a header of {header_size} bytes; {_LONGEST_HEADER} at most")
    if sound_size > _LONGEST_SOUND:
        raise WireError(f"{sound_size} bytes of sound; {LONGEST_UTTERANCE_S} s at most")
    whole = _PREFIX.size + header_size + sound_size
    if len(data) != whole:
        how = "truncated" if len(data) < whole else "too long"
        raise WireError(f"it is {how}: {len(data)} bytes of {whole}")
    end = _PREFIX.size + header_size
    try:
        header = json.loads(data[_PREFIX.size : end], parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        if isinstance(error, WireError):
            raise
        raise WireError("its header is not JSON") from None
    if not isinstance(header, dict):
        raise WireError("its header is not a JSON object")
    return kind, header, data[end:]


def _no_number(name: str) -> NoReturn:
    raise WireError(f"{name} is not a number")


def check_sound(pcm: bytes) -> None:
    """Refuse sound that no recogniser can use.

    Raises:
        WireError: The sound is empty, ends in half a sample, or is too long.
    """
    if not pcm:
        raise WireError("it has no sound")
    if len(pcm) % 2:
        raise WireError(f"{len(pcm)} bytes of sound: half a sample too much or too little")
    if len(pcm) > _LONGEST_SOUND:
        seconds = len(pcm) / 2 / SAMPLE_RATE
        raise WireError(f"{seconds:.1f} s of sound; {LONGEST_UTTERANCE_S} s at most")


def _utterance_header(utterance: Utterance) -> dict[str, object]:
    return {
        "id": utterance.id,
        "room_id": utterance.room_id,
        "speaker_id": utterance.speaker_id,
        "started_at": _instant(utterance.started_at),
        "rate": SAMPLE_RATE,
        "ended_by": utterance.ended_by,
        "part": utterance.part,
        "overlap_ms": utterance.overlap_ms,
        "languages": list(utterance.languages),
        "work": utterance.work,
        "revision": utterance.revision,
    }


def _utterance(fields: _Fields, sound: bytes) -> Utterance:
    check_sound(sound)
    rate = fields.number("rate")
    if rate != SAMPLE_RATE:
        raise WireError(f"{rate} samples a second; {SAMPLE_RATE} are spoken here")
    return Utterance(
        id=fields.text("id"),
        room_id=fields.text("room_id"),
        speaker_id=fields.text("speaker_id"),
        started_at=fields.instant("started_at"),
        pcm=sound,
        ended_by=fields.one_of("ended_by", EndedBy),
        part=fields.number("part"),
        overlap_ms=fields.number("overlap_ms"),
        languages=fields.texts("languages"),
        work=fields.one_of("work", WorkClass),
        revision=fields.number("revision"),
    )


def _transcript_header(transcript: Transcript) -> dict[str, object]:
    return {
        "utterance_id": transcript.utterance_id,
        "room_id": transcript.room_id,
        "speaker_id": transcript.speaker_id,
        "started_at": _instant(transcript.started_at),
        "ended_at": _instant(transcript.ended_at),
        "language": transcript.language,
        "text": transcript.text,
        "words": [[w.text, w.start_ms, w.end_ms, w.probability] for w in transcript.words],
        "hypotheses": list(transcript.hypotheses),
        "marks": list(transcript.marks),
        "model": transcript.model,
        "provisional": transcript.provisional,
        "revision": transcript.revision,
    }


def _transcript(fields: _Fields) -> Transcript:
    return Transcript(
        utterance_id=fields.text("utterance_id"),
        room_id=fields.text("room_id"),
        speaker_id=fields.text("speaker_id"),
        started_at=fields.instant("started_at"),
        ended_at=fields.instant("ended_at"),
        language=fields.text("language"),
        text=fields.text("text", _LONGEST_TEXT),
        words=fields.items("words", _word),
        hypotheses=fields.texts("hypotheses", _LONGEST_TEXT),
        marks=fields.texts("marks"),
        model=fields.text("model"),
        provisional=fields.flag("provisional"),
        revision=fields.number("revision"),
    )


def _word(found: object) -> Word | None:
    match found:
        case [str(text), int(start_ms), int(end_ms), int() | float() as probability] if (
            not any(isinstance(value, bool) for value in found)
            and max(abs(start_ms), abs(end_ms)) < _NUMBER_END
            and math.isfinite(probability)  # 1e999 is JSON, and infinite
            and 0 <= probability <= 1
        ):
            return Word(text, start_ms, end_ms, float(probability))
        case _:
            return None


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise WireError("a time without its zone")
    return at.astimezone(UTC).isoformat()


class _Fields:
    """Fields of a header. A field of a wrong type is refused by its name, without its value."""

    def __init__(self, header: dict[str, Any]) -> None:
        self._header = header

    def text(self, name: str, longest: int = _LONGEST_NAME) -> str:
        value = self._take(name)
        if not isinstance(value, str) or len(value) > longest:
            raise WireError(f"{name} is not a text of at most {longest} characters")
        return value

    def texts(self, name: str, longest: int = _LONGEST_NAME) -> Sequence[str]:
        def one(value: object) -> str | None:
            return value if isinstance(value, str) and len(value) <= longest else None

        return self.items(name, one)

    def items(self, name: str, one: Callable[[object], _T | None]) -> Sequence[_T]:
        values = self._take(name)
        if not isinstance(values, list) or len(values) > _MOST_ITEMS:
            raise WireError(f"{name} is not a list of at most {_MOST_ITEMS}")
        found = []
        for number, value in enumerate(values):
            item = one(value)
            if item is None:
                raise WireError(f"{name}: item {number} is not as it should be")
            found.append(item)
        return tuple(found)

    def number(self, name: str) -> int:
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _NUMBER_END:
            raise WireError(f"{name} is not a whole number from 0 to {_NUMBER_END - 1}")
        return value

    def flag(self, name: str) -> bool:
        value = self._take(name)
        if not isinstance(value, bool):
            raise WireError(f"{name} is neither true nor false")
        return value

    def instant(self, name: str) -> datetime:
        try:
            at = datetime.fromisoformat(self.text(name))
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            if isinstance(error, WireError):
                raise
        raise WireError(f"{name} is not an ISO 8601 time with its zone")

    def one_of(self, name: str, kind: Callable[[str], _T]) -> _T:
        try:
            return kind(self.text(name))
        except ValueError as error:
            if isinstance(error, WireError):
                raise
            raise WireError(f"{name} is none that this version knows") from None

    def refuse_unknown(self) -> None:
        if self._header:
            raise WireError(f"{len(self._header)} fields that this version does not know")

    def _take(self, name: str) -> Any:
        try:
            return self._header.pop(name)
        except KeyError:
            raise WireError(f"{name} is missing") from None
