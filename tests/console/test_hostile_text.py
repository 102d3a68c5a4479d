"""Names, titles and words that contain markup or control characters, shown as text."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Open
from tests.console.seeding import Seed

pytestmark = pytest.mark.browser

MARKUP = '<img src=x onerror="window.hit=1"><b>x</b>&lt;i&gt;<script>window.hit=1</script>'
TURNED = "\u202egnp.exe\u202c \u2066מישהו\u2069 سلام"
LONG = "w" * 400
INSIDE = "i love jazz"


def elements(page: Page) -> list[str]:
    """Count the elements that text would become if it were parsed as markup."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('main img, main b, main script')].map(one => one.outerHTML)"
    )
    return found


@pytest.mark.parametrize("text", [MARKUP, TURNED, LONG], ids=["markup", "turned", "long"])
def test_markup_stays_text_everywhere(text: str, visit: Open, seed: Seed) -> None:
    seed.room(title=text)
    said = f"{text} {INSIDE}"
    alert = seed.alert(said=said, marked=INSIDE, speaker=("mallory", text), ago_s=20)
    seed.talk(text, speaker=("mallory", text), ago_s=10)
    here = visit()
    seed.joins("lounge", "mallory", text)
    expect(here.rooms.get_by_text(text.split()[0]).first).to_be_attached()
    article = here.article(alert.id)
    expect(article).to_contain_text(text.split()[0])
    expect(article.locator("mark")).to_have_text(INSIDE)
    here.open(alert.id)
    expect(here.case).to_contain_text(text.split()[0])
    here.case.get_by_role("textbox").fill(text)
    here.case.get_by_role("button", name="Add note").click()
    expect(here.case.get_by_role("textbox")).to_have_value("")
    here.page.locator("[data-alert] .link, [data-alert] .case-where button").first.click()
    expect(here.page.locator("[data-room='lounge']")).to_contain_text(text.split()[0])
    assert elements(here.page) == []
    assert here.page.evaluate("window.hit") is None
    assert here.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_each_piece_of_foreign_text_is_isolated(visit: Open, seed: Seed) -> None:
    seed.room(title=TURNED)
    alert = seed.alert(said=TURNED, speaker=("mallory", TURNED))
    here = visit()
    seed.joins("lounge", "mallory", TURNED)
    here.open(alert.id)
    loose = here.page.evaluate(
        """text => {
            const found = [];
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            for (let node; (node = walk.nextNode());) {
                const parent = node.parentElement;
                const kept = parent.closest(
                    'bdi, [dir=auto], textarea, option, [aria-live], [role=status]');
                if (node.data.includes(text) && !kept) found.push(parent.outerHTML);
            }
            return found;
        }""",
        "gnp.exe",
    )
    assert loose == []


@pytest.mark.parametrize("width", [360, 1280])
def test_long_words_do_not_widen_the_page(width: int, visit: Open, seed: Seed) -> None:
    seed.room(title=LONG)
    alert = seed.alert(said=f"{LONG} {LONG}", speaker=("mallory", LONG))
    here = visit(width=width)
    seed.joins("lounge", "mallory", LONG)
    expect(here.article(alert.id)).to_be_visible()
    assert here.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = here.article(alert.id).bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width
