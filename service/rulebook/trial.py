"""Trial of rules on one sentence, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.explain import Explanation, Heard, RuleVerdict, explain_sentence
from policies.fields import LanguageCode
from policies.match import Match
from policies.matcher import Matcher
from policies.spoken import Context, Spoken


@dataclass(frozen=True, slots=True)
class TrialSentence:
    """A sentence to try rules on.

    Attributes:
        role: Role of the speaker.
        packs: Names of packs that apply; None for all.
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
        words: Text after normalisation.
        sounds: Sounds of the text.
        layers: Phrases that each layer found, the surest layer first.
        rules: Rules of which any phrase was found, and why each applies or not.
        matches: Matches, gravest first; those of active rules would be alerts.
    """

    language: LanguageCode
    words: str
    sounds: str
    layers: Sequence[LayerHeard]
    rules: Sequence[RuleVerdict]
    matches: Sequence[Match]


def judge_sentence(matcher: Matcher, sentence: TrialSentence) -> Verdict:
    context = Context("", "", sentence.packs, role=sentence.role)
    spoken = Spoken(sentence.text, sentence.language)
    why = explain_sentence(matcher, spoken, context) or Explanation("", "", {}, ())
    verdict = matcher.verdict(spoken, context)
    return Verdict(
        language=sentence.language,
        words=why.words,
        sounds=why.sounds,
        layers=[LayerHeard(layer, heard) for layer, heard in why.layers.items()],
        rules=why.rules,
        matches=sorted((*verdict.live, *verdict.shadow), key=lambda match: -match.severity.rank),
    )
