"""Words of `/rules` in English."""

from __future__ import annotations

from policies.languages.page_words import PageWords
from policies.taxonomy import Category


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


PAGE_WORDS = PageWords(
    title="What is listened for",
    intro=(
        "Software listens to the rooms on this server. It writes down what is said, compares it"
        " with the rules on this page, and tells a moderator when something matches."
    ),
    languages="Language",
    promises_title="What happens with what you say",
    promises=(
        (
            "People decide",
            "The software decides nothing. A moderator reads the words and the talk around"
            " them and decides. The record shows who decided, when and why, and a decision"
            " can be overturned.",
        ),
        (
            "No voiceprints",
            "The software does not recognise anybody by their voice, and it follows nobody"
            " from one room to another.",
        ),
    ),
    kept_title="Words are deleted",
    kept=(
        "What is said is deleted after {talk}. Where it matches a rule, the words and the"
        " minute before and after them are kept for {alerts}, and then deleted too."
    ),
    not_kept=(
        "What is said is deleted within minutes. Where it matches a rule, the words and what"
        " is still there of the minute before and after them are kept for {alerts}, and then"
        " deleted too."
    ),
    version="Version {version}",
    untranslated="This page is not translated into {language}. Rules are, where a pack says so.",
    categories={
        Category.VIOLENT_CRIMES: "Violence and threats",
        Category.SEX_RELATED_CRIMES: "Sexual violence",
        Category.CHILD_SEXUAL_EXPLOITATION: "Safety of children",
        Category.SUICIDE_SELF_HARM: "Suicide and self-harm",
        Category.INDISCRIMINATE_WEAPONS: "Weapons that harm many people",
        Category.NON_VIOLENT_CRIMES: "Scams and other crimes without violence",
        Category.HATE: "Hate and harassment",
        Category.PRIVACY_VIOLATIONS: "Privacy",
        Category.SEXUAL_CONTENT: "Sexual content",
    },
    hours=lambda count: _count(count, "hour"),
    days=lambda count: _count(count, "day"),
)
