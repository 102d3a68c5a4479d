"""`/rules`: the page for a room's members, in their language, without a key or scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from policies.languages import DEFAULT, find_language, load_language, load_languages
from policies.languages.page_words import PageWords
from policies.languages.plugin import LanguagePlugin
from policies.matcher import ROOM_STATUSES
from policies.pack import Pack, Rule, words_in
from service.access.page_headers import PAGE_HEADERS
from service.provider import Provider
from service.rulebook.ports import PacksInForce

router = APIRouter(tags=["operations"])

_MAX_ACCEPTED = 1000
"""Most characters of an Accept-Language header that are parsed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Retention of words: all of them for hours, those of alerts for days."""

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
    """The language is that of `lang` (a code), else the one that the browser prefers."""
    asked = find_language(lang) if lang else None
    language = asked or preferred(request.headers.get("accept-language", ""))
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "no-cache",
        "Content-Language": _frame(language).tag,
        "Vary": "Accept-Language",
    }
    return HTMLResponse(page(parts.policies.packs, parts.kept, language), headers=headers)


def preferred(accepted: str) -> LanguagePlugin:
    """Return the language with the highest weight in an Accept-Language header.

    Of two with the same weight the first counts; without any of ours, the default language.
    """
    weights: dict[str, float] = {}
    for part in accepted[:_MAX_ACCEPTED].split(","):
        tag, _, parameter = part.strip().lower().partition(";")
        name, _, weight = parameter.strip().partition("=")
        language = find_language(tag.split("-")[0].strip())
        try:
            parsed = float(weight) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if language is not None and 0 < parsed <= 1:
            weights.setdefault(language.code, parsed)
    return load_language(max(weights, key=lambda code: weights[code], default=DEFAULT))


@dataclass(frozen=True, slots=True)
class _Frame:
    """Words around the rules.

    Attributes:
        tag: BCP 47 tag of the words.
        note: Remark that they are not in the language of the page; empty if they are.
    """

    words: PageWords
    tag: str
    note: str = ""


def _frame(language: LanguagePlugin) -> _Frame:
    if language.page_words is not None:
        return _Frame(language.page_words, language.tag)
    default = load_language(DEFAULT)
    assert default.page_words is not None, "the default language has words for the page"
    note = default.page_words.untranslated.format(language=language.name)
    return _Frame(default.page_words, default.tag, note)


def page(packs: Sequence[Pack], kept: Kept, language: LanguagePlugin) -> str:
    """Return the page as HTML."""
    frame = _frame(language)
    text = frame.words
    note = f"<p><strong>{escape(frame.note)}</strong></p>\n" if frame.note else ""
    return (
        f'<!doctype html>\n<html lang="{frame.tag}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(text.title)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="/console/icon.svg" type="image/svg+xml">\n'
        '<link rel="stylesheet" href="/console/style/tokens.css">\n'
        '<link rel="stylesheet" href="/console/style/rules.css">\n</head>\n<body>\n'
        f"<header>\n{_languages(language, text)}<h1>{escape(text.title)}</h1>\n"
        f"<p>{escape(text.intro)}</p>\n{note}</header>\n<main>\n"
        f"{_promises(kept, text)}{''.join(_pack(pack, language) for pack in packs)}"
        "</main>\n</body>\n</html>\n"
    )


def _languages(current: LanguagePlugin, text: PageWords) -> str:
    links = "".join(_link(language, current) for language in load_languages())
    return f'<nav aria-label="{escape(text.languages)}">\n{links}</nav>\n'


def _link(language: LanguagePlugin, current: LanguagePlugin) -> str:
    here = ' aria-current="page"' if language is current else ""
    address = f'href="/rules?lang={language.code}" hreflang="{language.tag}" lang="{language.tag}"'
    return f"<a {address}{here}>{escape(language.name)}</a>\n"


def _promises(kept: Kept, text: PageWords) -> str:
    talk = text.duration(kept.talk_hours)
    alerts = text.duration(24 * kept.alert_days)
    words = text.kept.format(talk=talk, alerts=alerts)
    if kept.talk_hours == 0:
        words = text.not_kept.format(alerts=alerts)
    promises = [*text.promises, (text.kept_title, words)]
    articles = "".join(
        f"<article>\n<h3>{escape(title)}</h3>\n<p>{escape(words)}</p>\n</article>\n"
        for title, words in promises
    )
    return f"<section>\n<h2>{escape(text.promises_title)}</h2>\n{articles}</section>\n"


def _pack(pack: Pack, language: LanguagePlugin) -> str:
    shown, tag = words_in(language.code, pack), _tag(pack, language)
    version = _frame(language).words.version.format(version=pack.version)
    rules = (rule for rule in pack.policies if rule.status in ROOM_STATUSES)
    return (
        f"<section>\n<h2{tag}>{escape(shown.title)}</h2>\n"
        f"<p{tag}>{escape(shown.description)}</p>\n"
        f"{''.join(_rule(rule, language) for rule in rules)}"
        f"<p><small>{escape(version)}</small></p>\n</section>\n"
    )


def _rule(rule: Rule, language: LanguagePlugin) -> str:
    shown, tag = words_in(language.code, rule), _tag(rule, language)
    category = _frame(language).words.categories[rule.category]
    return (
        f"<article>\n<h3{tag}>{escape(shown.title)}</h3>\n<p{tag}>{escape(shown.description)}</p>\n"
        f'<span class="chip">{escape(category)}</span>\n</article>\n'
    )


def _tag(part: Pack | Rule, language: LanguagePlugin) -> str:
    """Mark words in another language than the page, so that a screen reader changes its voice."""
    translated = part.translations.in_language(language.code) is not None
    tag = language.tag if translated else load_language(DEFAULT).tag
    return "" if tag == _frame(language).tag else f' lang="{tag}"'
