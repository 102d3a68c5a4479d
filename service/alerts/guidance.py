"""Guidance for a moderator: outcomes, reasons and suggested steps of each category, as data.

Texts are in English; clients translate them by their codes. People decide: nothing here is done by
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from policies.handling import Handling
from policies.taxonomy import Category
from service.alerts.alert import OUTCOMES, Alert, Outcome
from service.alerts.helplines import Helpline, sort_helplines
from service.alerts.suggested_message import suggest_message
from service.rooms.actions import RoomAction


@dataclass(frozen=True, slots=True)
class KnownReason:
    """
    Attributes:
        code: Name by which clients translate it.
        record: Text for the record; a moderator may add words of their own.
    """

    code: str
    record: str


@dataclass(frozen=True, slots=True)
class SuggestedStep:
    """
    Attributes:
        code: Name by which clients translate it.
        text: The step, in words.
        action: Action in the room that it is about; null for none.
        message: `warn`: suggested text for the speaker, in the first language of the room.
    """

    code: str
    text: str
    action: RoomAction | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Guidance:
    """
    Attributes:
        outcomes: Outcomes that the alert may have.
        reasons: Usual reasons for each outcome. None is to be preselected.
        steps: Suggested steps, the first one first.
        helplines: Helplines that the operator names, those in a language of the room first; empty
            if nobody may need one, or if the operator names none.
    """

    outcomes: Sequence[Outcome]
    reasons: Mapping[Outcome, Sequence[KnownReason]]
    steps: Sequence[SuggestedStep]
    helplines: Sequence[Helpline]


MISHEARD = KnownReason("misheard", "misheard")
OTHER = KnownReason("other", "other reason")

REASONS: Mapping[Outcome, tuple[KnownReason, ...]] = MappingProxyType(
    {
        Outcome.UPHELD: (
            KnownReason("broke_rule", "broke the rule"),
            KnownReason("repeated", "did it again"),
        ),
        Outcome.DISMISSED: (
            KnownReason("quotation", "quotation or joke"),
            MISHEARD,
            KnownReason("banter", "friendly banter"),
            OTHER,
        ),
        Outcome.SUPPORTED: (
            KnownReason("spoke", "somebody spoke with them"),
            KnownReason("message_sent", "a message was sent"),
            KnownReason("helplines_given", "helplines were given"),
            KnownReason("emergency", "emergency help was called"),
        ),
        Outcome.NOT_NEEDED: (
            KnownReason("figure_of_speech", "figure of speech"),
            KnownReason("not_about_them", "about a story, a song or somebody else"),
            KnownReason("has_support", "they have support already"),
            MISHEARD,
            OTHER,
        ),
    }
)
"""Reasons in every category."""

UPHELD_IN: Mapping[str, tuple[KnownReason, ...]] = MappingProxyType(
    {
        Category.VIOLENT_CRIMES: (KnownReason("in_danger", "somebody is in danger"),),
        Category.SEX_RELATED_CRIMES: (KnownReason("in_danger", "somebody is in danger"),),
        Category.CHILD_SEXUAL_EXPLOITATION: (KnownReason("child_at_risk", "a child is at risk"),),
        Category.SUICIDE_SELF_HARM: (KnownReason("needs_help", "somebody needs help"),),
        Category.INDISCRIMINATE_WEAPONS: (KnownReason("in_danger", "somebody is in danger"),),
        Category.NON_VIOLENT_CRIMES: (KnownReason("members_at_risk", "members may lose money"),),
        Category.HATE: (KnownReason("targeted", "aimed at a person in the room"),),
        Category.PRIVACY_VIOLATIONS: (
            KnownReason("details_shared", "somebody's details were shared"),
        ),
    }
)
"""Further reasons to uphold, by category."""

_WARN = SuggestedStep("warn", "Ask the speaker to keep to the rules.", RoomAction.WARN)
_MUTE = SuggestedStep("mute", "Mute the speaker if they go on.", RoomAction.MUTE)
_MUTE_NOW = SuggestedStep("mute_now", "Mute the speaker.", RoomAction.MUTE)
_REMOVE = SuggestedStep("remove", "Remove the speaker.", RoomAction.REMOVE)
_ESCALATE = SuggestedStep("escalate", "Escalate it to the operator.")
_READ = SuggestedStep("read_around", "Read what was said before and after.")
_OFFER_HELP = SuggestedStep(
    "offer_help", "Offer help to the person who may be at risk, and name a helpline."
)

OFFENCE_STEPS = (_READ, _WARN, _MUTE)
"""Steps for a category without its own."""

STEPS: Mapping[str, tuple[SuggestedStep, ...]] = MappingProxyType(
    {
        Category.VIOLENT_CRIMES: (
            SuggestedStep("check_danger", "Find out whether somebody is in danger now."),
            SuggestedStep("escalate_danger", "Escalate it if a person, place or time was named."),
            _MUTE_NOW,
            _REMOVE,
        ),
        Category.SEX_RELATED_CRIMES: (
            SuggestedStep("check_danger", "Find out whether somebody is in danger now."),
            _ESCALATE,
            _REMOVE,
        ),
        Category.CHILD_SEXUAL_EXPLOITATION: (
            SuggestedStep("escalate_now", "Escalate it to the operator at once."),
            _REMOVE,
            SuggestedStep("no_confrontation", "Leave questions to those whose task they are."),
        ),
        Category.SUICIDE_SELF_HARM: (_MUTE_NOW, _OFFER_HELP, _REMOVE),
        Category.INDISCRIMINATE_WEAPONS: (
            SuggestedStep("escalate_now", "Escalate it to the operator at once."),
            _MUTE_NOW,
        ),
        Category.NON_VIOLENT_CRIMES: (
            _READ,
            _WARN,
            SuggestedStep("protect_members", "Tell the members not to pay and not to give codes."),
            _MUTE,
            _REMOVE,
        ),
        Category.HATE: (_READ, _WARN, _MUTE, _REMOVE),
        Category.PRIVACY_VIOLATIONS: (
            _MUTE_NOW,
            SuggestedStep("ask_target", "Ask the person whose details they are what they need."),
            _WARN,
        ),
        Category.SEXUAL_CONTENT: OFFENCE_STEPS,
    }
)
"""Steps for offences, by category. Those of `suicide_self_harm` are for words against others."""

HELP_STEPS: Sequence[SuggestedStep] = (
    SuggestedStep("send_support", "Send a message of support.", RoomAction.WARN),
    SuggestedStep("give_helplines", "Name a helpline that the person can reach."),
    SuggestedStep("speak", "Speak with the person, or ask somebody whom they trust to do so."),
    SuggestedStep("escalate_emergency", "Escalate it if the person is in danger now."),
)
"""Steps for somebody who may need help. None of them silences or removes the person."""


def guide(alert: Alert, languages: Sequence[str], helplines: Sequence[Helpline]) -> Guidance:
    """Return the guidance for an alert.

    An offence with a match about somebody who may need help gets the helplines, too.

    Args:
        languages: Languages of the alert's room.
        helplines: The operator's.
    """
    outcomes = OUTCOMES[alert.handling]
    reasons = {outcome: REASONS[outcome] for outcome in outcomes}
    at_risk = _may_need_help(alert)
    if alert.handling is Handling.HELP:
        steps = HELP_STEPS
    else:
        steps = STEPS.get(alert.category, OFFENCE_STEPS)
        if at_risk and _OFFER_HELP not in steps:
            steps = (*steps, _OFFER_HELP)
        more = UPHELD_IN.get(alert.category, ())
        reasons[Outcome.UPHELD] = (*reasons[Outcome.UPHELD], *more)
    message = suggest_message(alert.handling, languages, helplines)
    return Guidance(
        outcomes=outcomes,
        reasons=reasons,
        steps=[
            replace(step, message=message) if step.action is RoomAction.WARN else step
            for step in steps
        ],
        helplines=sort_helplines(helplines, languages) if at_risk else (),
    )


def _may_need_help(alert: Alert) -> bool:
    """Return whether the speaker, or somebody whom they spoke to, may be at risk."""
    categories = (alert.category, *(match.category for match in alert.matches))
    return alert.handling is Handling.HELP or Category.SUICIDE_SELF_HARM in categories
