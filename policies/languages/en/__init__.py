"""English: phrases are compared by phones."""

from __future__ import annotations

from policies import folding
from policies.languages.en.cues import find_negation, find_report
from policies.languages.en.page_words import PAGE_WORDS
from policies.languages.en.phone_matcher import PhoneMatcher, count_sounds, spell_sounds
from policies.languages.en.room_words import ROOM_WORDS
from policies.languages.en.wording import normalize_words
from policies.languages.plugin import LanguagePlugin, SoundSystem
from policies.match import Layer
from policies.tolerance import Tolerance

PLUGIN = LanguagePlugin(
    code="en",
    name="English",
    tag="en",
    separator=" ",
    words_per_minute=150,
    shortest_phrase=3,
    own_script=None,
    normalize_words=normalize_words,
    find_words=folding.find_words,
    sounds=SoundSystem(
        layer=Layer.PHONES,
        unit="sounds",
        shortest={Tolerance.HOMOPHONE: 5, Tolerance.NEAR: 9, Tolerance.LOOSE: 12},
        compile=PhoneMatcher,
        count=count_sounds,
        spell=spell_sounds,
    ),
    find_negation=find_negation,
    find_report=find_report,
    page_words=PAGE_WORDS,
    room_words=ROOM_WORDS,
)
