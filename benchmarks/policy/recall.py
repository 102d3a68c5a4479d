"""Recall of phrases that a recogniser got wrong, and false alarms by chance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.policy.material import pack_text
from benchmarks.rows import Row
from policies.corpus import measure_false_alarms
from policies.languages import load_language
from policies.load import load_text
from policies.matcher import Matcher
from policies.normalize import normalize
from policies.spoken import Context, Spoken
from policies.stored import Stored
from policies.tolerance import Tolerance

_NOWHERE = Context("room", "speaker")
RECALL_BARS = {"en": 0.95, "zh": 0.93}
_OF_LONG_PHRASES = frozenset({"en"})
"""Languages whose bar on recall holds for phrases that are long enough for near."""
ALARM_BARS = {"en": 0.11, "zh": 0.12}
_NAMES = {"en": "English", "zh": "Mandarin"}


def recall(file: Path, benign: Mapping[str, Sequence[Stored]]) -> Iterator[Row]:
    """Measure a file of `{carriers: {en: ["so %s then"]}, en: {phrase: [as misheard]}}`."""
    noise = json.loads(file.read_text("utf-8"))
    for language in RECALL_BARS:
        yield from _language(noise, language, benign.get(language, ()))


def _language(
    noise: Mapping[str, Mapping[str, Sequence[str]]], language: str, benign: Sequence[Stored]
) -> Iterator[Row]:
    listed, carriers = noise[language], noise["carriers"][language]
    least = load_language(language).sounds.shortest[Tolerance.NEAR]
    long = [each for each in listed if _length(each, language) >= least]
    name = f"{language_name(language)} phrases misheard"
    if language in _OF_LONG_PHRASES:
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
        rate = measure_false_alarms(matcher, language, benign).rate()
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
    language: str,
    tolerance: str = "by_length",
) -> float:
    """Return the share of misheard phrases, each in every carrier, whose phrase is found."""
    found = total = 0
    for each in wanted:
        matcher = Matcher([load_text(pack_text([each], language, tolerance), "bench")])
        for misheard in listed[each]:
            for carrier in carriers:
                total += 1
                found += bool(matcher.match(Spoken(carrier % misheard, language), _NOWHERE))
    return round(found / total, 3)


def _length(phrase: str, language: str) -> int:
    plugin = load_language(language)
    return plugin.sounds.count(normalize(phrase, plugin).words)


def language_name(language: str) -> str:
    """Return the name of a language in tables."""
    return _NAMES[language]
