"""Which rules apply to what was said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policies.language import Language
from policies.match import Match, Span
from policies.matchers.exact import ExactPhrases
from policies.normalize import normalize
from policies.pack import Pack, Rule
from policies.spoken import Context, Spoken

_MOST_QUOTES = 3
_LONGEST_QUOTE = 120


@dataclass(frozen=True, slots=True)
class _Listener:
    """One language: its phrases, and for each the rules that have it."""

    exact: ExactPhrases
    owners: tuple[tuple[int, ...], ...]


class Matcher:
    """Compiled once and never changed: to change the packs, make another and swap it in."""

    __slots__ = ("_listeners", "_rules")

    def __init__(self, packs: Sequence[Pack]) -> None:
        rules = [(pack, rule) for pack in packs for rule in pack.policies]
        rules.sort(key=lambda entry: -entry[1].severity.rank)
        self._rules: tuple[tuple[Pack, Rule], ...] = tuple(rules)
        self._listeners = {language.value: self._listen(language) for language in Language}

    def match(self, spoken: Spoken, context: Context) -> list[Match]:
        """One for each rule that applies, the gravest first, then in the order of the packs."""
        listener = self._listeners.get(spoken.language)
        if listener is None:
            return []
        found: dict[int, list[Span]] = {}
        for phrase, span in listener.exact.find(normalize(spoken.text, Language(spoken.language))):
            if span[1] > spoken.new_from:
                for number in listener.owners[phrase]:
                    found.setdefault(number, []).append(span)
        return [
            self._say(spoken.text, number, _merge(found[number]))
            for number in sorted(found)
            if context.packs is None or self._rules[number][0].pack in context.packs
        ]

    def _listen(self, language: Language) -> _Listener:
        owners: dict[str, list[int]] = {}
        for number, (_, rule) in enumerate(self._rules):
            if language in rule.languages:
                for phrase in dict.fromkeys(rule.match.phrases.of(language)):
                    owners.setdefault(phrase, []).append(number)
        return _Listener(ExactPhrases(list(owners), language), tuple(map(tuple, owners.values())))

    def _say(self, text: str, number: int, spans: tuple[Span, ...]) -> Match:
        pack, rule = self._rules[number]
        return Match(
            pack=pack.pack,
            pack_version=pack.version,
            rule_id=rule.id,
            severity=rule.severity,
            category=rule.category.value,
            spans=spans,
            explanation=f"heard {_quotes(text, spans)}: {rule.title}",
            cooldown_s=rule.cooldown_s,
        )


def _merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """In order; those that share a code point become one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _quotes(text: str, spans: Sequence[Span]) -> str:
    words = [" ".join(text[start:end].split()) for start, end in spans]
    short = [w if len(w) <= _LONGEST_QUOTE else w[: _LONGEST_QUOTE - 1] + "…" for w in words]
    different = list(dict.fromkeys(short))
    more = "" if len(different) <= _MOST_QUOTES else f" and {len(different) - _MOST_QUOTES} more"
    return ", ".join(f"“{quote}”" for quote in different[:_MOST_QUOTES]) + more
