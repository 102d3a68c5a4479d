"""What rules make of one sentence, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.explain import Explanation, Heard, RuleVerdict, explain_sentence
from policies.fields import LanguageCode
from policies.match import Match
from policies.matcher import Matcher
from policies.spoken import Context, Spoken


@dataclass(frozen=True, slots=True)
class Tried:
    """A sentence that rules are tried on.

    Attributes:
        role: The speaker's.
        packs: Names of packs that apply; None: all.
    """

    text: str
    language: LanguageCode
    role: str = ""
    packs: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class LayerHeard:
    layer: str
    heard: Sequence[Heard]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Attributes:
        words: The text as it is compared, and `sounds` how it is heard.
        layers: What each layer heard, the surest first.
        rules: Of every rule of which anything was heard, whether it applies, and why or why not.
        matches: Of rules that apply, the gravest first; those of `active` ones would be alerts.
    """

    language: LanguageCode
    words: str
    sounds: str
    layers: Sequence[LayerHeard]
    rules: Sequence[RuleVerdict]
    matches: Sequence[Match]


def judge_sentence(matcher: Matcher, tried: Tried) -> Verdict:
    context = Context("", "", tried.packs, role=tried.role)
    spoken = Spoken(tried.text, tried.language)
    why = explain_sentence(matcher, spoken, context) or Explanation("", "", {}, ())
    verdict = matcher.verdict(spoken, context)
    return Verdict(
        language=tried.language,
        words=why.words,
        sounds=why.sounds,
        layers=[LayerHeard(layer, heard) for layer, heard in why.layers.items()],
        rules=why.rules,
        matches=sorted((*verdict.live, *verdict.shadow), key=lambda match: -match.severity.rank),
    )
