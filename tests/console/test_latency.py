"""Latency from speech to the page, and scrolling through ten thousand alerts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.simulation.script import DEMO_SCRIPT
from tests.console.conftest import Open
from tests.console.measuring import (
    LONGEST_TASK_MS,
    painted,
    quantile,
    reading,
    scroll_through,
    watch_paints,
)
from tests.console.seeding import Seed
from tests.processes import Helper
from tests.server import Server, clean_environment

pytestmark = pytest.mark.browser

CLIPS = DEMO_SCRIPT.parent
SCRIPT = f"""
title: Short night
speakers:
  - id: mallory
    name: Mallory
    lines:
      - {{at_s: 0.5, clip: {CLIPS}/mallory-gift-card.opus, text: send me your gift card codes,
         alerts: true, rule: scam-gift-cards}}
      - {{at_s: 5.0, clip: {CLIPS}/mallory-casino.opus, text: join the online casino for free spins,
         alerts: true, rule: gambling-promotion}}
  - id: trudy
    name: Trudy
    lines:
      - {{at_s: 2.5, clip: {CLIPS}/trudy-insult.opus, text: you are a stupid idiot,
         alerts: true, rule: harassment-insults}}
"""


def test_speech_in_a_room_brings_alerts_to_the_page(
    visit: Open, served: Server, seed: Seed, tmp_path: Path
) -> None:
    """The latency is printed (`-s`); `python -m tests.console.latency` checks its bar."""
    here = visit(before=watch_paints)
    script = tmp_path / "short.yaml"
    script.write_text(SCRIPT)
    arguments = ["simulate", "--url", served.url, "--key", served.key, "--script", str(script)]
    with reading(served) as reader:
        room = Helper(
            "earshot simulate",
            [sys.executable, "-m", "service", *arguments],
            tmp_path / "log",
            ends=(0,),
            env=clean_environment(),
        )
        try:
            expect(here.rooms).to_contain_text("Short night", timeout=30_000)
            expect(here.rooms).to_contain_text("Mallory", timeout=30_000)
            speaking = here.rooms.locator(".speaking")
            expect(speaking.first).to_be_attached(timeout=30_000)
            expect(here.articles).to_have_count(3, timeout=60_000)
            room.wait(60)
        finally:
            room.kill()
            room.wait()
        times = painted(here.page, reader)
    assert room.returncode == 0, room.report()
    assert len(times) == 3
    for side in ("after_page_ms", "after_client_ms"):
        values = [getattr(each, side) for each in times]
        print(f"{side}: p50 {quantile(values, 0.5):.0f}, p95 {quantile(values, 0.95):.0f}")  # noqa: T201


def test_ten_thousand_alerts_scroll_without_a_long_task(visit: Open, seed: Seed) -> None:
    """Tasks count by processor time, so other programs on the machine do not matter."""
    seed.room()
    *_, last = seed.alerts(10_000)
    here = visit()
    expect(here.articles.first).to_be_visible()
    scrolled = scroll_through(here.page, last)
    print(scrolled)  # noqa: T201
    assert scrolled.articles < 200
    assert scrolled.longest_cpu_ms <= LONGEST_TASK_MS
