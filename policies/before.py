"""What was said before, of the rules that listen over several utterances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from policies.judging.found import Found, Said
from policies.listener import Listener
from policies.matchers.hit import Hit
from policies.normalize import Normalized, normalize
from policies.pack import Rule
from policies.spoken import Context, Earlier


class _Heard(NamedTuple):
    earlier: Earlier
    listener: Listener
    words: Normalized
    hits: Sequence[Hit]


class Before:
    """The utterances before one, heard again only if a rule asks for them."""

    def __init__(self, listeners: Mapping[str, Listener], context: Context) -> None:
        self._listeners = listeners
        self._context = context
        self._heard: dict[int, _Heard | None] = {}

    def found(self, number: int, rule: Rule) -> Iterator[Found]:
        """What of a rule (with its number) was found in the utterances that count for it."""
        if rule.context.utterances == 1:
            return
        counting = [
            place for place, each in enumerate(self._context.earlier) if self._counts(each, rule)
        ]
        heard = [self._hear(place) for place in counting[-(rule.context.utterances - 1) :]]
        offset = -sum(len(each.words.words) for each in heard if each)
        for each in filter(None, heard):
            language = each.listener.language
            from_s = -each.earlier.ago_s
            said = Said(each.words, language, offset=offset, from_s=from_s, now=False)
            for hit in each.hits:
                for owner, group in each.listener.owners[hit.entry]:
                    if owner == number:
                        yield Found(group, said, hit)
            offset += len(each.words.words)

    def _counts(self, earlier: Earlier, rule: Rule) -> bool:
        same = not rule.context.same_speaker or earlier.speaker_id == self._context.speaker_id
        return same and 0 <= earlier.ago_s <= rule.context.seconds

    def _hear(self, place: int) -> _Heard | None:
        if place not in self._heard:
            earlier = self._context.earlier[place]
            listener = self._listeners.get(earlier.language)
            if listener is None:
                self._heard[place] = None
            else:
                words = normalize(earlier.text, listener.language)
                self._heard[place] = _Heard(earlier, listener, words, listener.hear(words))
        return self._heard[place]
