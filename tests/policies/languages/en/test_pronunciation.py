from __future__ import annotations

import gzip
from importlib.util import find_spec

import pytest

from policies.languages.en.make_lexicon import LEXICON, lexicon_text
from policies.languages.en.phones import PHONES
from policies.languages.en.pronunciation import pronounce


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("code", "kOd"),
        ("the", "Dx"),
        ("live", "lyv"),
        ("gonna", "gxnx"),
        ("7", "sevxn"),
        ("otp", "Otipi"),
        ("vpn", "vipien"),
        ("securing", "sxkjUryN"),
        ("annie", "ani"),
        ("zargle", "zqrgl"),
        ("peter's", "pidxrz"),
    ],
)
def test_a_word_is_said_as_in_the_lexicon_or_as_it_is_spelt(word: str, said: str) -> None:
    assert pronounce(word)[0] == said


def test_a_word_may_be_said_in_several_ways() -> None:
    assert set(pronounce("read")) == {"rid", "red"}


def test_what_has_no_letters_has_no_sound() -> None:
    assert pronounce("你好") == ()


@pytest.mark.skipif(find_spec("misaki") is None, reason="misaki is not for this Python")
def test_the_lexicon_is_what_its_maker_makes() -> None:
    text = lexicon_text()
    assert gzip.decompress(LEXICON.read_bytes()).decode() == text
    assert set(text.translate({ord(letter): None for letter in PHONES})) <= set("\t\n '") | set(
        "abcdefghijklmnopqrstuvwxyz"
    )
