"""Explanation of a sentence: the hits of each layer, and each rule's verdict with its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.description import mask_words
from policies.judging.exceptions import ALLOWED
from policies.judging.found import Found
from policies.judging.judgement import Judged, Judgement
from policies.listen import Near
from policies.listener import Listener
from policies.match import AS_WRITTEN, Layer, RuleStatus
from policies.matcher import Matcher
from policies.matchers.hit import Hit
from policies.normalize import Normalized, normalize
from policies.pack import Rule
from policies.severity import Severity
from policies.spoken import Context, Spoken


@dataclass(frozen=True, slots=True)
class Heard:
    """A phrase or pattern that a layer found.

    Attributes:
        said: Words of the text.
        wanted: Phrase or pattern.
        distance: Weighted share of its sounds that differ; 0 if none does.
    """

    said: str
    wanted: str
    distance: float


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that match a group of a rule.

    Attributes:
        earlier: They are in an earlier utterance.
    """

    text: str
    earlier: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """A place at which a rule's conditions hold, and the exceptions that apply there."""

    at: Sequence[Quote]
    score: float
    excused_by: Sequence[str]


@dataclass(frozen=True, slots=True)
class Repeated:
    """Hits of a rule, and the severity that they raised it to."""

    times: int
    raised_to: Severity


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Verdict on a rule with a phrase in the sentence.

    Attributes:
        verdict: Verdict in words.
        severity: Severity of the match; None if the rule does not apply.
        groups: Words that match each group of the rule.
        shortfalls: Reasons that its conditions do not hold.
        places: Places at which its conditions hold.
        out_of_scope: Reason that the rule does not apply here; empty if it does.
        repeated: Effect of repetition; None if there is none.
    """

    pack: str
    rule_id: str
    status: RuleStatus
    applies: bool
    verdict: str
    severity: Severity | None
    groups: Mapping[str, Sequence[Quote]]
    shortfalls: Sequence[str]
    places: Sequence[Holds]
    out_of_scope: str
    repeated: Repeated | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of a sentence.

    Attributes:
        words: Normalised text.
        sounds: Its pronunciation.
        layers: Hits of each layer, the surest layer first.
        rules: Verdicts on the rules with a phrase in the sentence.
    """

    words: str
    sounds: str
    layers: Mapping[Layer, Sequence[Heard]]
    rules: Sequence[RuleVerdict]


def explain_sentence(matcher: Matcher, spoken: Spoken, context: Context) -> Explanation | None:
    """Explain a sentence; None if its language has no plug-in. Masked words stay masked."""
    listener = matcher.listener(spoken.language)
    if listener is None:
        return None
    language = listener.language
    words = normalize(spoken.text, language)
    judgements = matcher.judgements(spoken, context)
    hidden = {found.hit.entry for each in judgements if each.rule.mask for found in each.found}
    return Explanation(
        words=language.separator.join(words.words),
        sounds=language.sounds.spell(words.words),
        layers=_layers(listener, words, hidden),
        rules=[_rule(each) for each in judgements],
    )


def explain_in_lines(matcher: Matcher, spoken: Spoken, context: Context) -> Iterator[str]:
    """Yield the explanation line by line, for people."""
    found = explain_sentence(matcher, spoken, context)
    if found is None:
        yield f"no rule has phrases in '{spoken.language}'"
        return
    yield f"words: {found.words}"
    yield f"sounds: {found.sounds}"
    for layer, hits in found.layers.items():
        yield f"layer {layer}: {'' if hits else 'nothing'}".rstrip()
        for hit in hits:
            yield f"    {_heard_line(layer, hit)}"
    for rule in found.rules:
        yield from _rule_lines(rule)
    applying = sum(each.applies for each in found.rules)
    yield f"{applying} of {len(found.rules)} rules that heard anything apply"


def _layers(
    listener: Listener, words: Normalized, hidden: set[int]
) -> dict[Layer, Sequence[Heard]]:
    hits = listener.find_phrases(words)
    layers = (*AS_WRITTEN, listener.language.sounds.layer)
    return {
        layer: [_heard(listener, words, hit, hidden) for hit in hits if hit.layer is layer]
        for layer in layers
    }


def _heard(listener: Listener, words: Normalized, hit: Hit, hidden: set[int]) -> Heard:
    said = listener.language.separator.join(words.words[hit.first : hit.last + 1])
    wanted = listener.wanted[hit.entry]
    if hit.entry in hidden:
        said, wanted = mask_words(said), mask_words(wanted)
    return Heard(said, wanted, hit.distance)


def _rule(judgement: Judgement) -> RuleVerdict:
    rule, found = judgement.rule, judgement.found
    raised = judgement.raised
    applies = judgement.applies and bool(judgement.places)
    return RuleVerdict(
        pack=judgement.pack.pack,
        rule_id=rule.id,
        status=rule.status,
        applies=applies,
        verdict=_verdict(judgement),
        severity=judgement.severity if applies else None,
        groups={
            name: [_quote(each, rule) for each in found if each.group == name]
            for name in rule.match
        },
        shortfalls=() if judgement.places else list(_shortfalls(rule, found)),
        places=[_place(place, rule) for place in judgement.places],
        out_of_scope=judgement.scope,
        repeated=Repeated(raised.count, raised.severity) if raised else None,
    )


def _verdict(judgement: Judgement) -> str:
    if not judgement.places:
        return "its conditions do not hold"
    if judgement.scope:
        return "does not apply here"
    if not judgement.applies:
        return "suppressed by an exception"
    review = ", for review" if judgement.review else ""
    return f"applies at {judgement.severity}{review}"


def _quote(found: Found, rule: Rule) -> Quote:
    words = found.utterance.words.words[found.hit.first : found.hit.last + 1]
    text = found.utterance.language.separator.join(words)
    return Quote(mask_words(text) if rule.mask else text, not found.utterance.now)


def _place(place: Judged, rule: Rule) -> Holds:
    at = [_quote(each, rule) for each in place.occurrence.found]
    return Holds(at, place.occurrence.score, place.excused_by)


def _shortfalls(rule: Rule, found: Sequence[Found]) -> Iterator[str]:
    heard = {each.group for each in found} - {ALLOWED}
    wanted = (*rule.when.all, *(rule.when.near.groups if rule.when.near else ()))
    missing = [name for name in dict.fromkeys(wanted) if name not in heard]
    if missing:
        yield f"missing: {', '.join(missing)}"
    elif rule.when.near is not None:
        yield from _too_far(rule.when.near, found)
    if rule.when.any and heard.isdisjoint(rule.when.any):
        yield f"missing: one of {', '.join(rule.when.any)}"
    if rule.when.score is not None:
        score = sum(rule.match[name].weight for name in heard if name in rule.match)
        yield f"score at most {score}, {rule.when.score} needed"


def _too_far(near: Near, found: Sequence[Found]) -> Iterator[str]:
    firsts = [next(each for each in found if each.group == name) for name in near.groups]
    firsts.sort(key=lambda each: each.first)
    words = sum(
        max(0, after.first - before.last - 1)
        for before, after in zip(firsts, firsts[1:], strict=False)
    )
    seconds = max(0.0, firsts[-1].seconds[0] - firsts[0].seconds[1])
    limits = []
    if near.within_words is not None:
        limits.append(f"{near.within_words} words")
    if near.within_seconds is not None:
        limits.append(f"{near.within_seconds:g} s")
    order = f", in the order {', '.join(near.groups)}" if near.ordered else ""
    yield f"near: {words} words and {seconds:.1f} s apart; within {' and '.join(limits)}{order}"


def _heard_line(layer: Layer, heard: Heard) -> str:
    if layer is Layer.PATTERN:
        return f"“{heard.said}” fits {heard.wanted}"
    distance = f", distance {heard.distance:.3f}" if heard.distance else ""
    same = "is" if layer is Layer.EXACT else "sounds like"
    return f"“{heard.said}” {same} “{heard.wanted}”{distance}"


def _rule_lines(rule: RuleVerdict) -> Iterator[str]:
    yield f"rule {rule.pack}/{rule.rule_id} ({rule.status}): {rule.verdict}"
    for name, quotes in rule.groups.items():
        yield f"    {name}: {', '.join(map(_quoted, quotes)) or 'not heard'}"
    for reason in rule.shortfalls:
        yield f"    {reason}"
    for place in rule.places:
        text = " + ".join(map(_quoted, place.at))
        excused = f"; {'; '.join(place.excused_by)}" if place.excused_by else ""
        yield f"    holds at {text}, score {place.score:g}{excused}"
    if rule.out_of_scope:
        yield f"    out of scope: {rule.out_of_scope}"
    if rule.repeated is not None:
        yield f"    repeated: {rule.repeated.times} times, raised to {rule.repeated.raised_to}"


def _quoted(quote: Quote) -> str:
    return f"“{quote.text}”{' (earlier)' if quote.earlier else ''}"
