"""Every phrase and pattern of all rules in one language, compiled for matching."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from policies.judging.exceptions import ALLOWED
from policies.languages.plugin import LanguagePlugin
from policies.matchers.exact import ExactPhrases
from policies.matchers.hit import Hit
from policies.matchers.patterns import Patterns
from policies.normalize import Normalized, normalize_phrase
from policies.pack import Rule
from policies.tolerance import Tolerance, resolve_tolerance

Owner = tuple[int, str]
"""Number of a rule, and one of its groups or `ALLOWED`."""


class Listener:
    """Compiled layers of one language. Read-only, so that threads can share it.

    Args:
        rules: Rules with their numbers.
        language: Language of the phrases to compile.

    Attributes:
        wanted: Phrases and patterns as written, by their number in `Hit.entry`.
        owners: Rules and groups of each phrase or pattern, by the same number.
    """

    def __init__(self, rules: Iterable[tuple[int, Rule]], language: LanguagePlugin) -> None:
        owners: dict[tuple[str, Tolerance | None], list[Owner]] = {}
        for number, rule in rules:
            if language.code in rule.languages:
                for wanted, tolerance, group in _phrases_and_patterns(rule, language.code):
                    owners.setdefault((wanted, tolerance), []).append((number, group))
        self.language = language
        self.wanted: Sequence[str] = [wanted for wanted, _ in owners]
        self.owners: Sequence[tuple[Owner, ...]] = [
            tuple(dict.fromkeys(o)) for o in owners.values()
        ]
        phrases: dict[int, tuple[Normalized, Tolerance]] = {}
        patterns: dict[int, str] = {}
        for entry, (wanted, tolerance) in enumerate(owners):
            if tolerance is None:
                patterns[entry] = wanted
            else:
                words = normalize_phrase(wanted, language)
                if words.words:
                    phrases[entry] = (words, phrase_tolerance(tolerance, language, words))
        exact = {number: words for number, (words, _) in phrases.items()}
        self._exact = ExactPhrases(exact, language.separator)
        self._patterns = Patterns(patterns)
        self._sounds = language.sounds.compile(phrases)

    @property
    def layers(self) -> tuple[object, ...]:
        """The compiled layers: exact phrases, patterns, sounds."""
        return self._exact, self._patterns, self._sounds

    def find_phrases(self, words: Normalized) -> Sequence[Hit]:
        """Return the hits of all phrases and patterns in the order of their places.

        Of hits of one phrase that overlap, only the surest is returned.
        """
        exact = [*self._exact.find_hits(words), *self._patterns.find_hits(words)]
        sure = {(hit.entry, hit.first, hit.last) for hit in exact}
        alike = [
            hit
            for hit in self._sounds.find_hits(words)
            if (hit.entry, hit.first, hit.last) not in sure
        ]
        if not alike:
            return sorted(exact, key=_place)
        return sorted(_surest([*exact, *alike]), key=_place)


def _phrases_and_patterns(rule: Rule, code: str) -> Iterator[tuple[str, Tolerance | None, str]]:
    """Yield phrase and tolerance, or pattern and None, with the name of the group."""
    for name, group in rule.match.items():
        for words in group.phrases.in_language(code):
            yield words, group.tolerance, name
        for pattern in group.patterns.in_language(code):
            yield pattern, None, name
    for words in rule.except_.allow.in_language(code):
        yield words, Tolerance.EXACT, ALLOWED


def phrase_tolerance(
    tolerance: Tolerance, language: LanguagePlugin, words: Normalized
) -> Tolerance:
    """Return the tolerance of a phrase, given its length: never `BY_LENGTH`."""
    if tolerance is not Tolerance.BY_LENGTH:
        return tolerance
    sounds = language.sounds
    return resolve_tolerance(tolerance, sounds.count(words.words), sounds.shortest)


def _surest(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Yield the nearest of the overlapping hits of each phrase."""
    taken: set[tuple[int, int]] = set()
    for hit in sorted(hits, key=lambda hit: (hit.distance, hit.layer, hit.first, hit.last)):
        here = {(hit.entry, word) for word in range(hit.first, hit.last + 1)}
        if taken.isdisjoint(here):
            taken |= here
            yield hit


def _place(hit: Hit) -> tuple[int, int, int]:
    return hit.first, hit.last, hit.entry
