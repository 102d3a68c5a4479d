"""Pronunciation of English words in the letters of `phones`, from the lexicon or the spelling.

`make_lexicon` makes the lexicon from the word lists of misaki (Apache-2.0).
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

_LEXICON = Path(__file__).parent / "lexicon.gz"

_SAID: Mapping[str, str] = {
    "a": "x", "the": "Dx", "to": "tx", "an": "xn", "of": "xv", "and": "xnd",
    "0": "zirO", "1": "wxn", "2": "tu", "3": "Tri", "4": "fcr", "5": "fIv", "6": "syks",
    "7": "sevxn", "8": "At", "9": "nIn",
}  # fmt: skip
"""Sounds of small words in the middle of a sentence, and of digits by name."""

_LETTERS: Mapping[str, str] = {
    "a": "A", "b": "bi", "c": "si", "d": "di", "e": "i", "f": "ef", "g": "Ji", "h": "AC", "i": "I",
    "j": "JA", "k": "kA", "l": "el", "m": "em", "n": "en", "o": "O", "p": "pi", "q": "kju",
    "r": "qr", "s": "es", "t": "ti", "u": "ju", "v": "vi", "w": "dxbxlju", "x": "eks", "y": "wI",
    "z": "zi",
}  # fmt: skip
"""Names of the letters, for abbreviations."""

_SPELLINGS: tuple[tuple[str, str], ...] = (
    ("tion", "Sxn"), ("sion", "Zxn"), ("ture", "Cxr"), ("ight", "It"), ("eigh", "A"),
    ("ough", "O"), ("augh", "c"), ("tch", "C"), ("sch", "sk"), ("dge", "J"), ("ing", "yN"),
    ("igh", "I"), ("ph", "f"), ("th", "T"), ("sh", "S"), ("ch", "C"), ("ck", "k"), ("qu", "kw"),
    ("ng", "N"), ("wh", "w"), ("wr", "r"), ("kn", "n"), ("gh", "g"), ("ee", "i"), ("ea", "i"),
    ("oo", "u"), ("ou", "W"), ("ow", "O"), ("ai", "A"), ("ay", "A"), ("ei", "A"), ("ey", "i"),
    ("ie", "i"), ("oa", "O"), ("oi", "Y"), ("oy", "Y"), ("au", "c"), ("aw", "c"), ("ue", "u"),
    ("ew", "u"), ("er", "xr"), ("ir", "xr"), ("ur", "xr"), ("ar", "qr"), ("or", "cr"),
    ("ce", "se"), ("ci", "sy"), ("cy", "si"), ("ge", "Je"), ("gi", "Jy"),
    ("a", "a"), ("b", "b"), ("c", "k"), ("d", "d"), ("e", "e"), ("f", "f"), ("g", "g"), ("h", "h"),
    ("i", "y"), ("j", "J"), ("k", "k"), ("l", "l"), ("m", "m"), ("n", "n"), ("o", "q"), ("p", "p"),
    ("q", "k"), ("r", "r"), ("s", "s"), ("t", "t"), ("u", "x"), ("v", "v"), ("w", "w"),
    ("x", "ks"), ("y", "i"), ("z", "z"),
)  # fmt: skip
"""Usual sound of letters, the longest group first."""

_ENDINGS: tuple[tuple[str, str], ...] = (("'s", "z"), ("s", "z"), ("ed", "d"), ("ing", "yN"))
_LONGEST_ABBREVIATION = 4


@cache
def _lexicon() -> Mapping[str, str]:
    """Map each word to its pronunciations, separated by spaces."""
    lines = gzip.decompress(_LEXICON.read_bytes()).decode().splitlines()
    return dict(line.split("\t") for line in lines)


@lru_cache(maxsize=65_536)
def pronounce(word: str) -> tuple[str, ...]:
    """Return the pronunciations of a normalised word, likeliest first; none for other scripts."""
    if word in _SAID:
        return (_SAID[word],)
    listed = _lexicon().get(word)
    if listed is not None:
        return tuple(listed.split(" "))
    for ending, sound in _ENDINGS:
        stem = word.removesuffix(ending)
        for base in (stem, f"{stem}e") if stem != word else ():
            if base in _lexicon():
                return tuple(each + sound for each in _lexicon()[base].split(" "))
    spelt = _spelt(word)
    return (spelt,) if spelt else ()


def _spelt(word: str) -> str:
    if len(word) <= _LONGEST_ABBREVIATION and not set(word[1:]) & set("aeiouy"):
        return "".join(_LETTERS.get(letter, _SAID.get(letter, "")) for letter in word)
    phones, place = "", 0
    if len(word) > 3 and word.endswith("e") and word[-2] not in "aeiouy":
        word = word[:-1]  # silent
    while place < len(word):
        if word[place] in _SAID and word[place].isdigit():
            letters, sound = word[place], _SAID[word[place]]
        else:
            found = (each for each in _SPELLINGS if word.startswith(each[0], place))
            letters, sound = next(found, (word[place], ""))
        phones += sound[1:] if phones and sound and phones[-1] == sound[0] else sound
        place += len(letters)
    return phones
