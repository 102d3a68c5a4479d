"""Chinese cues before a match: negation and reported speech."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NEGATION = re.compile(
    "对不起|差不多|不过|不但|不仅|不管|不然|不如|是不是|要不|好不|忍不住|恨不得|巴不得|特别|别人|区别|没事"
    r"|(?P<same>.)[不没](?P=same)"
    "|(?P<cue>不|没|别|勿|未|禁止|拒绝|停止|反对)"
)
"""Decoys, which only look like negations, stand before the cues."""
_LONGEST_DECOY = 3
_REPORT = re.compile(
    "(?P<cue>听说|据说|报道|新闻|写道|提到|所谓|引用|电影里|歌词"
    "|(?:他|她|它|们|有人|人家|别人|老师|爸|妈|同学|朋友|哥|姐|老板|领导|警察|电视)"
    "(?:刚才|昨天|今天|总|老|就|还|都|跟我|对我|和我){0,2}(?:说|告诉我|问我|警告))"
)
"""Reports of another's words. "I said" is none: it repeats the speaker's own."""


def find_negation(words: Sequence[str], start: int, end: int) -> str:
    """Return the last negation in `words[start:end]`; empty if there is none."""
    return _last_cue(_NEGATION, words, start, end)


def find_report(words: Sequence[str], start: int, end: int) -> str:
    """Return the last report of another's words in `words[start:end]`; empty if there is none."""
    return _last_cue(_REPORT, words, start, end)


def _last_cue(pattern: re.Pattern[str], words: Sequence[str], start: int, end: int) -> str:
    """Search from a little before `start`, so that no decoy is cut in half."""
    margin = min(start, _LONGEST_DECOY)
    cues = pattern.finditer("".join(words[start - margin : end]))
    found = [cue["cue"] for cue in cues if cue["cue"] and cue.end() > margin]
    return found[-1] if found else ""
