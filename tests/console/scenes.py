"""All states of the page, for screenshots and for axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from playwright.sync_api import expect

from policies.match import Action, Layer, RuleStatus
from policies.severity import Severity
from service.access.keys import Role
from service.alerts.alert import Outcome
from service.rooms.room import RoomState
from tests.console.conftest import LOUNGE, Open
from tests.console.room_server import SILENT, RoomServer, room_server
from tests.console.seeding import HELP, Seed, a_hit
from tests.console.visit import GONE, REFUSED_401, Visit
from tests.server import Server

ENGLISH, CHINESE = "en-US", "zh-CN"


@dataclass(frozen=True, slots=True)
class Stage:
    """Tools to build a scene."""

    open_page: Open
    seed: Seed
    served: Server
    locale: str
    stack: ExitStack

    def visit(self, key: str | None = "", path: str = "/") -> Visit:
        return self.open_page(key, path, locale=self.locale, reduced_motion="reduce")


Scene = Callable[[Stage], Visit]


def sign_in(stage: Stage) -> Visit:
    here = stage.visit(None)
    here.allow(*REFUSED_401)
    here.page.goto(stage.served.url)
    expect(here.page.locator("input")).to_be_visible()
    return here


def refused(stage: Stage) -> Visit:
    here = sign_in(stage)
    here.page.locator("input").fill("ek_no-such-key-0123456789")
    here.press("Enter")
    expect(here.page.get_by_role("alert").first).to_be_visible()
    return here


def first_start(stage: Stage) -> Visit:
    return stage.visit()


def quiet(stage: Stage) -> Visit:
    rooms(stage.seed)
    here = stage.visit()
    people(stage.seed)
    expect(here.page.get_by_text("李雷").first).to_be_visible()
    return here


def feed(stage: Stage) -> Visit:
    rooms(stage.seed)
    here = stage.visit(stage.seed.key("Ann Moderator"))
    people(stage.seed)
    some = alerts(stage.seed)
    expect(here.articles).to_have_count(len(some))
    return here


def case(stage: Stage) -> Visit:
    rooms(stage.seed)
    talk(stage.seed)
    opened = alerts(stage.seed)[1]
    here = stage.visit(stage.seed.key("Ann Moderator"))
    people(stage.seed)
    here.open(opened)
    here.press("a")
    expect(here.article(opened)).to_have_attribute("data-state", "acknowledged")
    return here


def deciding(stage: Stage) -> Visit:
    here = case(stage)
    here.press("u")
    expect(here.page.get_by_role("radio").first).to_be_visible()
    return here


def acting(stage: Stage) -> Visit:
    """Actions in the room of a muted speaker."""
    lounge(stage)
    talk(stage.seed)
    opened = stage.seed.alert("scam-gift-cards", ago_s=34).id
    here = stage.visit(stage.seed.key("Ann Moderator"))
    here.open(opened)
    here.press("m")
    expect(here.page.get_by_role("radio").first).to_be_focused()
    here.press("1", "Enter")
    expect(here.page.locator("[data-action=mute_speaker][data-state=done]")).to_be_visible()
    stage.seed.joins("lounge", "mallory", "Mallory", muted=True)
    here.press("m")
    expect(here.page.get_by_role("radio").first).to_be_focused()
    here.press("4")
    expect(here.page.get_by_role("checkbox")).to_be_visible()
    return here


def lounge(stage: Stage) -> RoomServer:
    """Open a live room; return its room server."""
    client = stage.stack.enter_context(stage.served.client())
    found = stage.stack.enter_context(room_server(client))
    assert client.post("/v1/rooms", json=LOUNGE).status_code == 201
    stage.stack.callback(client.delete, "/v1/rooms/lounge")
    return found


def failing(stage: Stage) -> Visit:
    """A failed action and a pending one; a card with the mark of a failure; two escalated."""
    talk(stage.seed)
    opened = stage.seed.alert(ago_s=34).id
    seen = stage.seed.alert("harassment-insults", speaker=("walt", "Walter Moreau")).id
    here = stage.visit(stage.seed.key("Ann Moderator"))
    with stage.served.client() as client:
        host = lounge(stage)
        host.answer = {"outcome": "failed", "reason": "the member has left the room"}
        client.post(f"/v1/alerts/{seen}/actions", json={"action": "warn"})
        client.post(f"/v1/alerts/{opened}/actions", json={"action": "warn"})
        expect(here.page.locator(".chip.failed")).to_have_count(2)
        host.answer = SILENT
        client.post(f"/v1/alerts/{opened}/actions", json={"action": "mute_speaker"})
        client.post(f"/v1/alerts/{opened}/escalate", json={"to": "Night team", "reason": "again"})
        here.open(opened)
        expect(here.page.locator("[data-outstanding]")).to_have_count(2)
        expect(here.page.locator(".chip.escalated")).to_have_count(2)
    return here


def helping(stage: Stage) -> Visit:
    """Help for a person who may be at risk, with the form for actions."""
    lounge(stage)
    talk(stage.seed)
    opened = stage.seed.alert(HELP, speaker=("walt", "Walter Moreau"), ago_s=20).id
    here = stage.visit(stage.seed.key("Ann Moderator"))
    here.open(opened)
    here.press("m")
    expect(here.page.get_by_role("radio").first).to_be_focused()
    here.press("1")
    expect(here.page.locator(".act textarea")).to_have_count(2)
    return here


def reviewing(stage: Stage) -> Visit:
    """Case with every detail that a match can have."""
    rooms(stage.seed)
    talk(stage.seed)
    alert = stage.seed.alert(
        rule_version="1.2.0",
        review=True,
        excused_by=(
            "negated by “never”",
            "reported speech: “said”",
            "the transcript may be noise",
        ),
        actions=(Action.ALERT, Action.SUGGEST_WARN, Action.SUGGEST_MUTE),
        layer=Layer.PHONES,
        distance=0.13,
        raised_from=Severity.MEDIUM,
    )
    here = stage.visit(stage.seed.key("Ann Moderator"))
    here.open(alert.id)
    here.page.locator("#case-why").evaluate("heading => heading.scrollIntoView()")
    return here


def report(stage: Stage) -> Visit:
    """Rules with good, bad and no results, one of an earlier version, and a shadow rule."""
    rooms(stage.seed)
    seed = stage.seed
    tried = a_hit("scam-codes-tried", RuleStatus.SHADOW, rule_version="0.1.0")
    for number in range(12):
        ago_s = 60.0 + number
        alert = seed.alert(ago_s=ago_s, also=[tried] if number % 3 else [])
        outcome = Outcome.DISMISSED if number % 4 == 1 else Outcome.UPHELD
        seed.decide(alert, outcome)
        insult = seed.alert("harassment-insults", ago_s=ago_s)
        if number < 3:
            seed.decide(insult, Outcome.DISMISSED)
    seed.decide(seed.alert(HELP, ago_s=40), Outcome.SUPPORTED)
    seed.hit(tried, ago_s=30)
    seed.hit(a_hit("threat-violence", excused_by=("reported",), review=True), ago_s=30)
    seed.hit(a_hit("gambling-promotion", rule_version="0.9.0"), ago_s=20)
    here = stage.visit(seed.key("Ann Moderator"), "/?view=rules")
    expect(here.page.locator(".rule-table tbody tr")).to_have_count(5)
    return here


def undo(stage: Stage) -> Visit:
    here = deciding(stage)
    here.press("1", "Enter")
    expect(here.page.get_by_role("radio")).to_have_count(0)
    return here


def room(stage: Stage) -> Visit:
    rooms(stage.seed)
    talk(stage.seed)
    alerts(stage.seed)
    here = stage.visit()
    people(stage.seed)
    here.page.get_by_role("button", name=re.compile("Late Night Lounge")).first.click()
    expect(here.page.locator("[data-room='lounge']")).to_contain_text("good evening")
    return here


def burst(stage: Stage) -> Visit:
    rooms(stage.seed)
    here = stage.visit()
    people(stage.seed)
    found = stage.seed.burst(50)
    gravest = next(alert for alert in found if alert.severity == "critical")
    expect(here.article(gravest.id)).to_be_visible()
    return here


def waiting(stage: Stage) -> Visit:
    """New alerts that wait behind the pill."""
    here = feed(stage)
    here.articles.first.hover()
    stage.seed.burst(3)
    expect(here.page.locator("button.pill, .pill button").first).to_be_visible()
    return here


def lost(stage: Stage) -> Visit:
    here = feed(stage)
    here.allow(*GONE)
    here.context.set_offline(True)
    here.connection("lost")
    expect(here.page.locator(".banner.lost")).to_be_visible()
    return here


def caught_up(stage: Stage) -> Visit:
    here = feed(stage)
    with here.offline():
        stage.seed.alert("harassment-insults")
        stage.seed.talk("what was that")
        expect(here.page.locator(".banner.lost")).to_be_visible()
    expect(here.page.locator(".banner.caught-up")).to_be_visible()
    return here


def overload(stage: Stage) -> Visit:
    here = feed(stage)
    stage.seed.gap(22)
    stage.seed.behind(4.2)
    expect(here.page.get_by_text(re.compile(r"\b4\b.*(behind|秒)")).first).to_be_visible()
    return here


def read_only(stage: Stage) -> Visit:
    rooms(stage.seed)
    opened = alerts(stage.seed)[1]
    here = stage.visit(stage.seed.key("Olga", Role.OBSERVER))
    here.open(opened)
    return here


def revoked(stage: Stage) -> Visit:
    rooms(stage.seed)
    opened = alerts(stage.seed)[1]
    key = stage.seed.key("Ann Moderator")
    here = stage.visit(key)
    here.allow(*REFUSED_401)
    here.open(opened)
    stage.seed.revoke(key)
    here.press("a")
    expect(here.page.locator("input[type=password], input[name=key]")).to_be_visible()
    return here


def nothing_passes(stage: Stage) -> Visit:
    rooms(stage.seed)
    alerts(stage.seed)
    return stage.visit(path="/?room=chess&severity=critical")


def hostile(stage: Stage) -> Visit:
    """Names and words that are markup, very long, or written from right to left."""
    names = ("<b>Bold</b> & <i>bolder</i>", "W" * 90, "\u202eמישהו\u202c سلام", "Zoë 👩🏽\u200d🚀")
    stage.seed.room(title="<script>alert(1)</script> " + "long " * 30)
    here = stage.visit()
    found = [
        stage.seed.alert(said=f"{name} send me your gift card codes {name}", speaker=(id_, name))
        for id_, name in zip("abcd", names, strict=True)
    ]
    for id_, name in zip("abcd", names, strict=True):
        stage.seed.joins("lounge", id_, name)
    here.open(found[1].id)
    return here


def keyboard_map(stage: Stage) -> Visit:
    here = feed(stage)
    here.press("?")
    expect(here.page.get_by_role("dialog")).to_be_visible()
    return here


def settings(stage: Stage) -> Visit:
    here = feed(stage)
    name = "设置" if stage.locale == CHINESE else "Settings"
    here.page.get_by_role("button", name=name).click()
    expect(here.page.get_by_role("dialog")).to_be_visible()
    return here


def rules(stage: Stage) -> Visit:
    here = stage.visit(None)
    here.page.goto(f"{stage.served.url}/rules")
    expect(here.page.get_by_role("heading").first).to_be_visible()
    return here


SCENES: tuple[Scene, ...] = (
    reviewing,
    report,
    sign_in,
    refused,
    first_start,
    quiet,
    feed,
    waiting,
    burst,
    case,
    deciding,
    acting,
    failing,
    helping,
    undo,
    room,
    lost,
    caught_up,
    overload,
    read_only,
    revoked,
    nothing_passes,
    hostile,
    keyboard_map,
    settings,
    rules,
)
IN_CHINESE: tuple[Scene, ...] = (
    reviewing,
    report,
    sign_in,
    first_start,
    feed,
    case,
    acting,
    helping,
    room,
    keyboard_map,
    settings,
    rules,
)


def rooms(seed: Seed) -> None:
    seed.room()
    seed.room("chess", "Chess Corner")
    title = "History of science, every Tuesday at eight"
    seed.room("history", title, state=RoomState.LOST, reason="no packets for 10 s")


def people(seed: Seed) -> None:
    """Let speakers join while the page is open."""
    seed.joins("lounge", "ann", "Ann", "host")
    for room, id_, name in (
        ("lounge", "mallory", "Mallory"),
        ("lounge", "walt", "Walter Moreau"),
        ("chess", "bo", "Bo"),
        ("chess", "li", "李雷"),
        ("history", "grace", "Grace"),
    ):
        seed.joins(room, id_, name)


def talk(seed: Seed) -> None:
    said = [
        ("ann", "Ann", "good evening everyone and welcome", 55),
        ("walt", "Walter Moreau", "hi ann, lovely to be here again", 48),
        ("ann", "Ann", "tonight we talk about the music of the sea", 44),
        ("walt", "Walter Moreau", "who is that, and what do you want", 30),
        ("ann", "Ann", "please do not ask people for that here", 26),
    ]
    for speaker, name, text, ago_s in said:
        seed.talk(text, speaker=(speaker, name), ago_s=ago_s)


def alerts(seed: Seed) -> list[str]:
    """Raise one alert of each kind; return their ids, most severe first."""
    threat = seed.alert("threat-weapon", speaker=("walt", "Walter Moreau"), ago_s=95)
    cards = seed.alert("scam-gift-cards", ago_s=34)
    violence = seed.alert("threat-violence", "chess", ("li", "李雷"), provisional=True, ago_s=3)
    insult = seed.alert("harassment-insults", "chess", ("bo", "Bo"), ago_s=700)
    seed.repeat(insult, 2)
    casino = seed.alert("gambling-promotion", ago_s=3000)
    return [threat.id, cards.id, violence.id, insult.id, casino.id]
