"""Exceptions to a match: negation, reported speech, phrases that a rule allows.

They never acquit, they only ask a person to look first: hateful speech, too, says "not" and "they
say".
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.judging.found import Found
from policies.listen import Except

ALLOWED = "except.allow"
"""Group name of allowed phrases, beside the rule's own groups."""
REACH = 8
"""Most words between an allowed phrase and the match it excuses; characters in a language without
separators."""


def find_excuses(
    written: Except, place: Sequence[Found], allowed: Sequence[Found]
) -> tuple[str, ...]:
    """Return the exceptions that apply at one place, in words; empty if there is none.

    Args:
        written: Exceptions of the rule.
        place: Phrases of the place in the judged utterance, in spoken order.
        allowed: Allowed phrases in that utterance.
    """
    said = place[0].utterance
    language, words = said.language, said.words.words
    first = place[0].hit.first
    reasons = []
    if written.negation is not None:
        cue = language.find_negation(words, max(0, first - written.negation), first)
        if cue:
            reasons.append(f"negated by “{cue}”")
    if written.reported_speech is not None:
        cue = language.find_report(words, max(0, first - written.reported_speech), first)
        if cue:
            reasons.append(f"reported speech: “{cue}”")
    for each in allowed:
        if any(_within_reach(each, found) for found in place):
            phrase = words[each.hit.first : each.hit.last + 1]
            reasons.append(f"allowed: “{language.separator.join(phrase)}”")
            break
    return tuple(reasons)


def _within_reach(allowed: Found, found: Found) -> bool:
    gap = max(found.hit.first - allowed.hit.last, allowed.hit.first - found.hit.last) - 1
    return gap <= REACH
