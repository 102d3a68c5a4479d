"""How long matching takes, in processor time of this process, beside what others take."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from ahocorasick_rs import AhoCorasick
from rapidfuzz import fuzz, process

from benchmarks.policy.material import Material, listening, pack_text, phrases
from benchmarks.rows import Row
from policies.language import Language
from policies.load import load_text
from policies.matcher import Matcher
from policies.matchers.exact import ExactPhrases
from policies.normalize import normalize, phrase
from policies.spoken import Context, Spoken

_T = TypeVar("_T")

_SIZES = (100, 1_000, 10_000)
_MOST = _SIZES[-1]
_ROUNDS = 3
_FEW = 100
"""Sentences for peers that take milliseconds each."""
_NOWHERE = Context("room", "speaker")

EXACT_BAR_US, CHINESE_BAR_US = 4.0, 50.0
MEAN_BAR_MS, P99_BAR_MS = 0.5, 1.5
LOAD_BAR_S = 1.0


def loading(material: Mapping[Language, Material]) -> Iterator[Row]:
    """A pack file of 10,000 phrases to a matcher, examples tried, the lexicon read for it.

    Comes first in the run, so that nothing is remembered.
    """
    listed = phrases(material[Language.EN], Language.EN, _MOST)
    text = pack_text(listed, Language.EN)
    took_s = _seconds(lambda: Matcher([load_text(text, "bench")]))
    yield Row("loading 10,000 phrases", round(took_s, 2), "s", LOAD_BAR_S)


def speed(material: Mapping[Language, Material]) -> Iterator[Row]:
    english, chinese = material[Language.EN], material[Language.ZH]
    for size in _SIZES:
        listed = phrases(english, Language.EN, size)
        took = _each_us(Matcher([listening(listed, Language.EN)]), english, Language.EN)
        name = f"15 English words, {size:,} phrases, all layers"
        bars = (MEAN_BAR_MS, P99_BAR_MS) if size == _MOST else (None, None)
        yield Row(f"{name}, mean", round(sum(took) / len(took) / 1000, 3), "ms", bars[0])
        yield Row(f"{name}, p99", round(took[len(took) * 99 // 100] / 1000, 3), "ms", bars[1])
    yield from _exact(english)
    listed = phrases(chinese, Language.ZH, _MOST)
    took = _each_us(Matcher([listening(listed, Language.ZH)]), chinese, Language.ZH)
    name = "25 Chinese characters, 10,000 phrases, all layers, mean"
    yield Row(name, round(sum(took) / len(took), 1), "us", CHINESE_BAR_US)
    yield from _linear(english)


def _each_us(matcher: Matcher, material: Material, language: Language) -> list[float]:
    """Of every sentence the shortest of some rounds, sorted: what others do is not counted."""
    rounds = []
    for _ in range(_ROUNDS):
        took = []
        for sentence in material.sentences:
            spoken = Spoken(sentence, language)
            start = time.process_time_ns()
            matcher.match(spoken, _NOWHERE)
            took.append((time.process_time_ns() - start) / 1000)
        rounds.append(took)
    return sorted(map(min, *rounds))


def _exact(material: Material) -> Iterator[Row]:
    """The exact layer alone on normalised words, and what others take for the same."""
    listed = phrases(material, Language.EN, _MOST)
    heard = [normalize(sentence, Language.EN) for sentence in material.sentences]
    layer = ExactPhrases({n: phrase(p, Language.EN) for n, p in enumerate(listed)}, Language.EN)
    ours = _mean_us(lambda words: list(layer.find(words)), heard)
    texts = [f" {words.text} " for words in heard]
    bare = AhoCorasick([f" {phrase(p, Language.EN).text} " for p in listed], store_patterns=False)
    bare_us = _mean_us(lambda text: bare.find_matches_as_indexes(text, overlapping=True), texts)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, listed))})\b")
    re_us = _mean_us(pattern.findall, texts[:_FEW])
    fuzzy_us = _mean_us(
        lambda text: process.extract(
            text, listed, scorer=fuzz.partial_ratio, score_cutoff=85, limit=None
        ),
        texts[:_FEW],
    )
    name = "15 English words, 10,000 phrases"
    for peer, peer_us in (("bare ahocorasick_rs", bare_us), ("re", re_us)):
        own, ratio = f"{name}, exact layer beside {peer}", round(ours / peer_us, 4)
        yield Row(own, round(ours, 2), "us", EXACT_BAR_US, False, peer, ratio)
        yield Row(f"{name}, {peer}", round(peer_us, 2), "us")
    matcher = Matcher([listening(listed, Language.EN)])
    spoken = [Spoken(text, Language.EN) for text in material.sentences[:_FEW]]
    all_us = _mean_us(lambda one: matcher.match(one, _NOWHERE), spoken)
    ratio = round(all_us / fuzzy_us, 4)
    peer = "rapidfuzz partial_ratio >= 85"
    own = f"{name}, all layers beside {peer}"
    yield Row(own, round(all_us, 1), "us", None, False, peer, ratio)
    yield Row(f"{name}, {peer}", round(fuzzy_us, 1), "us")
    normalizing = _mean_us(lambda text: normalize(text, Language.EN), material.sentences)
    yield Row("15 English words, normalising", round(normalizing, 1), "us")


def _linear(material: Material) -> Iterator[Row]:
    """A text ten times as long must take ten times as long, and not a hundred."""
    matcher = Matcher([listening(phrases(material, Language.EN, 1_000), Language.EN)])
    short = " ".join(material.sentences[:100])
    spoken = [Spoken(" ".join([short] * times), Language.EN) for times in (1, 10)]
    one, ten = (_mean_us(lambda each: matcher.match(each, _NOWHERE), [each]) for each in spoken)
    yield Row("time for ten times the text", round(ten / one, 1), "x", 15.0)


def _mean_us(act: Callable[[_T], object], inputs: Sequence[_T]) -> float:
    best = min(_seconds(lambda: [act(each) for each in inputs]) for _ in range(_ROUNDS))
    return best / len(inputs) * 1e6


def _seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
