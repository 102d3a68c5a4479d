"""The port between matching and its languages. docs/add-a-language.md is the guide to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from policies.languages.page_words import PageWords
from policies.languages.room_words import RoomWords
from policies.match import Layer, Span
from policies.matchers.hit import Hit
from policies.normalize import Normalized
from policies.tolerance import Tolerance
from policies.words import Words

CompiledPhrases = Mapping[int, tuple[Normalized, Tolerance]]
"""Phrases by number, each with its tolerance, which is never `BY_LENGTH`."""

FindCue = Callable[[Sequence[str], int, int], str]
"""Takes words, start and end (exclusive); returns the last cue in that range, or an empty text."""


class SoundMatcher(Protocol):
    """Phrases of one language, found by their sound.

    It is read-only, so that threads can share it, and can be pickled to go to another process.
    """

    def find_hits(self, words: Normalized) -> Iterable[Hit]:
        """Yield each range of words that is near enough to a phrase, overlaps included."""


@dataclass(frozen=True, slots=True)
class SoundSystem:
    """Pronunciation of a language.

    Attributes:
        layer: Layer that its matches are reported under.
        unit: Plural noun for what `count` counts, as error messages name it: "syllables".
        shortest: Fewest units of a phrase for each tolerance that the language offers but `EXACT`.
        compile: Makes the matcher of a pack's phrases; it skips those with tolerance `EXACT`.
        count: Returns the units of a phrase, given its normalised words.
        spell: Returns the sounds of normalised words in letters, for people.
    """

    layer: Layer
    unit: str
    shortest: Mapping[Tolerance, int]
    compile: Callable[[CompiledPhrases], SoundMatcher]
    count: Callable[[Sequence[str]], int]
    spell: Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True, eq=False)
class LanguagePlugin:
    """Everything that matching knows about one language. It implements `normalize.Writing`.

    Attributes:
        code: ISO 639-1 code, the name of the folder.
        name: Name of the language in the language itself, for people.
        tag: BCP 47 tag, for browsers and screen readers.
        separator: Text between two words; empty where every character is a word.
        words_per_minute: Usual rate of speech; characters where the separator is empty.
        shortest_phrase: Fewest letters and digits of a phrase that makes a match by itself.
        own_script: Characters that show that a text is in this language; None if others share them.
        normalize_words: Returns the normalised words of a folded text.
        find_words: Yields the span of each written word of a folded text. `normalize_words` numbers
            words in this order.
        sounds: Pronunciation.
        find_negation: Finds words such as "not" before a match.
        find_report: Finds words such as "he said" before a match.
        page_words: Words of `/rules`; None: the page is in the default language and says so.
        room_words: Messages to members; None: they are in the default language.
    """

    code: str
    name: str
    tag: str
    separator: str
    words_per_minute: float
    shortest_phrase: int
    own_script: re.Pattern[str] | None
    normalize_words: Callable[[str], Words]
    find_words: Callable[[str], Iterable[Span]]
    sounds: SoundSystem
    find_negation: FindCue
    find_report: FindCue
    page_words: PageWords | None = None
    room_words: RoomWords | None = None
