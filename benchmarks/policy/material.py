"""What is measured on: phrases and sentences drawn from a vocabulary, the same at every run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.checks.phrase_length import SHORTEST
from policies.corpus import read_corpus
from policies.language import Language
from policies.load import load_text
from policies.normalize import normalize
from policies.pack import Pack
from policies.stored import Stored

_WORDS = 15
_CHARACTERS = 25
_SENTENCES = 2000
_RULE = 500
"""Phrases of one rule."""


@dataclass(frozen=True, slots=True)
class Material:
    """
    Attributes:
        sentences: 15 English words or 25 Chinese characters each.
        vocabulary: The words or characters that phrases are drawn from.
    """

    sentences: Sequence[str]
    vocabulary: Sequence[str]


def from_corpus(folder: Path) -> Mapping[Language, Material]:
    """Stretches of real talk, and phrases of its own words: so that pieces of them are everywhere.

    Raises:
        StoredInvalid
    """
    return {language: _cut(language, said) for language, said in read_corpus(folder).items()}


def from_examples(packs: Sequence[Pack]) -> Mapping[Language, Material]:
    """The same from the examples of packs, where there is no corpus."""
    said: dict[Language, list[Stored]] = {language: [] for language in Language}
    for pack in packs:
        for rule in pack.policies:
            for example in (*rule.tests.must_match, *rule.tests.must_not_match):
                language = Language.EN if example.last.isascii() else Language.ZH
                said[language].append(Stored("", "", language, example.last, 0.0, 0.0))
    return {language: _cut(language, found) for language, found in said.items()}


def _cut(language: Language, said: Sequence[Stored]) -> Material:
    words: list[str] = []
    for stored in said:
        words += _letters(stored.text) if language is Language.ZH else stored.text.split()
    size = _CHARACTERS if language is Language.ZH else _WORDS
    cut = [
        language.separator.join(words[at : at + size])
        for at in range(0, len(words) - size + 1, size)
    ]
    random.Random(1).shuffle(cut)
    least = 1 if language is Language.ZH else 3
    plain = sorted({each.lower() for each in words if each.isalpha() and len(each) >= least})
    return Material(cut[:_SENTENCES], plain)


def _letters(text: str) -> list[str]:
    return [char for char in text if char.isalpha() and not char.isascii()]


def phrases(material: Material, language: Language, count: int) -> list[str]:
    """Two to four words each, or three to seven characters, as those of the shipped packs are."""
    chance = random.Random(2)
    sizes = (3, 4, 5, 6, 7) if language is Language.ZH else (2, 3, 4)
    found: dict[str, str] = {}
    while len(found) < count:
        words = chance.choices(material.vocabulary, k=chance.choice(sizes))
        phrase = language.separator.join(words)
        plain = normalize(phrase, language).text
        if sum(map(str.isalnum, plain)) >= SHORTEST[language]:
            found.setdefault(plain, phrase)
    return list(found.values())


def pack_text(listed: Sequence[str], language: Language, tolerance: str = "by_length") -> str:
    """A pack file that listens for phrases."""
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
            f"     must_not_match: [{', '.join(_nothing(language))}]}},",
            f"     match: {{words: {{tolerance: {tolerance}, phrases: {{{language}: [",
            ",\n".join(f"      {_quoted(phrase)}" for phrase in some),
            "     ]}}}}",
        ]
    return "\n".join(lines) + "\n"


def listening(listed: Sequence[str], language: Language, tolerance: str = "by_length") -> Pack:
    return load_text(pack_text(listed, language, tolerance), "bench")


def _quoted(phrase: str) -> str:
    return "'" + phrase.replace("'", "''") + "'"


def _nothing(language: Language) -> Sequence[str]:
    return ("啊嗯", "呃嗯", "唔呃") if language is Language.ZH else ("um", "uh", "hm")
