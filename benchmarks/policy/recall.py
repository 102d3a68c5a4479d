"""What is heard of phrases that a recogniser got wrong, and how often chance sounds like them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.policy.material import pack_text
from benchmarks.rows import Row
from policies.corpus import measure
from policies.language import Language
from policies.listener import spoken_length
from policies.load import load_text
from policies.matcher import Matcher
from policies.normalize import normalize
from policies.spoken import Context, Spoken
from policies.stored import Stored
from policies.tolerance import SHORTEST, Tolerance

_NOWHERE = Context("room", "speaker")
RECALL_BARS = {Language.EN: 0.95, Language.ZH: 0.93}
ALARM_BARS = {Language.EN: 0.11, Language.ZH: 0.12}


def recall(file: Path, benign: Mapping[Language, Sequence[Stored]]) -> Iterator[Row]:
    """`file`: `{carriers: {en: ["so %s then"]}, en: {phrase: [as it was misheard]}}`."""
    noise = json.loads(file.read_text("utf-8"))
    for language in Language:
        yield from _language(noise, language, benign.get(language, ()))


def _language(
    noise: Mapping[str, Mapping[str, Sequence[str]]], language: Language, benign: Sequence[Stored]
) -> Iterator[Row]:
    listed, carriers = noise[language], noise["carriers"][language]
    least = SHORTEST[language][Tolerance.NEAR]
    long = [each for each in listed if _length(each, language) >= least]
    name = f"{language_name(language)} phrases misheard"
    if language is Language.EN:
        share = _recall(listed, long, carriers, language)
        yield Row(f"{name}, of {least} sounds or more", share, "", RECALL_BARS[language], True)
        yield Row(f"{name}, all", _recall(listed, list(listed), carriers, language), "")
    else:
        share = _recall(listed, list(listed), carriers, language)
        yield Row(f"{name}, all", share, "", RECALL_BARS[language], True)
    exact = _recall(listed, list(listed), carriers, language, "exact")
    yield Row(f"{name}, exact layer only", exact, "")
    if benign:
        matcher = Matcher([load_text(pack_text(list(listed), language), "bench")])
        rate = measure(matcher, language, benign).rate()
        yield Row(
            f"false alarms of these {len(listed)} phrases, {language_name(language)}",
            round(rate, 3),
            "/h",
            ALARM_BARS[language],
        )


def _recall(
    listed: Mapping[str, Sequence[str]],
    wanted: Sequence[str],
    carriers: Sequence[str],
    language: Language,
    tolerance: str = "by_length",
) -> float:
    """Share of the misheard phrases, each in every carrier, of which the right one is found."""
    found = total = 0
    for each in wanted:
        matcher = Matcher([load_text(pack_text([each], language, tolerance), "bench")])
        for misheard in listed[each]:
            for carrier in carriers:
                total += 1
                found += bool(matcher.match(Spoken(carrier % misheard, language), _NOWHERE))
    return round(found / total, 3)


def _length(phrase: str, language: Language) -> int:
    return spoken_length(language, normalize(phrase, language))


def language_name(language: Language) -> str:
    return "English" if language is Language.EN else "Mandarin"
