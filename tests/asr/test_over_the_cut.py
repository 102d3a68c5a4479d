"""A phrase over the 12 s cut is matched exactly once.

From sound to match: the segmenter cuts a monologue, a recogniser of tones writes the parts down,
the policies match them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asr.speech import SAMPLE_RATE, EndedBy, Transcript, Utterance, utterance_id
from policies.matcher import Matcher
from service.listening.segmenter import Segmenter
from service.verdict.transcript_matches import TranscriptMatcher, TranscriptMatches
from tests.asr.tones import BLOCK_MS, CHARACTERS, WORDS, Burst, Listener, sound
from tests.listening.sound import loud
from tests.policies.writing import pack, rule

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
FILLERS = range(12)
PHRASE_WORDS = range(12, 20)
EVEN = (1.0,)
"""All words have the same level, so that the cut may fall anywhere, also into a word."""
UNEVEN = (0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Monologue:
    """Unbroken speech, with a phrase of these word numbers in it once."""

    bursts: Sequence[Burst]
    phrase: Sequence[int]

    def written(self, language: str) -> str:
        if language == "zh":
            return "".join(CHARACTERS[word] for word in self.phrase)
        return " ".join(WORDS[word] for word in self.phrase)


@st.composite
def monologues(draw: st.DrawFn) -> Monologue:
    """Return more than 12 s without a pause, with a phrase in it, most often near the cut."""
    chance = random.Random(draw(st.integers(0, 1_000_000)))
    gaps = draw(st.sampled_from(((0,), (0, 30), (0, 10, 60, 150))))
    loudness = draw(st.sampled_from((EVEN, UNEVEN)))
    at_ms = draw(st.one_of(st.integers(7_400, 12_300), st.integers(0, 24_000)))
    phrase = draw(st.lists(st.sampled_from(PHRASE_WORDS), min_size=1, max_size=5))

    def burst(word: int) -> Burst:
        length_ms = chance.randint(10, 44) * BLOCK_MS
        return Burst(word, length_ms, chance.choice(gaps), chance.choice(loudness))

    said: list[Burst] = []
    length_ms, phrase_said = 0, False
    while length_ms < 26_000:
        due = length_ms >= at_ms and not phrase_said
        words = phrase if due else [chance.choice(FILLERS)]
        phrase_said = phrase_said or due
        said += map(burst, words)
        length_ms = sum(one.length_ms + one.gap_ms for one in said)
    return Monologue(parted(said), phrase)


def parted(said: Sequence[Burst]) -> list[Burst]:
    """Return the bursts with a gap between equal words, which would be one word without it."""
    return [
        replace(one, gap_ms=max(one.gap_ms, BLOCK_MS)) if one.word == after.word else one
        for one, after in pairwise([*said, Burst(-1, 0, 0)])
    ]


def utterances(bursts: Sequence[Burst]) -> list[Utterance]:
    """Return the parts into which the segmenter cuts the speech."""
    segmenter = Segmenter(loud)
    pcm = bytes(32 * 600) + sound(bursts) + bytes(32 * 1_000)
    parts = []
    for segment in [*segmenter.push(pcm), *segmenter.flush()]:
        started_at = START + timedelta(seconds=segment.start / SAMPLE_RATE)
        parts.append(
            Utterance(
                id=utterance_id("room", "ann", started_at, segment.part),
                room_id="room",
                speaker_id="ann",
                started_at=started_at,
                pcm=segment.pcm,
                ended_by=segment.ended_by,
                part=segment.part,
                overlap_ms=segment.overlap_ms,
            )
        )
    assert parts[0].ended_by is EndedBy.LENGTH
    return parts


def a_reader(*phrases: str, language: str = "en") -> TranscriptMatcher:
    """Return a matcher with a rule for each phrase."""
    named = enumerate(phrases)
    rules = [
        rule(f"r{n}", zh=[phrase]) if language == "zh" else rule(f"r{n}", en=[phrase])
        for n, phrase in named
    ]
    matcher = Matcher([pack(*rules)])
    return TranscriptMatcher(lambda: matcher)


def read(
    reader: TranscriptMatcher, bursts: Sequence[Burst], listener: Listener
) -> list[TranscriptMatches]:
    """Return the matches of each part."""
    parts = utterances(bursts)
    transcripts = listener.transcribe(parts)
    return [
        reader.match_final(part, transcript, None)
        for part, transcript in zip(parts, transcripts, strict=True)
    ]


def found(readings: Sequence[TranscriptMatches]) -> list[str]:
    """Return the words at the spans of every match."""
    return [
        reading.text[start:end]
        for reading in readings
        for match in reading.live
        for start, end in match.spans
    ]


def heard(monologue: Monologue, listener: Listener) -> list[str]:
    phrase = monologue.written(listener.language)
    reader = a_reader(phrase, language=listener.language)
    return found(read(reader, monologue.bursts, listener))


@given(monologues(), st.sampled_from(("wha", "")))
@settings(max_examples=120)
def test_a_phrase_is_matched_once_wherever_the_cut_falls(said: Monologue, garbled: str) -> None:
    assert heard(said, Listener(garbled=garbled)) == [said.written("en")]


@given(monologues(), st.sampled_from(("咦", "")), st.booleans())
@settings(max_examples=100)
def test_a_phrase_written_without_spaces_is_matched_once(
    said: Monologue, garbled: str, timed: bool
) -> None:
    assume(timed or len(set(said.phrase)) == len(said.phrase))
    listener = Listener(language="zh", garbled=garbled, timed=timed)
    assert heard(said, listener) == [said.written("zh")]


@given(monologues(), st.sampled_from(("wha", "")))
@settings(max_examples=100)
def test_a_phrase_is_matched_once_without_the_times_of_words(said: Monologue, garbled: str) -> None:
    assume(len(set(said.phrase)) == len(said.phrase))  # repeated words would be ambiguous
    assert heard(said, Listener(garbled=garbled, timed=False)) == [said.written("en")]


@given(monologues(), st.integers(0, 1_000))
@settings(max_examples=100)
def test_a_phrase_is_matched_once_where_times_are_off(said: Monologue, seed: int) -> None:
    def off_ms(number: int) -> int:
        return random.Random(f"{seed} {number}").randint(-6, 6) * 10

    assert heard(said, Listener(off_ms=off_ms)) == [said.written("en")]


@given(monologues())
@settings(max_examples=60)
def test_words_that_were_not_said_in_a_row_are_no_phrase(said: Monologue) -> None:
    """The rules have many pairs of words. Only the pairs that were said are matched."""
    spoken = {(one.word, after.word) for one, after in pairwise(said.bursts)}
    unsaid = [f"{WORDS[a]} {WORDS[b]}" for a in FILLERS for b in FILLERS if (a, b) not in spoken]
    assert found(read(a_reader(*unsaid), said.bursts, Listener())) == []


def even(*words: int, length_ms: int = 300) -> list[Burst]:
    return parted([Burst(word, length_ms, 0) for word in words])


def test_two_rules_over_one_cut_are_both_matched() -> None:
    said = even(*[n % 12 for n in range(38)], 12, 13, 14, 15, *[n % 12 for n in range(20)])
    (first, *_) = utterances(said)
    halves = a_reader("ni no", "nu ra")
    assert found(read(halves, said, Listener())) == ["ni no", "nu ra"]
    assert first.part == 0


def test_an_excerpt_begins_with_the_phrase_that_began_before_it() -> None:
    monologue = even(*[n % 12 for n in range(100)])
    readings = read(
        a_reader(*(" ".join((WORDS[a], WORDS[(a + 1) % 12])) for a in range(12))),
        monologue,
        Listener(),
    )
    for reading in readings[1:]:
        starts = [start for match in reading.live for start, _ in match.spans]
        assert starts
        carried = reading.text[: reading.new_from].split()
        assert len(carried) <= 1, "not more of the part before than its match needs"


def parts_and_words(
    *texts: str, language: str = "en", overlap_ms: int = 500
) -> list[tuple[Utterance, Transcript]]:
    """Return 10 s parts of one stretch, and their transcripts without times."""
    made = []
    for number, text in enumerate(texts):
        started_at = START + timedelta(milliseconds=number * (10_000 - overlap_ms))
        utterance = Utterance(
            id=str(number),
            room_id="room",
            speaker_id="ann",
            started_at=started_at,
            pcm=bytes(10 * 32_000),
            ended_by=EndedBy.LENGTH,
            part=number,
            overlap_ms=overlap_ms if number else 0,
        )
        transcript = Transcript(
            utterance.id, "room", "ann", started_at, utterance.ended_at, language, text
        )
        made.append((utterance, transcript))
    return made


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (("one two three kill", "you now and then"), "en"),
        (("one two three kill you", "kill you now and then"), "en"),
        (("one two three kill you", "you now and then"), "en"),
        (("one two three kill yo", "kill you now and then"), "en"),
        (("one two three kill you", "ill you now and then"), "en"),
        (("one two three kill", "ill you now and then"), "en"),
        (("kill you one two three four five", "three four five six"), "en"),
        (("one two three four", "three four five kill you"), "en"),
        (("one two Kill,", "kill you! six"), "en"),
        (("一二三杀", "了你四五"), "zh"),
        (("一二三杀了", "杀了你四五"), "zh"),
        (("一二三杀了你", "了你四五"), "zh"),
    ],
)
def test_words_transcribed_twice_at_a_cut_are_matched_once(
    texts: tuple[str, ...], language: str
) -> None:
    phrase = "杀了你" if language == "zh" else "kill you"
    reader = a_reader(phrase, language=language)
    readings = [
        reader.match_final(*part, None) for part in parts_and_words(*texts, language=language)
    ]
    assert [words.casefold() for words in found(readings)] == [phrase]


def test_a_part_without_a_transcript_joins_nothing() -> None:
    reader = a_reader("kill you")
    (one, first), (two, _), (three, third) = parts_and_words("so kill", "", "you there")
    assert reader.match_final(one, first, None).live == []
    reader.forget_utterance(two)
    assert reader.match_final(three, third, None).live == []


def test_parts_of_different_stretches_are_not_joined() -> None:
    reader = a_reader("kill you")
    (one, first), (two, second) = parts_and_words("so kill", "you there")
    later = timedelta(seconds=30)
    reader.match_final(one, first, None)
    moved = replace(two, started_at=two.started_at + later)
    assert reader.match_final(moved, second, None).live == []


def test_speakers_and_rooms_are_not_joined_to_each_other() -> None:
    reader = a_reader("kill you")
    (one, first), (two, second) = parts_and_words("so kill", "you there")
    reader.match_final(one, first, None)
    assert reader.match_final(replace(two, speaker_id="bob"), second, None).live == []
    assert reader.match_final(replace(two, room_id="stage"), second, None).live == []
    assert len(reader.match_final(two, second, None).live) == 1


def test_an_empty_part_ends_a_phrase_and_breaks_nothing() -> None:
    reader = a_reader("kill you")
    readings = [
        reader.match_final(*part, None) for part in parts_and_words("so kill", "", "you there")
    ]
    assert [reading.text for reading in readings] == ["so kill", "", "you there"]
    assert found(readings) == []


def test_only_the_packs_of_the_room_apply_over_a_cut() -> None:
    reader = a_reader("kill you")
    parts = parts_and_words("so kill", "you there")
    assert found([reader.match_final(*part, frozenset({"other"})) for part in parts]) == []
    assert found([reader.match_final(*part, frozenset({"a-pack"})) for part in parts]) == [
        "kill you"
    ]
