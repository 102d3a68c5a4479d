"""What speaks for a speaker: negation, reported speech, phrases that a rule allows.

They only ever say that a person should look before anything is thought of it: hateful speech, too,
says "not" and "they say".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from policies.judging.found import Found
from policies.language import Language
from policies.listen import Except
from policies.normalize import Normalized

ALLOWED = "except.allow"
"""The name under which allowed phrases are found, beside the rule's groups."""
REACH = 8
"""Words (characters in Chinese) between an allowed phrase and what it excuses."""

_NEGATIONS = frozenset(
    "not never no nobody none neither nor without hardly stop against refuse refused avoid".split()
)
_REPORTS = frozenset(
    "said says saying told tells asked asks asking wrote writes posted reported claims claimed "
    "warned warns heard quote quoted quoting article news headline movie film song lyrics".split()
)
_OWN_WORDS = frozenset({"i", "we"})
"""Whoever says so of their own words says them again."""

_ZH_NEGATION = re.compile(
    "对不起|差不多|不过|不但|不仅|不管|不然|不如|是不是|要不|好不|忍不住|恨不得|巴不得|特别|别人|区别|没事"
    r"|(?P<same>.)[不没](?P=same)"
    "|(?P<cue>不|没|别|勿|未|禁止|拒绝|停止|反对)"
)
"""What is before the cues only looks like one."""
_LONGEST_DECOY = 3
_ZH_REPORT = re.compile(
    "(?P<cue>听说|据说|报道|新闻|写道|提到|所谓|引用|电影里|歌词"
    "|(?:他|她|它|们|有人|人家|别人|老师|爸|妈|同学|朋友|哥|姐|老板|领导|警察|电视)"
    "(?:刚才|昨天|今天|总|老|就|还|都|跟我|对我|和我){0,2}(?:说|告诉我|问我|警告))"
)
"""Somebody else's words; whoever says "I said" says it again."""


def excuses(written: Except, place: Sequence[Found], allowed: Sequence[Found]) -> tuple[str, ...]:
    """What speaks for the speaker at one place, in words; empty if nothing does.

    `place` holds what was found in the utterance that is judged, in its order; `allowed` the
    allowed phrases in it.
    """
    said = place[0].said
    first = place[0].hit.first
    reasons = []
    if written.negation is not None:
        cue = _cue(said.words, said.language, first, written.negation, negation=True)
        if cue:
            reasons.append(f"negated by “{cue}”")
    if written.reported_speech is not None:
        cue = _cue(said.words, said.language, first, written.reported_speech, negation=False)
        if cue:
            reasons.append(f"reported speech: “{cue}”")
    for each in allowed:
        if any(_within_reach(each, found) for found in place):
            words = said.words.words[each.hit.first : each.hit.last + 1]
            reasons.append(f"allowed: “{said.language.separator.join(words)}”")
            break
    return tuple(reasons)


def _within_reach(allowed: Found, found: Found) -> bool:
    gap = max(found.hit.first - allowed.hit.last, allowed.hit.first - found.hit.last) - 1
    return gap <= REACH


def _cue(words: Normalized, language: Language, before: int, within: int, *, negation: bool) -> str:
    """The last cue in the words before a place, empty if there is none."""
    start = max(0, before - within)
    if language is Language.ZH:
        return _chinese_cue(words.words, start, before, negation=negation)
    known = _NEGATIONS if negation else _REPORTS
    for number in range(before - 1, start - 1, -1):
        word = words.words[number]
        own = not negation and number > 0 and words.words[number - 1] in _OWN_WORDS
        if word in known and not own:
            return word
    return ""


def _chinese_cue(words: Sequence[str], start: int, before: int, *, negation: bool) -> str:
    """Looks a little further back, so that no decoy is cut in half."""
    margin = min(start, _LONGEST_DECOY)
    pattern = _ZH_NEGATION if negation else _ZH_REPORT
    cues = pattern.finditer("".join(words[start - margin : before]))
    found = [cue["cue"] for cue in cues if cue["cue"] and cue.end() > margin]
    return found[-1] if found else ""
