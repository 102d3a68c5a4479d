"""One language: every phrase and pattern of all rules, and the layers that hear them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from policies.judging.exceptions import ALLOWED
from policies.language import Language
from policies.matchers.exact import ExactPhrases
from policies.matchers.hit import Hit
from policies.matchers.patterns import Patterns
from policies.matchers.phones import EnglishPhones, sound_length
from policies.matchers.pinyin import MandarinSyllables, syllable_length
from policies.normalize import Normalized, phrase
from policies.pack import Rule
from policies.tolerance import Tolerance, resolve

Owner = tuple[int, str]
"""Number of a rule, and one of its groups or `ALLOWED`."""


class Listener:
    """Compiled once, then only read: threads may share it.

    Args:
        rules: With their numbers.
    """

    def __init__(self, rules: Iterable[tuple[int, Rule]], language: Language) -> None:
        owners: dict[tuple[str, Tolerance | None], list[Owner]] = {}
        for number, rule in rules:
            if language in rule.languages:
                for wanted, tolerance, group in _listened_for(rule, language):
                    owners.setdefault((wanted, tolerance), []).append((number, group))
        self.language = language
        self.wanted: Sequence[str] = [wanted for wanted, _ in owners]
        """Phrases and patterns as written, by their number in `Hit.entry`."""
        self.owners: Sequence[tuple[Owner, ...]] = [
            tuple(dict.fromkeys(o)) for o in owners.values()
        ]
        phrases: dict[int, tuple[Normalized, Tolerance]] = {}
        patterns: dict[int, str] = {}
        for entry, (wanted, tolerance) in enumerate(owners):
            if tolerance is None:
                patterns[entry] = wanted
            else:
                words = phrase(wanted, language)
                if words.words:
                    phrases[entry] = (words, concrete(tolerance, language, words))
        self._exact = ExactPhrases({n: words for n, (words, _) in phrases.items()}, language)
        self._patterns = Patterns(patterns)
        sounds = MandarinSyllables if language is Language.ZH else EnglishPhones
        self._sounds = sounds(phrases)

    def hear(self, words: Normalized) -> Sequence[Hit]:
        """Of each phrase and pattern the places at which it was heard, the surest of those that
        overlap; in the order in which they were said."""
        exact = [*self._exact.find(words), *self._patterns.find(words)]
        sure = {(hit.entry, hit.first, hit.last) for hit in exact}
        alike = [
            hit for hit in self._sounds.find(words) if (hit.entry, hit.first, hit.last) not in sure
        ]
        if not alike:
            return sorted(exact, key=_place)
        return sorted(_surest([*exact, *alike]), key=_place)


def _listened_for(rule: Rule, language: Language) -> Iterator[tuple[str, Tolerance | None, str]]:
    """Phrase and tolerance, or pattern and None, with the name of its group."""
    for name, group in rule.match.items():
        for words in group.phrases.of(language):
            yield words, group.tolerance, name
        for pattern in group.patterns.of(language):
            yield pattern, None, name
    for words in rule.except_.allow.of(language):
        yield words, Tolerance.EXACT, ALLOWED


def concrete(tolerance: Tolerance, language: Language, words: Normalized) -> Tolerance:
    """How far from a phrase may be heard, given its length."""
    if tolerance is not Tolerance.BY_LENGTH:
        return tolerance
    return resolve(tolerance, language, spoken_length(language, words))


def spoken_length(language: Language, words: Normalized) -> int:
    """Sounds of an English phrase, syllables of a Chinese one."""
    if language is Language.ZH:
        return syllable_length(words.words)
    return sound_length(words.words)


def _surest(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Of one phrase's hits that overlap, the one that is nearest to it."""
    taken: set[tuple[int, int]] = set()
    for hit in sorted(hits, key=lambda hit: (hit.distance, hit.layer, hit.first, hit.last)):
        here = {(hit.entry, word) for word in range(hit.first, hit.last + 1)}
        if taken.isdisjoint(here):
            taken |= here
            yield hit


def _place(hit: Hit) -> tuple[int, int, int]:
    return hit.first, hit.last, hit.entry
