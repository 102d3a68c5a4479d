"""Somebody who may be at risk gets help and no punishment; an escalated alert reaches somebody."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
import pytest

from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Line, Script, ScriptedSpeaker
from tests.blackbox.receiver import Receiver, receiving, wait_until
from tests.server import PYTHON, Server, clean_environment

CLIPS = DEMO_SCRIPT.parent
DESPAIR, OFFENCE, ENCOURAGED = "self-harm-help", "scam-gift-cards", "telling-others"
PACK = """
schema: 1
pack: others
version: 1.0.0
title: Words against others
description: Stands in for telling somebody to hurt themselves.
policies:
  - id: telling-others
    title: Telling somebody to hurt themselves
    category: suicide_self_harm
    subcategory: encouragement
    severity: critical
    languages: [en]
    description: Stands in for telling somebody to hurt themselves.
    match: {words: {phrases: {en: [read me the verification code]}}}
    tests:
      must_match: [read me the verification code, please read me the verification code,
        read me the verification code now]
      must_not_match: [read me the book, the code, good night everyone]
"""
HELPLINES = """
- name: Example line
  contact: telephone 000
  languages: [en]
  hours: day and night
- {name: Autre ligne, contact: "https://helpline.example", languages: [fr]}
"""


def speaker(id_: str, *said: tuple[float, str, str]) -> ScriptedSpeaker:
    lines = tuple(
        Line(at_s, CLIPS / f"{clip}.opus", text, alerts=True) for at_s, clip, text in said
    )
    return ScriptedSpeaker(id_, id_.title(), lines)


SCRIPT = Script(
    "A test",
    (
        speaker("walt", (0.2, "walt-despair", "i don't want to live anymore")),
        speaker("mallory", (0.4, "mallory-gift-card", "send me your gift card codes")),
        speaker("trudy", (0.6, "mallory-verification", "read me the verification code")),
    ),
)


@dataclass
class Desk:
    """A moderator's desk: a server, one alert of each rule, and a webhook."""

    server: Server
    http: httpx.Client
    receiver: Receiver

    def alert(self, rule_id: str, **wanted: str) -> dict[str, Any]:
        items = self.http.get("/v1/alerts", params=wanted).json()["items"]
        (found,) = [each for each in items if each["matches"][0]["rule_id"] == rule_id]
        return dict(found)

    def case(self, rule_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/alerts/{self.alert(rule_id)['id']}").json())

    def step(self, rule_id: str, verb: str, **body: object) -> httpx.Response:
        return self.http.post(f"/v1/alerts/{self.alert(rule_id)['id']}/{verb}", json=body)

    def reopened(self, rule_id: str) -> dict[str, Any]:
        """Put the alert back to open, whatever was decided before."""
        if self.alert(rule_id)["state"] != "open":
            assert self.step(rule_id, "reopen").status_code == 200
        return self.alert(rule_id)

    def figures(self, rule_id: str) -> dict[str, Any]:
        rules = self.http.get("/v1/policies/report").json()["rules"]
        (found,) = [each for each in rules if each["rule_id"] == rule_id]
        return dict(found)


def knows_helplines() -> bool:
    """Return whether the build has the setting: another build than ours must still start."""
    if sys.executable == PYTHON:
        return True
    shown = subprocess.run(
        [PYTHON, "-P", "-m", "service", "settings"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return "EARSHOT_HELPLINES" in shown


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("help")
    (folder / "helplines.yaml").write_text(HELPLINES, "utf-8")
    more = {"EARSHOT_HELPLINES": str(folder / "helplines.yaml")} if knows_helplines() else {}
    with (
        receiving() as receiver,
        Server(folder / "data", EARSHOT_WEBHOOK_ALLOW="127.0.0.1", **more) as server,
        server.client() as http,
    ):
        yaml = {"Content-Type": "application/yaml"}
        http.put("/v1/policies/others", content=PACK, headers=yaml).raise_for_status()
        asyncio.run(
            simulate_room(server.url, server.key, "lobby", SCRIPT, keep_room=True, settle_s=10.0)
        )
        yield Desk(server, http, receiver)


def test_words_of_despair_are_held_against_nobody_as_the_rules_promise(desk: Desk) -> None:
    assert "They are never held against anyone" in desk.http.get("/rules").text
    desk.reopened(DESPAIR)
    for outcome in ("upheld", "dismissed"):
        refused = desk.step(DESPAIR, "resolve", outcome=outcome)
        assert refused.status_code == 422
        assert refused.json()["detail"].endswith(
            f"its outcome is supported or not_needed, not {outcome}"
        )
    alert = desk.alert(DESPAIR)
    assert (alert["state"], alert["handling"]) == ("open", "help")
    for outcome in ("supported", "not_needed"):
        desk.reopened(DESPAIR)
        resolved = desk.step(DESPAIR, "resolve", outcome=outcome, reason="somebody spoke with them")
        assert resolved.status_code == 200
        assert (resolved.json()["state"], resolved.json()["outcome"]) == ("resolved", outcome)


def test_an_offence_is_upheld_or_dismissed_and_never_supported(desk: Desk) -> None:
    desk.reopened(OFFENCE)
    for outcome in ("supported", "not_needed"):
        refused = desk.step(OFFENCE, "resolve", outcome=outcome)
        assert refused.status_code == 422
        assert "its outcome is upheld or dismissed" in refused.json()["detail"]
    resolved = desk.step(OFFENCE, "resolve", outcome="upheld")
    assert (resolved.status_code, resolved.json()["handling"]) == (200, "offence")


def test_telling_somebody_to_hurt_themselves_is_an_offence_with_helplines(desk: Desk) -> None:
    assert desk.reopened(ENCOURAGED)["handling"] == "offence"
    guidance = desk.case(ENCOURAGED)["guidance"]
    assert guidance["outcomes"] == ["upheld", "dismissed"]
    assert "offer_help" in [step["code"] for step in guidance["steps"]]
    assert len(guidance["helplines"]) == 2


def test_despair_counts_in_no_precision(desk: Desk) -> None:
    desk.reopened(DESPAIR)
    if desk.step(DESPAIR, "resolve", outcome="supported").status_code != 200:
        # A build that knows only the outcomes of offences.
        assert desk.step(DESPAIR, "resolve", outcome="upheld").status_code == 200
    assert desk.figures(DESPAIR)["precision"] is None
    desk.reopened(OFFENCE)
    assert desk.step(OFFENCE, "resolve", outcome="upheld").status_code == 200
    counted = ("alerts", "upheld", "dismissed", "supported", "not_needed")
    help_ = desk.figures(DESPAIR)
    assert [help_[name] for name in counted] == [1, 0, 0, 1, 0]
    assert help_["handling"] == "help"
    offence = desk.figures(OFFENCE)
    assert [offence[name] for name in counted] == [1, 1, 0, 0, 0]
    assert offence["precision"]["value"] == 1


def test_guidance_begins_with_a_message_and_helplines_and_never_with_a_mute(desk: Desk) -> None:
    guidance = desk.case(DESPAIR)["guidance"]
    assert guidance["outcomes"] == ["supported", "not_needed"]
    assert guidance["steps"][0]["action"] == "warn"
    assert "Example line: telephone 000" in guidance["steps"][0]["message"]
    acts = {step["action"] for step in guidance["steps"]}
    assert not acts & {"mute_speaker", "remove_speaker", "end_room"}
    assert [(each["name"], each["contact"], each["hours"]) for each in guidance["helplines"]] == [
        ("Example line", "telephone 000", "day and night"),
        ("Autre ligne", "https://helpline.example", ""),
    ]
    for outcome in guidance["outcomes"]:
        assert guidance["reasons"][outcome]
    offence = desk.case(OFFENCE)["guidance"]
    assert offence["helplines"] == []
    assert {"code": "broke_rule", "record": "broke the rule"} in offence["reasons"]["upheld"]


def test_the_message_to_somebody_at_risk_is_one_of_support(desk: Desk) -> None:
    body = {"url": desk.receiver.url, "types": ["action.requested"], "room": "lobby"}
    desk.http.post("/v1/webhooks", json=body).raise_for_status()
    asked: list[httpx.Response] = []

    def accepted() -> bool:
        asked.append(desk.step(DESPAIR, "actions", action="warn"))
        return asked[-1].status_code == 202

    wait_until(accepted)
    message = asked[-1].json()["message"]
    assert "rules" not in message
    assert "not alone" in message


def test_an_escalated_alert_is_in_feed_webhook_history_audit_and_filter(desk: Desk) -> None:
    alert = desk.reopened(OFFENCE)
    body = {"url": desk.receiver.url, "types": ["alert.escalated"]}
    made = desk.http.post("/v1/webhooks", json=body)
    assert made.status_code == 201, made.text
    answer = desk.step(OFFENCE, "escalate", to="night shift", reason="the host does not answer")
    assert answer.status_code == 200
    after = answer.json()
    assert (after["state"], after["escalated_to"]) == (alert["state"], "night shift")
    assert after["escalated_at"]

    with httpx_sse.connect_sse(desk.http, "GET", "/v1/feed?since=0") as feed:
        told = next(each for each in feed.iter_sse() if each.event == "alert.escalated")
    data = json.loads(told.data)["data"]
    assert (data["id"], data["escalated_to"]) == (alert["id"], "night shift")
    assert data["reason"] == "the host does not answer"
    desk.receiver.until(lambda: bool(desk.receiver.of_type("alert.escalated")))
    (sent,) = desk.receiver.of_type("alert.escalated")
    assert sent.data == data

    last = desk.case(OFFENCE)["history"][-1]
    assert (last["action"], last["reason"]) == ("escalate: night shift", "the host does not answer")
    (entry,) = [
        each
        for each in desk.http.get("/v1/audit").json()["items"]
        if each["action"] == "alert.escalated"
    ]
    assert (entry["subject"], entry["reason"]) == (alert["id"], "to night shift")
    assert desk.alert(OFFENCE, escalated="true")["id"] == alert["id"]
    others = desk.http.get("/v1/alerts", params={"escalated": "false"}).json()["items"]
    assert alert["id"] not in [each["id"] for each in others]
    assert len(others) == 2


def test_a_bad_file_of_helplines_is_named_with_its_line_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "helplines.yaml"
    path.write_text("- name: A line\n  phone: telephone 000\n", "utf-8")
    ended = subprocess.run(
        [PYTHON, "-P", "-m", "service", "serve"],
        env=clean_environment()
        | {
            "EARSHOT_PORT": "0",
            "EARSHOT_DATA_DIR": str(tmp_path / "data"),
            "EARSHOT_HELPLINES": str(path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    problem = "[0].phone is not a field of a helpline; use name, contact, languages or hours"
    assert f"EARSHOT_HELPLINES: {path}:2: {problem}" in ended.stderr
    assert "Traceback" not in ended.stderr
