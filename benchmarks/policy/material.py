"""Material for measurements: phrases and sentences of a vocabulary, the same at every run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.corpus import read_corpus
from policies.languages import CODES, guess_language, load_language
from policies.load import load_text
from policies.normalize import normalize
from policies.pack import Pack
from policies.stored import Stored

_WORDS = 15
_CHARACTERS = 25
_SENTENCES = 2000
_RULE = 500
"""Phrases of one rule."""
_FILLERS = {"en": ("um", "uh", "hm"), "zh": ("啊嗯", "呃嗯", "唔呃")}


@dataclass(frozen=True, slots=True)
class Material:
    """Sentences and vocabulary of one language.

    Attributes:
        sentences: Sentences of 15 English words or 25 Chinese characters.
        vocabulary: Words or characters that phrases are drawn from.
    """

    sentences: Sequence[str]
    vocabulary: Sequence[str]


def from_corpus(folder: Path) -> Mapping[str, Material]:
    """Make sentences of real talk, and phrases of its words, so that their parts are everywhere.

    Raises:
        StoredInvalid
    """
    return {language: _cut(language, said) for language, said in read_corpus(folder).items()}


def from_examples(packs: Sequence[Pack]) -> Mapping[str, Material]:
    """Make the same from the examples of packs, for use without a corpus."""
    said: dict[str, list[Stored]] = {code: [] for code in CODES}
    for pack in packs:
        for rule in pack.policies:
            for example in (*rule.tests.must_match, *rule.tests.must_not_match):
                language = guess_language(example.last).code
                said[language].append(Stored("", "", language, example.last, 0.0, 0.0))
    return {language: _cut(language, found) for language, found in said.items()}


def _cut(language: str, said: Sequence[Stored]) -> Material:
    separator = load_language(language).separator
    words: list[str] = []
    for stored in said:
        words += stored.text.split() if separator else _letters(stored.text)
    size = _WORDS if separator else _CHARACTERS
    cut = [separator.join(words[at : at + size]) for at in range(0, len(words) - size + 1, size)]
    random.Random(1).shuffle(cut)
    least = 3 if separator else 1
    plain = sorted({each.lower() for each in words if each.isalpha() and len(each) >= least})
    return Material(cut[:_SENTENCES], plain)


def _letters(text: str) -> list[str]:
    return [char for char in text if char.isalpha() and not char.isascii()]


def draw_phrases(material: Material, language: str, count: int) -> list[str]:
    """Draw phrases of two to four words, or three to seven characters, like the shipped ones."""
    chance = random.Random(2)
    plugin = load_language(language)
    sizes = (2, 3, 4) if plugin.separator else (3, 4, 5, 6, 7)
    found: dict[str, str] = {}
    while len(found) < count:
        words = chance.choices(material.vocabulary, k=chance.choice(sizes))
        phrase = plugin.separator.join(words)
        plain = normalize(phrase, plugin).text
        if sum(map(str.isalnum, plain)) >= plugin.shortest_phrase:
            found.setdefault(plain, phrase)
    return list(found.values())


def pack_text(listed: Sequence[str], language: str, tolerance: str = "by_length") -> str:
    """Return a pack file of one rule for each 500 phrases."""
    lines = [
        "schema: 1",
        "pack: bench",
        "version: 1.0.0",
        "title: T",
        "description: D",
        "policies:",
    ]
    for number in range(0, len(listed), _RULE):
        some = listed[number : number + _RULE]
        examples = ", ".join(map(_quoted, [*some, *some, *some][:3]))
        lines += [
            f"  - {{id: rule-{number}, title: T, category: hate, severity: low, description: D,",
            f"     languages: [{language}], tests: {{must_match: [{examples}],",
            f"     must_not_match: [{', '.join(_FILLERS[language])}]}},",
            f"     match: {{words: {{tolerance: {tolerance}, phrases: {{{language}: [",
            ",\n".join(f"      {_quoted(phrase)}" for phrase in some),
            "     ]}}}}",
        ]
    return "\n".join(lines) + "\n"


def phrase_pack(listed: Sequence[str], language: str, tolerance: str = "by_length") -> Pack:
    """Load the pack of `pack_text`."""
    return load_text(pack_text(listed, language, tolerance), "bench")


def _quoted(phrase: str) -> str:
    return "'" + phrase.replace("'", "''") + "'"
