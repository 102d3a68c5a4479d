"""The console says only what is so: actions, help, reasons, escalation, keys, rooms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Line, Script, ScriptedSpeaker
from tests.console.conftest import FLAGS
from tests.console.room_server import SILENT, RoomServer, room_server
from tests.console.visit import GONE, Visit
from tests.needs import CHROMIUM
from tests.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.drill, pytest.mark.timeout(240)]

PATIENCE_MS = 30_000
ROOM = {"id": "lounge", "title": "Late Night Lounge", "connector": {"kind": "whip"}}
SAID = {
    "mallory": ("mallory-gift-card", "send me your gift card codes"),
    "walt": ("walt-despair", "i don't want to live anymore"),
    "trudy": ("trudy-insult", "you are a stupid idiot"),
}


def speaker(id_: str) -> ScriptedSpeaker:
    clip, text = SAID[id_]
    line = Line(0.2, DEMO_SCRIPT.parent / f"{clip}.opus", text, alerts=True)
    return ScriptedSpeaker(id_, id_.title(), (line,))


SCRIPT = Script("Late Night Lounge", tuple(map(speaker, SAID)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("data")
    with Server(data, EARSHOT_WEBHOOK_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def lounge(client: httpx.Client) -> Iterator[RoomServer]:
    """Room server that confirms nothing."""
    with room_server(client) as lounge:
        lounge.answer = SILENT
        yield lounge


@pytest.fixture(scope="module")
def alerts(server: Server, client: httpx.Client, lounge: RoomServer) -> dict[str, str]:
    """Let three people talk in the room. Returns: the id of each speaker's alert."""
    talk = simulate_room(server.url, server.key, "lounge", SCRIPT, keep_room=True)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, talk).result()
    found = client.get("/v1/alerts").json()["items"]
    by_speaker = {alert["speaker_id"]: alert["id"] for alert in found}
    assert by_speaker.keys() == SAID.keys()
    return by_speaker


@pytest.fixture(scope="module")
def browser(alerts: dict[str, str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def here(browser: Browser, server: Server) -> Iterator[Visit]:
    """Open the console at 1440 x 900."""
    context = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context, server.url).sign_in(server.key)
    yield visit
    context.close()


def alert_of(client: httpx.Client, id_: str) -> dict[str, Any]:
    alert: dict[str, Any] = client.get(f"/v1/alerts/{id_}").json()
    return alert


def wait_until_seen(words: Locator) -> None:
    """Wait until the middle of it is in the page, and covered by nothing."""
    seen = """words => {
      const {left, top, width, height} = words.getClientRects()[0];
      return words.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    }"""
    for _ in range(PATIENCE_MS // 50):
        if words.evaluate(seen):
            return
        words.page.wait_for_timeout(50)
    raise AssertionError(f"hidden at {words.page.viewport_size}")


def test_a_decision_needs_a_reason_that_a_person_chose(
    here: Visit, client: httpx.Client, alerts: dict[str, str]
) -> None:
    here.open(alerts["trudy"])
    here.press("u")
    expect(here.case.get_by_role("radio").first).to_be_focused()
    expect(here.case.get_by_role("radio", checked=True)).to_have_count(0)
    here.press("Enter")
    expect(here.case.get_by_role("alert")).to_have_text("Choose a reason.")
    assert alert_of(client, alerts["trudy"])["state"] == "open"


def test_the_form_for_a_decision_hides_no_matched_words(
    here: Visit, alerts: dict[str, str]
) -> None:
    here.open(alerts["trudy"])
    words = here.case.locator(".own mark").first
    expect(words).to_be_visible()
    here.press("u")
    expect(here.case.get_by_role("radio").first).to_be_focused()
    for width, height in ((1440, 900), (1280, 720), (360, 740)):
        here.page.set_viewport_size({"width": width, "height": height})
        wait_until_seen(words)


def test_an_action_is_pending_on_the_page_until_the_room_server_says_what_became_of_it(
    here: Visit, client: httpx.Client, alerts: dict[str, str], lounge: RoomServer
) -> None:
    here.open(alerts["mallory"])
    here.press("m")
    here.case.get_by_role("radio", name="Mute Mallory").check()
    here.press("Enter")
    line = here.case.get_by_role("listitem").filter(has_text="Mute Mallory").last
    expect(line).to_contain_text(re.compile(r"waiting for the room server.*\d+ s left"))
    expect(here.case.get_by_text("muted", exact=True)).to_have_count(0)
    action = alert_of(client, alerts["mallory"])["actions"][0]
    path = f"/v1/actions/{action['id']}/result"
    result = {"outcome": "failed", "reason": "no such member"}
    assert client.post(path, json=result).status_code == 200
    failed = here.case.locator("[data-outstanding=mute_speaker]")
    expect(failed).to_contain_text("no such member")
    expect(failed.get_by_role("button", name="Try again")).to_be_visible()
    expect(here.page.locator("[aria-live=assertive]")).to_contain_text("no such member")


def test_a_person_at_risk_is_no_offender_on_the_page(here: Visit, alerts: dict[str, str]) -> None:
    here.open(alerts["walt"])
    expect(here.case.get_by_role("button", name=re.compile("^Supported"))).to_be_visible()
    expect(here.case).to_contain_text("The operator has named no helpline.")
    here.press("m")
    first = here.case.get_by_role("radio").first
    expect(first).to_be_focused()
    expect(first).to_have_accessible_name("Send Walt a message")
    expect(here.case).not_to_contain_text(re.compile("uphold|broke the rule|violation", re.I))


def test_an_alert_is_escalated_to_somebody_from_the_page(
    here: Visit, client: httpx.Client, alerts: dict[str, str]
) -> None:
    here.open(alerts["walt"])
    here.press("e")
    form = here.case.get_by_role("form", name="Escalate")
    form.get_by_label(re.compile("^To whom")).fill("Night team")
    form.get_by_label("Why", exact=True).fill("he needs somebody now")
    here.press("Enter")
    expect(here.article(alerts["walt"])).to_contain_text("escalated to Night team")
    expect(here.case.locator(".history")).to_contain_text("he needs somebody now")
    assert alert_of(client, alerts["walt"])["escalated_to"] == "Night team"
    here.page.get_by_label("State").select_option("Escalated")
    expect(here.articles).to_have_count(1)


def test_a_key_that_has_no_effect_says_why(here: Visit, alerts: dict[str, str]) -> None:
    for key, text in (("a", "Choose an alert first."), ("z", "There is nothing to undo.")):
        here.press(key)
        expect(here.page.get_by_role("status").filter(has_text=text)).to_be_visible()


def test_rooms_of_one_title_differ_and_none_looks_heard_without_a_connection(
    here: Visit, client: httpx.Client
) -> None:
    assert client.post("/v1/rooms", json={**ROOM, "id": "second"}).status_code == 201
    for id_ in ("lounge", "second"):
        expect(here.rooms.get_by_role("button", name=f"Late Night Lounge {id_}")).to_be_visible()
    client.delete("/v1/rooms/second")
    here.allow(*GONE)
    here.context.set_offline(True)
    here.connection("lost")
    expect(here.page.locator("[data-listed=lounge]")).not_to_contain_text("listening")


def test_in_a_room_that_has_ended_the_key_for_actions_says_so(
    here: Visit, client: httpx.Client, alerts: dict[str, str]
) -> None:
    here.open(alerts["mallory"])
    expect(here.case).to_contain_text("What was said")
    client.delete("/v1/rooms/lounge")
    why = "The room has ended."
    expect(here.case.get_by_text(why)).to_be_visible()
    here.press("m")
    expect(here.page.get_by_role("status").filter(has_text=why)).to_be_visible()
