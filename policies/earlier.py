"""Earlier utterances, for rules that match over several of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from policies.judging.found import Found, PlacedUtterance
from policies.listener import Listener
from policies.matchers.hit import Hit
from policies.normalize import Normalized, normalize
from policies.pack import Rule
from policies.spoken import Context, Earlier


class _Matched(NamedTuple):
    earlier: Earlier
    listener: Listener
    words: Normalized
    hits: Sequence[Hit]


class EarlierUtterances:
    """Utterances before one, matched only if a rule asks for them."""

    def __init__(self, listeners: Mapping[str, Listener], context: Context) -> None:
        self._listeners = listeners
        self._context = context
        self._matched: dict[int, _Matched | None] = {}

    def find_phrases(self, number: int, rule: Rule) -> Iterator[Found]:
        """Yield the phrases of a rule, given with its number, in utterances that count for it."""
        if rule.context.utterances == 1:
            return
        counting = [
            place for place, each in enumerate(self._context.earlier) if self._counts(each, rule)
        ]
        matched = [self._match(place) for place in counting[-(rule.context.utterances - 1) :]]
        offset = -sum(len(each.words.words) for each in matched if each)
        for each in filter(None, matched):
            language = each.listener.language
            from_s = -each.earlier.ago_s
            said = PlacedUtterance(each.words, language, offset=offset, from_s=from_s, now=False)
            for hit in each.hits:
                for owner, group in each.listener.owners[hit.entry]:
                    if owner == number:
                        yield Found(group, said, hit)
            offset += len(each.words.words)

    def _counts(self, earlier: Earlier, rule: Rule) -> bool:
        same = not rule.context.same_speaker or earlier.speaker_id == self._context.speaker_id
        return same and 0 <= earlier.ago_s <= rule.context.seconds

    def _match(self, place: int) -> _Matched | None:
        if place not in self._matched:
            earlier = self._context.earlier[place]
            listener = self._listeners.get(earlier.language)
            if listener is None:
                self._matched[place] = None
            else:
                words = normalize(earlier.text, listener.language)
                hits = listener.find_phrases(words)
                self._matched[place] = _Matched(earlier, listener, words, hits)
        return self._matched[place]
