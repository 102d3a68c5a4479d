"""Normalised English words: "I'm gonna" becomes "i am going to", "nine one one" "9 1 1"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from policies import folding
from policies.languages.en.numbers import number_at
from policies.words import Words, Writer, as_written

_ASCII_WORD = re.compile(r"[^ ']+(?:'[^ ']+)*")

FILLERS = frozenset({"um", "umm", "uh", "uhh", "uhm", "erm", "er", "hm", "hmm", "mm", "mhm", "ah"})

FUNCTION_WORDS = frozenset(
    "a about all am an and any are as at be been but by can could did do does for from had has "
    "have he her him his how i if in is it its just let me my of on or our so that the their them "
    "then there these they this those to too up us was we were what when where which who will "
    "with would you your going got get go not".split()
)
"""Words that hold a sentence together; the other words carry its meaning."""

_MEANT: Mapping[str, str] = {
    "i'm": "i am", "im": "i am", "ain't": "is not", "aint": "is not", "won't": "will not",
    "wont": "will not", "can't": "can not", "cant": "can not", "cannot": "can not",
    "shan't": "shall not", "let's": "let us", "lets": "let us", "y'all": "you all",
    "gonna": "going to", "gunna": "going to", "wanna": "want to", "gotta": "got to",
    "gimme": "give me", "lemme": "let me", "dunno": "do not know", "kinda": "kind of",
    "sorta": "sort of", "outta": "out of", "'em": "them", "em": "them", "ya": "you", "u": "you",
    "ur": "your", "cuz": "because", "'cause": "because", "okay": "ok",
}  # fmt: skip
_NEGATED = ("do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "would", "could",
        "should", "must", "need")  # fmt: skip
_SUBJECTS = ("i", "you", "he", "she", "it", "we", "they", "that", "there", "this", "who", "what",
        "where", "when", "how", "why", "here")  # fmt: skip
_SHORT: Mapping[str, str] = {"ll": "will", "re": "are", "ve": "have", "d": "would", "s": "is"}
_WORDS_BY_THEMSELVES = frozenset({"ill", "wed", "hell", "shell", "well", "id", "its", "whore",
                                  "were"})  # fmt: skip
"""Words that a contraction without its apostrophe could be mistaken for."""


def _contractions() -> dict[str, Sequence[str]]:
    meant: dict[str, Sequence[str]] = {short: full.split() for short, full in _MEANT.items()}
    for verb in _NEGATED:
        meant[f"{verb}n't"] = meant[f"{verb}nt"] = [verb, "not"]
    for who in _SUBJECTS:
        for short, full in _SHORT.items():
            meant[f"{who}'{short}"] = [who, full]
            bare = f"{who}{short}"
            if short in ("ll", "re", "ve", "s") and bare not in _WORDS_BY_THEMSELVES and who != "i":
                meant[bare] = [who, full]
    meant["ive"] = ["i", "have"]
    return meant


CONTRACTIONS: Mapping[str, Sequence[str]] = _contractions()

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty "
    "ninety hundred thousand million billion"
).split()
_LETTERS = frozenset("bcdefghjklmnopqrstuvwxyz")
"""Single letters that are not words."""
_NOT_PLAIN = frozenset(CONTRACTIONS) | FILLERS | _LETTERS | frozenset(_NUMBER_WORDS)
_MAY_BEGIN = _NOT_PLAIN | {"a", "i", "oh"}
"""Words that can begin something that must be rewritten."""
_DIGIT = re.compile(r"[0-9]")
_LEAST_WITH_WORDS = 3
"""Fewest letters in a row that are an abbreviation although "a" or "i" is among them."""


def normalize_words(folded: str) -> Words:
    """Return the words of a folded text, rewritten as `rewrite_words` does."""
    if folded.isascii():
        return rewrite_words(_ASCII_WORD.findall(folded))
    return rewrite_words([folded[begin:end] for begin, end in folding.find_words(folded)])


def rewrite_words(words: Sequence[str]) -> Words:
    """Write contractions out and numbers as digits, drop fillers, join spelled-out letters."""
    if _NOT_PLAIN.isdisjoint(words) and not _DIGIT.search(" ".join(words)):
        return as_written(words)
    found = Writer()
    place = 0
    while place < len(words):
        if words[place] not in _MAY_BEGIN and not _DIGIT.search(words[place]):
            found.add([words[place]], place, place)
            place += 1
            continue
        for read in _READERS:
            texts, size = read(words, place)
            if size:
                found.add(texts, place, place + size - 1)
                place += size
                break
        else:
            found.add([words[place]], place, place)
            place += 1
    return found.words()


def _filler(words: Sequence[str], place: int) -> tuple[Sequence[str], int]:
    return (), int(words[place] in FILLERS)


def _spelled(words: Sequence[str], place: int) -> tuple[Sequence[str], int]:
    end = place
    while end < len(words) and len(words[end]) == 1 and words[end].isalpha():
        end += 1
    size = end - place
    joined = size >= _LEAST_WITH_WORDS or (size > 1 and _LETTERS.issuperset(words[place:end]))
    return (["".join(words[place:end])], size) if joined else ((), 0)


def _contraction(words: Sequence[str], place: int) -> tuple[Sequence[str], int]:
    texts = CONTRACTIONS.get(words[place], ())
    return texts, int(bool(texts))


_READERS: tuple[Callable[[Sequence[str], int], tuple[Sequence[str], int]], ...] = (
    _filler,
    _spelled,
    number_at,
    _contraction,
)
"""Each returns the meaning of the words from a place on, and their number; 0 if it knows none."""
