from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from string import Formatter

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from policies.languages import DEFAULT, load_language, load_languages
from policies.languages.page_words import PageWords
from policies.languages.plugin import LanguagePlugin
from policies.load import load_folder
from policies.pack import Pack
from policies.packs import demo_packs
from policies.taxonomy import Category
from service.rulebook import rules_page
from service.rulebook.rules_page import Kept, page, preferred
from tests.policies.writing import EN, ZH, pack, rule

pytestmark = pytest.mark.anyio

KEPT = Kept(talk_hours=24, alert_days=30)
SHIPPED = load_folder(demo_packs())


def words(language: LanguagePlugin) -> PageWords:
    assert language.page_words is not None
    return language.page_words


class Page(HTMLParser):
    """The page as a browser parses it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@dataclass(frozen=True)
class Shipped:
    """The part of the live policies that the page uses."""

    packs: Sequence[Pack] = field(default_factory=lambda: SHIPPED)


@dataclass(frozen=True)
class Parts:
    policies: Shipped = field(default_factory=Shipped)
    kept: rules_page.Kept = KEPT


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    app.include_router(rules_page.router)
    rules_page.RULES.provide(app, Parts())
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://earshot") as client:
        client.headers.pop("accept-language", None)
        yield client


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", None, EN),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", ZH),
        ("", "fr", EN),
        ("?lang=zh", "en", ZH),
        ("?lang=en", "zh", EN),
        ("?lang=fr", "zh", ZH),
        ("?lang=", "zh", ZH),
    ],
)
async def test_members_read_it_in_the_language_they_ask_for_or_prefer(
    client: AsyncClient, query: str, accepted: str | None, language: LanguagePlugin
) -> None:
    headers = {"Accept-Language": accepted} if accepted else {}
    found = await client.get("/rules" + query, headers=headers)
    assert found.status_code == 200
    assert found.headers["content-language"] == language.tag
    assert found.headers["vary"] == "Accept-Language"
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    shown = Page(found.text)
    assert shown.all("html") == [{"lang": language.tag}]
    assert words(language).title in shown.text
    current = [link["lang"] for link in shown.all("a") if link.get("aria-current") == "page"]
    assert current == [language.tag]


async def test_the_page_runs_no_script_and_has_no_style_of_its_own(client: AsyncClient) -> None:
    found = await client.get("/rules")
    policy = found.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    shown = Page(found.text)
    assert not shown.all("script")
    assert not shown.all("style")
    assert not any("style" in attributes for _, attributes in shown.tags)
    sheets = [link["href"] for link in shown.all("link") if link["rel"] == "stylesheet"]
    assert sheets == ["/console/style/tokens.css", "/console/style/rules.css"]


async def test_head_answers_like_get(client: AsyncClient) -> None:
    head = await client.head("/rules")
    assert dict(head.headers) == dict((await client.get("/rules")).headers)


@pytest.mark.parametrize("language", load_languages(), ids=lambda each: each.code)
def test_every_shipped_rule_stands_there_without_its_severity(language: LanguagePlugin) -> None:
    shown = Page(page(SHIPPED, KEPT, language))
    rules = [each for shipped in SHIPPED for each in shipped.policies]
    for each in rules:
        shown_words = each.translations.in_language(language.code) or each
        assert shown_words.title in shown.text
        assert shown_words.description in shown.text
        assert words(language).categories[each.category] in shown.text
        assert each.category not in shown.text, "the name in plain words only"
    assert "critical" not in shown.text
    marked = {tag for tag, attributes in shown.tags if "lang" in attributes}
    assert marked == {"html", "a"}, "everything is translated"
    chips = [attributes for attributes in shown.all("span") if attributes["class"] == "chip"]
    assert len(chips) == len(rules)


def test_what_has_no_translation_is_shown_in_english_and_says_so() -> None:
    shown = Page(page([pack(rule())], KEPT, ZH))
    assert "Title of a-rule" in shown.text
    assert shown.all("h3")[-1] == {"lang": "en"}
    shown = Page(page([pack(rule())], KEPT, EN))
    assert shown.all("h3")[-1] == {}


def test_markup_in_a_pack_stays_text() -> None:
    bad = "<script>alert(1)</script> & \"quoted\" 'too'"
    words = {"title": bad, "description": bad}
    written = rule(title=bad, description=bad, translations={"zh": words})
    for language in load_languages():
        shown = Page(page([pack(written)], KEPT, language))
        assert not shown.all("script")
        assert shown.text.count(bad) == 2


@pytest.mark.parametrize(
    ("kept", "english", "chinese"),
    [
        (Kept(24, 30), "deleted after 24 hours. Where", "说的话在 24 小时后删除。"),
        (Kept(48, 30), "deleted after 2 days. Where", "说的话在 2 天后删除。"),
        (Kept(1, 30), "deleted after 1 hour. Where", "说的话在 1 小时后删除。"),
        (Kept(0, 30), "deleted within minutes. Where", "说的话在几分钟内删除。"),
        (Kept(24, 30), "are kept for 30 days, and then", "会保留 30 天，"),
        (Kept(0, 1), "are kept for 24 hours, and then", "保留 24 小时，"),
    ],
)
def test_members_are_told_how_long_words_are_kept(kept: Kept, english: str, chinese: str) -> None:
    assert english in Page(page([], kept, EN)).text
    assert chinese in Page(page([], kept, ZH)).text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", EN),
        ("*", EN),
        ("zh", ZH),
        ("ZH-hant-TW", ZH),
        ("en;q=0.5, zh;q=0.9", ZH),
        ("en;q=0.9, zh;q=0.5", EN),
        ("en-US,zh", EN),
        ("fr, zh;q=0.1", ZH),
        ("zh;q=0, en;q=0.1", EN),
        ("zh;q=0", EN),
        ("zh;q=high", EN),
        ("zh;q=nan", EN),
        ("zhuang", EN),
        ("fr," * 1000 + "zh", EN),
    ],
)
def test_the_browser_s_preference(accepted: str, language: LanguagePlugin) -> None:
    assert preferred(accepted) is language


@given(st.text())
def test_any_preference_gives_a_language(accepted: str) -> None:
    assert preferred(accepted) in load_languages()


def test_a_language_without_words_for_the_page_says_so_in_the_default_language() -> None:
    language = replace(
        load_language(DEFAULT), code="eo", name="Esperanto", tag="eo", page_words=None
    )
    shown = Page(page([pack(rule(title="Kodo"))], KEPT, language))
    assert shown.all("html") == [{"lang": "en"}]
    assert words(load_language(DEFAULT)).title in shown.text
    assert "This page is not translated into Esperanto." in shown.text


@pytest.mark.parametrize("language", load_languages(), ids=lambda each: each.code)
def test_every_language_has_every_word(language: LanguagePlugin) -> None:
    text = words(language)
    assert set(text.categories) == set(Category)
    assert len(text.promises) == len(words(EN).promises)
    for template, names in (
        (text.kept, {"talk", "alerts"}),
        (text.not_kept, {"alerts"}),
        (text.version, {"version"}),
        (text.untranslated, {"language"}),
    ):
        assert {name for _, name, _, _ in Formatter().parse(template) if name} == names


def test_durations_in_words() -> None:
    assert words(EN).duration(25) == "25 hours"
    assert words(EN).duration(72) == "3 days"
    assert words(ZH).duration(720) == "30 天"
