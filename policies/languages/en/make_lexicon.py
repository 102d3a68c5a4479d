"""Make `lexicon.gz` from the American English word lists of the package misaki.

    python -m policies.languages.en.make_lexicon

For developers. misaki (Apache-2.0) writes pronunciations in IPA; only its data files are read,
nothing of it is imported. Words with characters other than letters and apostrophes are left out,
stress is dropped, and sounds are written in the letters of `phones`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import files
from pathlib import Path

LEXICON = Path(__file__).parent / "lexicon.gz"

_LISTS = ("us_gold.json", "us_silver.json")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?", re.IGNORECASE)
_LONGEST = 24
_FROM_IPA = str.maketrans(
    {
        "ɡ": "g", "ɹ": "r", "ŋ": "N", "ʃ": "S", "ʒ": "Z", "ʧ": "C", "ʤ": "J", "θ": "T", "ð": "D",
        "ɾ": "d", "ʔ": "t", "ɪ": "y", "ᵻ": "y", "ɛ": "e", "æ": "a", "ɑ": "q", "ɔ": "c", "ʌ": "x",
        "ə": "x", "ᵊ": "x", "ɜ": "x", "ʊ": "U", "ˈ": None, "ˌ": None,
    }
)  # fmt: skip


def lexicon_text() -> str:
    """Return a line for each word: the word, a tab, its pronunciations with a space between."""
    words: dict[str, list[str]] = {}
    for name in _LISTS:
        listed: Mapping[str, object] = json.loads(_data(name).read_text("utf-8"))
        for word in sorted(listed, key=lambda word: (not word.islower(), word)):
            if _WORD.fullmatch(word) and len(word) <= _LONGEST and word.lower() not in words:
                found = list(dict.fromkeys(_readings(listed[word])))
                if found:
                    words[word.lower()] = found
    return "".join(f"{word}\t{' '.join(words[word])}\n" for word in sorted(words))


def _readings(listed: object) -> Iterator[str]:
    """Yield the pronunciations, the verb's first: rules listen for actions."""
    if isinstance(listed, str):
        yield listed.translate(_FROM_IPA)
    elif isinstance(listed, dict):
        for use in ("VERB", "DEFAULT", *listed):
            if isinstance(listed.get(use), str):
                yield listed[use].translate(_FROM_IPA)


def _data(name: str) -> Path:
    for file in files("misaki") or []:
        if file.name == name:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"misaki has no {name}")


if __name__ == "__main__":
    LEXICON.write_bytes(gzip.compress(lexicon_text().encode(), mtime=0))
