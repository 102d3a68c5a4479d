"""`/rules`: for a room's members, in their language, without a key and without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from policies.language import Language
from policies.matcher import HEARD
from policies.pack import Pack, Rule, words_in
from service.access.page_headers import PAGE_HEADERS
from service.provider import Provider
from service.rulebook.ports import PacksInForce
from service.rulebook.rules_words import CATEGORIES, NAMES, TAGS, TEXTS, duration

router = APIRouter(tags=["operations"])

_MAX_ACCEPTED = 1000
"""Characters of an Accept-Language header that are looked at."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long words are kept: all of them for hours, those of alerts for days."""

    talk_hours: int
    alert_days: int


class RulesParts(Protocol):
    @property
    def policies(self) -> PacksInForce: ...
    @property
    def kept(self) -> Kept: ...


RULES = Provider[RulesParts]()
Parts = Annotated[RulesParts, Depends(RULES)]


@router.head("/rules", include_in_schema=False)
@router.get("/rules", response_class=HTMLResponse, summary="Show the rules to members")
async def show_rules(request: Request, parts: Parts, lang: str | None = None) -> HTMLResponse:
    """English or Chinese: as `lang` says (en, zh), else as the browser prefers."""
    asked = [language for language in Language if language == lang]
    language = asked[0] if asked else preferred(request.headers.get("accept-language", ""))
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "no-cache",
        "Content-Language": TAGS[language],
        "Vary": "Accept-Language",
    }
    return HTMLResponse(page(parts.policies.packs, parts.kept, language), headers=headers)


def preferred(accepted: str) -> Language:
    """The language that an Accept-Language header weighs highest; English if it has none of ours.

    Of two with the same weight, the first.
    """
    weights: dict[Language, float] = {}
    for part in accepted[:_MAX_ACCEPTED].split(","):
        tag, _, parameter = part.strip().lower().partition(";")
        name, _, weight = parameter.strip().partition("=")
        ours = [language for language in Language if tag.split("-")[0].strip() == language]
        try:
            parsed = float(weight) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if ours and 0 < parsed <= 1:
            weights.setdefault(ours[0], parsed)
    return max(weights, key=lambda language: weights[language], default=Language.EN)


def page(packs: Sequence[Pack], kept: Kept, language: Language) -> str:
    text = TEXTS[language]
    return (
        f'<!doctype html>\n<html lang="{TAGS[language]}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(text.title)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="/console/icon.svg" type="image/svg+xml">\n'
        '<link rel="stylesheet" href="/console/style/tokens.css">\n'
        '<link rel="stylesheet" href="/console/style/rules.css">\n</head>\n<body>\n'
        f"<header>\n{_languages(language)}<h1>{escape(text.title)}</h1>\n"
        f"<p>{escape(text.intro)}</p>\n</header>\n<main>\n"
        f"{_promises(kept, language)}{''.join(_pack(pack, language) for pack in packs)}"
        "</main>\n</body>\n</html>\n"
    )


def _languages(current: Language) -> str:
    links = "".join(_link(language, current) for language in Language)
    return f'<nav aria-label="{escape(TEXTS[current].languages)}">\n{links}</nav>\n'


def _link(language: Language, current: Language) -> str:
    tag = TAGS[language]
    here = ' aria-current="page"' if language is current else ""
    address = f'href="/rules?lang={language}" hreflang="{tag}" lang="{tag}"'
    return f"<a {address}{here}>{NAMES[language]}</a>\n"


def _promises(kept: Kept, language: Language) -> str:
    text = TEXTS[language]
    talk = duration(kept.talk_hours, language)
    alerts = duration(24 * kept.alert_days, language)
    words = text.kept.format(talk=talk, alerts=alerts)
    if kept.talk_hours == 0:
        words = text.not_kept.format(alerts=alerts)
    told = [*text.promises, (text.kept_title, words)]
    articles = "".join(
        f"<article>\n<h3>{escape(title)}</h3>\n<p>{escape(words)}</p>\n</article>\n"
        for title, words in told
    )
    return f"<section>\n<h2>{escape(text.promises_title)}</h2>\n{articles}</section>\n"


def _pack(pack: Pack, language: Language) -> str:
    told, tag = words_in(language, pack), _tag(pack, language)
    version = TEXTS[language].version.format(version=pack.version)
    return (
        f"<section>\n<h2{tag}>{escape(told.title)}</h2>\n"
        f"<p{tag}>{escape(told.description)}</p>\n"
        f"{''.join(_rule(rule, language) for rule in pack.policies if rule.status in HEARD)}"
        f"<p><small>{escape(version)}</small></p>\n</section>\n"
    )


def _rule(rule: Rule, language: Language) -> str:
    told, tag = words_in(language, rule), _tag(rule, language)
    category = CATEGORIES[language][rule.category]
    return (
        f"<article>\n<h3{tag}>{escape(told.title)}</h3>\n<p{tag}>{escape(told.description)}</p>\n"
        f'<span class="chip">{escape(category)}</span>\n</article>\n'
    )


def _tag(told: Pack | Rule, language: Language) -> str:
    """So that a screen reader does not read untranslated words with the page's voice."""
    untranslated = language is not Language.EN and told.translations.of(language) is None
    return f' lang="{TAGS[Language.EN]}"' if untranslated else ""
