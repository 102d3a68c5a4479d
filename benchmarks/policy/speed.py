"""Time of matching beside that of other libraries, in processor time of this process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from ahocorasick_rs import AhoCorasick
from rapidfuzz import fuzz, process

from benchmarks.policy.material import Material, draw_phrases, pack_text, phrase_pack
from benchmarks.rows import Row
from policies.languages import load_language
from policies.load import load_text
from policies.matcher import Matcher
from policies.matchers.exact import ExactPhrases
from policies.normalize import normalize, normalize_phrase
from policies.spoken import Context, Spoken

_T = TypeVar("_T")

_SIZES = (100, 1_000, 10_000)
_EN = load_language("en")
_MOST = _SIZES[-1]
_ROUNDS = 3
_FEW = 100
"""Sentences for peers that take milliseconds each."""
_NOWHERE = Context("room", "speaker")

EXACT_BAR_US, CHINESE_BAR_US = 4.0, 50.0
MEAN_BAR_MS, P99_BAR_MS = 0.5, 1.5
LOAD_BAR_S = 1.0


def loading(material: Mapping[str, Material]) -> Iterator[Row]:
    """Measure a pack file of 10,000 phrases up to its matcher, with examples and the lexicon.

    It must come first in the run, while no cache is filled.
    """
    listed = draw_phrases(material["en"], "en", _MOST)
    text = pack_text(listed, "en")
    took_s = _seconds(lambda: Matcher([load_text(text, "bench")]))
    yield Row("loading 10,000 phrases", round(took_s, 2), "s", LOAD_BAR_S)


def speed(material: Mapping[str, Material]) -> Iterator[Row]:
    """Measure the time of matching one sentence."""
    english, chinese = material["en"], material["zh"]
    for size in _SIZES:
        listed = draw_phrases(english, "en", size)
        took = _each_us(Matcher([phrase_pack(listed, "en")]), english, "en")
        name = f"15 English words, {size:,} phrases, all layers"
        bars = (MEAN_BAR_MS, P99_BAR_MS) if size == _MOST else (None, None)
        yield Row(f"{name}, mean", round(sum(took) / len(took) / 1000, 3), "ms", bars[0])
        yield Row(f"{name}, p99", round(took[len(took) * 99 // 100] / 1000, 3), "ms", bars[1])
    yield from _exact(english)
    listed = draw_phrases(chinese, "zh", _MOST)
    took = _each_us(Matcher([phrase_pack(listed, "zh")]), chinese, "zh")
    name = "25 Chinese characters, 10,000 phrases, all layers, mean"
    yield Row(name, round(sum(took) / len(took), 1), "us", CHINESE_BAR_US)
    yield from _linear(english)


def _each_us(matcher: Matcher, material: Material, language: str) -> list[float]:
    """Return each sentence's shortest time, which leaves out other programs' work; sorted."""
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
    """Measure the exact layer alone on normalised words, and other libraries on the same."""
    listed = draw_phrases(material, "en", _MOST)
    heard = [normalize(sentence, _EN) for sentence in material.sentences]
    layer = ExactPhrases({n: normalize_phrase(p, _EN) for n, p in enumerate(listed)}, _EN.separator)
    ours = _mean_us(lambda words: list(layer.find_hits(words)), heard)
    texts = [f" {words.text} " for words in heard]
    bare = AhoCorasick([f" {normalize_phrase(p, _EN).text} " for p in listed], store_patterns=False)
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
    matcher = Matcher([phrase_pack(listed, "en")])
    spoken = [Spoken(text, "en") for text in material.sentences[:_FEW]]
    all_us = _mean_us(lambda one: matcher.match(one, _NOWHERE), spoken)
    ratio = round(all_us / fuzzy_us, 4)
    peer = "rapidfuzz partial_ratio >= 85"
    own = f"{name}, all layers beside {peer}"
    yield Row(own, round(all_us, 1), "us", None, False, peer, ratio)
    yield Row(f"{name}, {peer}", round(fuzzy_us, 1), "us")
    normalizing = _mean_us(lambda text: normalize(text, _EN), material.sentences)
    yield Row("15 English words, normalising", round(normalizing, 1), "us")


def _linear(material: Material) -> Iterator[Row]:
    """Measure that a text ten times as long takes ten times as long, not a hundred times."""
    matcher = Matcher([phrase_pack(draw_phrases(material, "en", 1_000), "en")])
    short = " ".join(material.sentences[:100])
    spoken = [Spoken(" ".join([short] * times), "en") for times in (1, 10)]
    one, ten = (_mean_us(lambda each: matcher.match(each, _NOWHERE), [each]) for each in spoken)
    yield Row("time for ten times the text", round(ten / one, 1), "x", 15.0)


def _mean_us(act: Callable[[_T], object], inputs: Sequence[_T]) -> float:
    best = min(_seconds(lambda: [act(each) for each in inputs]) for _ in range(_ROUNDS))
    return best / len(inputs) * 1e6


def _seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
