"""Agreement of two interim transcripts: words that both have will hardly change any more.

LocalAgreement-2: Liu, Spanakis and Niehues 2020, "Low-Latency Sequence-to-Sequence Speech
Recognition and Translation by Partial Hypothesis Selection".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from asr.speech import Transcript
from asr.stitch import UNSPACED

_SPACED = re.compile(r"\S+")
_UNSPACED = re.compile(r"\w")


def agreed_until(before: Transcript, now: Transcript) -> int:
    """Return the number of code points at the start of `now.text` that both transcripts have.

    Punctuation and case do not count.
    """
    if before.language != now.language:
        return 0
    until = 0
    for (one, _), (other, end) in zip(_words(before), _words(now), strict=False):
        if one != other:
            break
        until = end
    return until


def _words(transcript: Transcript) -> Iterator[tuple[str, int]]:
    """Yield each word in plain letters with its end; characters in languages without spaces."""
    pattern = _UNSPACED if transcript.language in UNSPACED else _SPACED
    for found in pattern.finditer(transcript.text):
        plain = "".join(filter(str.isalnum, found.group())).casefold()
        if plain:
            yield plain, found.end()
