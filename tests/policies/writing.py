"""Packs and rules for tests, written the way an operator would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.finding import PackInvalid
from policies.languages import load_language
from policies.load import load_text
from policies.match import Match
from policies.matcher import Matcher
from policies.pack import Pack, Rule
from policies.spoken import Context, Spoken

ANYWHERE = Context(room_id="room", speaker_id="speaker")
EN, ZH = load_language("en"), load_language("zh")


def rule(
    id: str = "a-rule",
    en: Sequence[str] = (),
    zh: Sequence[str] = (),
    **changes: object,
) -> Rule:
    """A rule as the schema allows it; its examples are not tried."""
    fields: dict[str, object] = {
        "id": id,
        "title": f"Title of {id}",
        "category": "non_violent_crimes",
        "severity": "medium",
        "languages": [code for code, phrases in (("en", en), ("zh", zh)) if phrases] or ["en"],
        "description": "What is listened for.",
        "match": {"words": {"phrases": {"en": list(en), "zh": list(zh)}}},
        "tests": {"must_match": ["a", "b", "c"], "must_not_match": ["d", "e", "f"]},
    }
    return Rule.model_validate(fields | changes)


def pack(*rules: Rule, name: str = "a-pack") -> Pack:
    return Pack.model_validate(
        {
            "schema": "1",
            "pack": name,
            "version": "1.2.3",
            "title": "A pack",
            "description": "For tests.",
            "policies": list(rules),
        }
    )


def hear(
    text: str, *packs: Pack, language: str = "en", new_from: int = 0, context: Context = ANYWHERE
) -> list[Match]:
    return Matcher(packs).match(Spoken(text, language, new_from), context)


def heard(text: str, *packs: Pack, language: str = "en", new_from: int = 0) -> list[str]:
    """Return the words of the text at every span."""
    found = hear(text, *packs, language=language, new_from=new_from)
    return [text[start:end] for match in found for start, end in match.spans]


FIELDS: Mapping[str, str] = {
    "id": "id: scam-codes",
    "title": "title: Asking for codes",
    "category": "category: non_violent_crimes",
    "subcategory": "subcategory: scams_fraud",
    "severity": "severity: high",
    "languages": "languages: [en]",
    "description": "description: Asking for codes.",
    "match": "match: {words: {phrases: {en: [read me the code, your card number]}}}",
    "cooldown": "cooldown: 30s",
    "tests": "tests: {must_match: [read me the code, your card number, Read me the CODE], "
    "must_not_match: [read me a book, the code, your card]}",
}
HEADER = "schema: 1\npack: written\nversion: 1.0.0\ntitle: T\ndescription: D\n"


def rule_text(**changes: str) -> str:
    """A rule of a pack file; a change is the field's whole text, empty to leave it out."""
    lines = [line for line in (dict(FIELDS) | changes).values() if line]
    return "  - " + "\n    ".join(lines) + "\n"


def pack_text(*rules: str, header: str = HEADER) -> str:
    return header + "policies:\n" + "".join(rules or (rule_text(),))


def errors(text: str, name: str = "p.yaml") -> list[str]:
    """The errors of a pack file, none if it is fine."""
    try:
        load_text(text, name)
    except PackInvalid as invalid:
        return [str(error) for error in invalid.errors]
    return []
