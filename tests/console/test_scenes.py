"""All states of the page, in both themes and at all widths, without a finding of axe.

Screenshots go to `build/screenshots/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.console.conftest import Open
from tests.console.scenes import CHINESE, ENGLISH, IN_CHINESE, SCENES, Scene, Stage
from tests.console.seeding import Seed
from tests.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
SIZES = {360: 740, 1280: 800, 1920: 1080}
CHECKED = (360, 1280)
THEMES = ("light", "dark")
ALL = [(scene, ENGLISH) for scene in SCENES] + [(scene, CHINESE) for scene in IN_CHINESE]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Return a stack of what a scene keeps open."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize(
    ("scene", "locale"), ALL, ids=[f"{scene.__name__}-{locale[:2]}" for scene, locale in ALL]
)
def test_the_page_is_accessible_in_all_themes_and_widths(
    scene: Scene, locale: str, visit: Open, seed: Seed, served: Server, stack: ExitStack
) -> None:
    here = scene(Stage(visit, seed, served, locale, stack))
    found = []
    for theme in THEMES:
        here.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        for width, height in SIZES.items():
            here.page.set_viewport_size({"width": width, "height": height})
            keep(here.page, f"{scene.__name__}-{locale[:2]}-{theme}-{width}")
            if width in CHECKED:
                found += [f"{theme} {width}: {each}" for each in findings(here.page, theme)]
            assert here.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    here.context.set_offline(False)
    assert found == []


def keep(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")


def findings(page: Page, theme: str) -> list[str]:
    """Return axe-core's findings; in the dark theme only those about colours."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if theme == "dark":
        options["runOnly"] = ["color-contrast", "link-in-text-block"]
    result: dict[str, Any] = page.evaluate("options => axe.run(options)", options)
    return [
        f"{violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
