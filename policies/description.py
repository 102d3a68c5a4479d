"""Matches made from judgements: places in the text, and the reasons in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from policies.alignment import align_words
from policies.judging.found import Found, PlacedUtterance
from policies.judging.judgement import Judgement
from policies.listen import Effect
from policies.match import AS_WRITTEN, Match, Span
from policies.normalize import normalize
from policies.spoken import Spoken

_MOST_QUOTES = 3
_LONGEST_QUOTE = 120
_READING_DISCOUNT = 0.9
"""Factor on the score for each less likely reading."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of the sound; number 0 is the text itself."""

    number: int
    spoken: Spoken


def describe_match(
    spoken: Spoken, reading: Reading, judgement: Judgement, wanted: Sequence[str]
) -> Match:
    """Return the match of a judgement that applies; `wanted` holds the phrases by `Hit.entry`."""
    pack, rule = judgement.pack, judgement.rule
    found = list(_everything(judgement))
    here = [each for each in found if each.utterance.now]
    surest = min(here, key=lambda each: (each.hit.distance, each.hit.layer))
    spans = _merge(_spans(spoken, reading, here))
    return Match(
        pack=pack.pack,
        pack_version=pack.version,
        rule_id=rule.id,
        severity=judgement.severity,
        category=rule.category.value,
        spans=spans,
        explanation=_explain(spoken, reading, judgement, spans, wanted),
        cooldown_s=rule.cooldown_s,
        rule_version=rule.version or pack.version,
        status=rule.status,
        layer=surest.hit.layer,
        distance=round(max(each.hit.distance for each in found), 4),
        score=round(_score(judgement) * _READING_DISCOUNT**reading.number, 2),
        review=judgement.review,
        excused_by=judgement.excused_by,
        actions=rule.actions,
        raised_from=rule.severity if judgement.raised else None,
        reached=bool(judgement.raised and judgement.raised.reached),
        times=_times(spoken, spans),
        reading=reading.number,
        title=rule.title,
        subcategory=rule.subcategory or "",
    )


def _everything(judgement: Judgement) -> Iterable[Found]:
    places = (place.occurrence for place in judgement.counting)
    return dict.fromkeys(each for place in places for each in place.everything)


def _score(judgement: Judgement) -> float:
    return max(place.occurrence.score for place in judgement.counting)


def _spans(spoken: Spoken, reading: Reading, found: Sequence[Found]) -> Iterator[Span]:
    if reading.number == 0:
        yield from (each.span for each in found)
        return
    words = normalize(spoken.text, found[0].utterance.language)
    for each in found:
        others = each.utterance.words.words
        place = align_words(others, each.hit.first, each.hit.last, words.words)
        if place is not None:
            yield words.span(*place)


def _times(spoken: Spoken, spans: Sequence[Span]) -> tuple[tuple[float, float], ...]:
    if not spoken.times or not spans:
        return ()
    low, high = spoken.times[0], spoken.times[-1]
    found = []
    for start, end in spans:
        inside = [timed for timed in spoken.times if timed.start < end and timed.end > start]
        first, last = (inside[0], inside[-1]) if inside else (low, high)
        found.append((first.from_s, last.to_s))
    return tuple(found)


def _merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sort spans, and join those that share a code point."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _explain(
    spoken: Spoken,
    reading: Reading,
    judgement: Judgement,
    spans: Sequence[Span],
    wanted: Sequence[str],
) -> str:
    rule = judgement.rule
    found = list(_everything(judgement))
    quotes = _quotes([spoken.text[start:end] for start, end in spans], mask=rule.mask)
    alike = _quotes(_unlike(reading, found, wanted), mask=rule.mask)
    before = _quotes(
        [_text(each.utterance, each) for each in found if not each.utterance.now], rule.mask
    )
    heard = f"heard {quotes}"
    if alike:
        heard += f", which may be {alike}" if reading.number else f", which sounds like {alike}"
    if before:
        heard += f", after {before}"
    return f"{heard}: {rule.title}{''.join(_notes(judgement))}"


def _unlike(reading: Reading, found: Sequence[Found], wanted: Sequence[str]) -> list[str]:
    """Return the phrases that were found where the text has other words."""
    now = [each for each in found if each.utterance.now]
    return [
        wanted[each.hit.entry] for each in now if reading.number or each.hit.layer not in AS_WRITTEN
    ]


def _notes(judgement: Judgement) -> Iterator[str]:
    if judgement.excused_by:
        lowered = judgement.rule.except_.effect is Effect.LOWER
        yield f" ({'lowered' if lowered else 'for review'}: {'; '.join(judgement.excused_by)})"
    elif judgement.review:
        yield " (for review)"
    if judgement.raised:
        yield f" ({judgement.raised.count} times: raised to {judgement.raised.severity})"


def _text(said: PlacedUtterance, each: Found) -> str:
    return said.language.separator.join(said.words.words[each.hit.first : each.hit.last + 1])


def _quotes(texts: Iterable[str], mask: bool = False) -> str:
    words = [" ".join(text.split()) for text in texts]
    if mask:
        words = [mask_words(each) for each in words]
    short = [w if len(w) <= _LONGEST_QUOTE else w[: _LONGEST_QUOTE - 1] + "…" for w in words]
    different = list(dict.fromkeys(short))
    more = "" if len(different) <= _MOST_QUOTES else f" and {len(different) - _MOST_QUOTES} more"
    return ", ".join(f"“{quote}”" for quote in different[:_MOST_QUOTES]) + more


def mask_words(text: str) -> str:
    """Keep the first character of each word, and replace the others by dots."""
    return " ".join(word[0] + "•" * (len(word) - 1) for word in text.split())
