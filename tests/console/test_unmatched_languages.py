"""Speech for which a room has no rules is named on the page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.test_latency import CLIPS
from tests.console.test_scenes import findings, keep
from tests.processes import Helper
from tests.rulebook.examples import text_of
from tests.server import Server, clean_environment

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

YAML = {"Content-Type": "application/yaml"}
ZH_MATCHES = "请把验证码读给我, 快把验证码读给我, 现在把验证码读给我"
CHINESE = (
    text_of("chinese")
    .replace("languages: [en]", "languages: [zh]")
    .replace("en: [read me the code]", "zh: [把验证码读给我]")
    .replace("now read me the code, please read me the code, so read me the code", ZH_MATCHES)
    .replace("[a, b, c]", "[你好, 谢谢, 再见]")
)
SCRIPT = f"""
title: Late Night Lounge
speakers:
  - id: grace
    name: Grace
    lines:
      - {{at_s: 0.5, clip: {CLIPS}/grace-kind.opus, text: please be kind to each other}}
      - {{at_s: 90, clip: {CLIPS}/grace-kind.opus, text: please be kind to each other}}
"""
LINE = "Speech in English: no rules for this language."


def test_speech_without_rules_for_its_language_is_named_until_a_pack_covers_it(
    visit: Open, tmp_path: Path
) -> None:
    (packs := tmp_path / "packs").mkdir()
    (packs / "chinese.yaml").write_text(CHINESE, "utf-8")
    (script := tmp_path / "script.yaml").write_text(SCRIPT, "utf-8")
    with Server(tmp_path / "data", EARSHOT_POLICY_DIR=str(packs)) as server:
        here = visit(server.key, at=server)
        arguments = ["simulate", "--url", server.url, "--key", server.key, "--script", str(script)]
        room = Helper(
            "earshot simulate",
            [sys.executable, "-m", "service", *arguments],
            tmp_path / "log",
            ends=(0,),
            env=clean_environment(),
        )
        try:
            expect(here.rooms).to_contain_text(LINE, timeout=40_000)
            keep(here.page, "unmatched-language-1280")
            here.page.set_viewport_size({"width": 390, "height": 800})
            here.page.get_by_role("tab", name="Rooms").click()
            keep(here.page, "unmatched-language-rooms-390")
            here.rooms.get_by_role("button", name="Late Night Lounge").click()
            opened = here.page.locator("[data-room='simulated']")
            expect(opened.get_by_role("status")).to_have_text(LINE)
            keep(here.page, "unmatched-language-390")
            assert here.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert findings(here.page, "light") == []
            with server.client() as client:
                english = text_of("english")
                client.put("/v1/policies/english", content=english, headers=YAML).raise_for_status()
            expect(opened.get_by_role("status")).to_have_text("", timeout=20_000)
            expect(opened).to_be_visible()
        finally:
            room.kill()
            room.wait()
