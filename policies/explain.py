"""Why rules apply to a sentence or do not: what each layer heard, and each rule's verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.judging.exceptions import ALLOWED
from policies.judging.found import Found
from policies.judging.judgement import Judged, Judgement
from policies.language import Language
from policies.listen import Near
from policies.listener import Listener
from policies.match import Layer
from policies.matcher import Matcher
from policies.matchers.hit import Hit
from policies.normalize import Normalized, normalize
from policies.pack import Rule
from policies.pronouncing.english import sounds
from policies.pronouncing.pinyin import spelled, syllable
from policies.saying import masked
from policies.spoken import Context, Spoken


def explain(matcher: Matcher, spoken: Spoken, context: Context) -> Iterator[str]:
    """Line by line, for people."""
    try:
        language = Language(spoken.language)
    except ValueError:
        yield f"no rule has phrases in '{spoken.language}'"
        return
    listener = matcher.listener(language)
    words = normalize(spoken.text, language)
    yield f"words: {language.separator.join(words.words)}"
    yield f"sounds: {_sounds(words, language)}"
    judgements = matcher.judgements(spoken, context)
    hidden = {found.hit.entry for each in judgements if each.rule.mask for found in each.found}
    yield from _layers(listener, words, hidden)
    for judgement in judgements:
        yield from _judgement(judgement, listener)
    applying = [each for each in judgements if each.applies and each.places]
    yield f"{len(applying)} of {len(judgements)} rules that heard anything apply"


def _sounds(words: Normalized, language: Language) -> str:
    if language is Language.ZH:
        coded = ((word, syllable(word)) for word in words.words)
        return " ".join(spelled(code) if code else word for word, code in coded)
    return " ".join((sounds(word) or ("?",))[0] for word in words.words)


def _layers(listener: Listener, words: Normalized, hidden: set[int]) -> Iterator[str]:
    hits = listener.hear(words)
    layers = [Layer.EXACT, Layer.PATTERN]
    layers.append(Layer.PINYIN if listener.language is Language.ZH else Layer.PHONES)
    for layer in layers:
        heard = [hit for hit in hits if hit.layer is layer]
        yield f"layer {layer}: {'' if heard else 'nothing'}".rstrip()
        for hit in heard:
            yield f"    {_hit(listener, words, hit, hidden)}"


def _hit(listener: Listener, words: Normalized, hit: Hit, hidden: set[int]) -> str:
    said = listener.language.separator.join(words.words[hit.first : hit.last + 1])
    wanted = listener.wanted[hit.entry]
    if hit.entry in hidden:
        said, wanted = masked(said), masked(wanted)
    if hit.layer is Layer.PATTERN:
        return f"“{said}” fits {wanted}"
    distance = f", distance {hit.distance:.3f}" if hit.distance else ""
    same = "is" if hit.layer is Layer.EXACT else "sounds like"
    return f"“{said}” {same} “{wanted}”{distance}"


def _judgement(judgement: Judgement, listener: Listener) -> Iterator[str]:
    rule = judgement.rule
    yield f"rule {judgement.pack.pack}/{rule.id} ({rule.status}): {_verdict(judgement)}"
    for name in rule.match:
        heard = [each for each in judgement.found if each.group == name]
        yield f"    {name}: {_places(heard, rule) if heard else 'not heard'}"
    if not judgement.places:
        for reason in _shortfalls(rule, judgement.found):
            yield f"    {reason}"
    for place in judgement.places:
        yield f"    {_place(place, rule)}"
    if judgement.scope:
        yield f"    out of scope: {judgement.scope}"
    if judgement.raised:
        count, severity = judgement.raised.count, judgement.raised.severity
        yield f"    repeated: {count} times, raised to {severity}"


def _verdict(judgement: Judgement) -> str:
    if not judgement.places:
        return "its conditions do not hold"
    if judgement.scope:
        return "does not apply here"
    if not judgement.applies:
        return "suppressed by an exception"
    review = ", for review" if judgement.review else ""
    return f"applies at {judgement.severity}{review}"


def _places(heard: Sequence[Found], rule: Rule) -> str:
    return ", ".join(_quote(each, rule) for each in heard)


def _quote(found: Found, rule: Rule) -> str:
    words = found.said.words.words[found.hit.first : found.hit.last + 1]
    text = found.said.language.separator.join(words)
    earlier = "" if found.said.now else " (earlier)"
    return f"“{masked(text) if rule.mask else text}”{earlier}"


def _place(place: Judged, rule: Rule) -> str:
    found = place.occurrence.found
    text = " + ".join(_quote(each, rule) for each in found)
    excused = f"; {'; '.join(place.excused_by)}" if place.excused_by else ""
    return f"holds at {text}, score {place.occurrence.score:g}{excused}"


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
