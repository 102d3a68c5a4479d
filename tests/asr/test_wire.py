from __future__ import annotations

import contextlib
import json
import math
import struct
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.limits import LONGEST_UTTERANCE_S
from asr.speech import SAMPLE_RATE, EndedBy, Transcript, Utterance, Word, WorkClass
from asr.wire import VERSION, Lost, Message, WireError, decode, encode
from tests.asr.examples import an_utterance, written

MALFORMED = Path(__file__).parent / "malformed"

names = st.text(max_size=40)
numbers = st.integers(0, 2**31 - 1)
instants = st.datetimes(timezones=st.just(UTC))
words = st.builds(
    Word,
    text=names,
    start_ms=st.integers(-(2**31) + 1, 2**31 - 1),
    end_ms=numbers,
    probability=st.floats(0, 1),
)


def lists_of(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=5).map(tuple)


MADE: dict[type, st.SearchStrategy[Any]] = {
    Utterance: st.builds(
        Utterance,
        id=names,
        room_id=names,
        speaker_id=names,
        started_at=instants,
        pcm=st.binary(min_size=1, max_size=400).map(lambda half: half + half),
        ended_by=st.sampled_from(EndedBy),
        part=numbers,
        overlap_ms=numbers,
        languages=lists_of(names),
        work=st.sampled_from(WorkClass),
        revision=numbers,
    ),
    Transcript: st.builds(
        Transcript,
        utterance_id=names,
        room_id=names,
        speaker_id=names,
        started_at=instants,
        ended_at=instants,
        language=names,
        text=names,
        words=lists_of(words),
        hypotheses=lists_of(names),
        marks=lists_of(names),
        model=names,
        provisional=st.booleans(),
        revision=numbers,
    ),
    Lost: st.builds(Lost, reason=names),
}


@pytest.mark.parametrize("kind", get_args(Message))
def test_every_type_survives_the_wire(kind: type) -> None:
    @given(MADE[kind])
    def comes_back(message: Message) -> None:
        assert decode(encode(message)) == message

    comes_back()


@pytest.mark.parametrize("kind", get_args(Message))
def test_every_field_of_every_type_is_on_the_wire(kind: type) -> None:
    """Messages that differ in one field differ on the wire, too."""

    @given(MADE[kind], MADE[kind], st.sampled_from([each.name for each in fields(kind)]))
    def differs(one: Any, other: Any, name: str) -> None:
        mixed = replace(one, **{name: getattr(other, name)})
        assert (encode(mixed) == encode(one)) == (mixed == one)

    differs()


def test_a_time_of_another_zone_stays_the_same_instant() -> None:
    there = datetime.fromisoformat("2030-01-01T14:00:00.5+02:00")
    came = decode(encode(replace(an_utterance(), started_at=there)))
    assert isinstance(came, Utterance)
    assert came.started_at == there
    assert came.started_at.tzinfo is UTC


def test_the_longest_utterance_survives_the_wire() -> None:
    longest = an_utterance(pcm=bytes(2 * SAMPLE_RATE * LONGEST_UTTERANCE_S))
    assert decode(encode(longest)) == longest


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (an_utterance(pcm=b""), "no sound"),
        (an_utterance(pcm=b"\0" * 3), "half a sample"),
        (an_utterance(pcm=bytes(2 * SAMPLE_RATE * LONGEST_UTTERANCE_S + 2)), "30 s at most"),
        (an_utterance("x" * 2000), "id is not a text"),
        (replace(an_utterance(), started_at=datetime(2030, 1, 1)), "without its zone"),  # noqa: DTZ001
        (replace(written(an_utterance()), words=[Word("a", 0, 1, math.nan)]), "not a number"),
        (replace(written(an_utterance()), words=[Word("a", 0, 1, math.inf)]), "not a number"),
        (replace(written(an_utterance()), words=[Word("a", 0, 1, 1.5)]), "words: item 0"),
        (replace(written(an_utterance()), text="x" * 100_001), "text is not a text"),
    ],
)
def test_an_invalid_message_is_not_encoded(message: Message, why: str) -> None:
    with pytest.raises(WireError, match=why):
        decode(encode(message))


def whole(header: bytes, sound: bytes = b"\0\0", *, version: int = VERSION, kind: int = 1) -> bytes:
    prefix = struct.pack(">2sBBII", b"es", version, kind, len(header), len(sound))
    return prefix + header + sound


def a_header(**changed: object) -> bytes:
    data = encode(an_utterance())
    (size,) = struct.unpack(">I", data[4:8])
    header = json.loads(data[12 : 12 + size]) | changed
    return json.dumps({name: value for name, value in header.items() if value != "gone"}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no message"),
        (b"es", "no message"),
        (b"RIFF" + bytes(40), "does not begin"),
        (whole(a_header(), version=2), "wire version 2, and this program speaks 1"),
        (whole(a_header(), kind=9), "kind 9"),
        (whole(a_header(), kind=2), "utterance_id is missing"),
        (whole(a_header())[:-1], "truncated"),
        (whole(a_header()) + b"\0", "too long"),
        (whole(a_header(), b""), "no sound"),
        (whole(a_header(), b"\0\0\0"), "half a sample"),
        (struct.pack(">2sBBII", b"es", 1, 1, 2**31, 2), "header of 2147483648 bytes"),
        (struct.pack(">2sBBII", b"es", 1, 1, 2, 2**31), "30 s at most"),
        (whole(b"\xff\xfe"), "not JSON"),
        (whole(b"[" * 100_000), "not JSON"),
        (whole(b"[]"), "not a JSON object"),
        (whole(a_header(rate=8000)), "8000 samples a second"),
        (whole(a_header(part=math.nan)), "NaN is not a number"),
        (whole(a_header(part=-1)), "part is not a whole number"),
        (whole(a_header(part=True)), "part is not a whole number"),
        (whole(a_header(part=1.0)), "part is not a whole number"),
        (whole(a_header(part=2**40)), "part is not a whole number"),
        (whole(a_header(id=5)), "id is not a text"),
        (whole(a_header(id="gone")), "id is missing"),
        (whole(a_header(work="urgent")), "work is none that"),
        (whole(a_header(started_at="yesterday")), "started_at is not"),
        (whole(a_header(started_at="2030-01-01T00:00:00")), "started_at is not"),
        (whole(a_header(languages="en")), "languages is not a list"),
        (whole(a_header(languages=["en", 5])), "languages: item 1"),
        (whole(a_header(more=1)), "1 fields that this version"),
        (whole(b'{"reason":"late"}', kind=3), "2 bytes of sound where none belong"),
    ],
)
def test_a_malformed_message_is_refused_with_a_reason(data: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        decode(data)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    for tried in (data, b"es\x01\x01" + data, b"es\x01\x02" + data):
        with contextlib.suppress(WireError):
            decode(tried)


@given(MADE[Utterance], st.data())
def test_a_message_with_a_changed_byte_is_refused_or_decodes(
    message: Utterance, data: st.DataObject
) -> None:
    sent = bytearray(encode(message))
    sent[data.draw(st.integers(0, len(sent) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(WireError):
        decode(bytes(sent))


@pytest.mark.parametrize("path", sorted(MALFORMED.glob("*.bin")), ids=lambda path: path.stem)
def test_recorded_malformed_messages_stay_refused(path: Path) -> None:
    expected = path.with_suffix(".txt").read_text().strip()
    with pytest.raises(WireError) as refused:
        decode(path.read_bytes())
    assert str(refused.value) == expected


def test_a_refusal_contains_no_speech() -> None:
    header = json.dumps({"text": "a secret", "utterance_id": ["a secret"]}).encode()
    with pytest.raises(WireError) as refused:
        decode(whole(header, b"", kind=2))
    assert "secret" not in str(refused.value)
