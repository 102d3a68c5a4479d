"""Mandarin Chinese: every character is a word, and phrases are compared by syllables."""

from __future__ import annotations

import re

from policies.languages.plugin import LanguagePlugin, SoundSystem
from policies.languages.zh.cues import find_negation, find_report
from policies.languages.zh.page_words import PAGE_WORDS
from policies.languages.zh.room_words import ROOM_WORDS
from policies.languages.zh.syllable_matcher import SyllableMatcher, spell_sounds
from policies.languages.zh.wording import find_words, normalize_words
from policies.match import Layer
from policies.tolerance import Tolerance

PLUGIN = LanguagePlugin(
    code="zh",
    name="简体中文",
    tag="zh-Hans",
    separator="",
    words_per_minute=240,
    shortest_phrase=2,
    own_script=re.compile("[\u3400-\u9fff]"),
    normalize_words=normalize_words,
    find_words=find_words,
    sounds=SoundSystem(
        layer=Layer.PINYIN,
        unit="syllables",
        shortest={Tolerance.HOMOPHONE: 2, Tolerance.NEAR: 3, Tolerance.LOOSE: 5},
        compile=SyllableMatcher,
        count=len,
        spell=spell_sounds,
    ),
    find_negation=find_negation,
    find_report=find_report,
    page_words=PAGE_WORDS,
    room_words=ROOM_WORDS,
)
