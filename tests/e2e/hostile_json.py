"""Hostile requests with bad JSON or a bad query."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.e2e.hostile import ALERT, WHIP_ROOM, Hostile, post


def hostile_json() -> list[Hostile]:
    return [case for part in (_bodies, _fields, _queries) for case in part()]


def _bodies() -> Iterator[Hostile]:
    rooms = "/v1/rooms"
    yield post("no body", 422, rooms, b"")
    yield post("broken JSON", 422, rooms, b'{"id": ')
    yield post("two JSON texts", 422, rooms, b"{}{}")
    yield post("a trailing comma", 422, rooms, b'{"id": "den",}')
    yield post("single quotes", 422, rooms, b"{'id': 'den'}")
    yield post("a comment", 422, rooms, b'{"id": "den" /* x */}')
    yield post("NaN for the whole", 422, rooms, b"NaN")
    yield post("null", 422, rooms, b"null")
    yield post("an array", 422, rooms, [WHIP_ROOM])
    yield post("a string", 422, rooms, "den")
    yield post("a number", 422, rooms, b"1e999")
    yield post("not UTF-8", 400, rooms, b'{"id": "\xff\xfe"}')
    yield post("100,000 open brackets", 400, rooms, b"[" * 100_000)
    yield post("100,000 nested arrays", 400, rooms, b"[" * 100_000 + b"]" * 100_000)
    yield post("50,000 nested objects", 400, rooms, b'{"a":' * 50_000 + b"1" + b"}" * 50_000)
    yield post("900 nested arrays", 422, rooms, b"[" * 900 + b"]" * 900)
    yield post("an integer of 5,000 digits", 400, rooms, b'{"id": ' + b"9" * 5000 + b"}")
    yield post("10,000 unknown fields", 422, rooms, {f"f{n}": n for n in range(10_000)})
    yield post("a field name of 500,000 characters", 422, rooms, {"x" * 500_000: 1})
    yield post("a key that is HTML", 422, rooms, {**WHIP_ROOM, "<script>alert(1)</script>": 1})
    yield post("a prototype", 422, rooms, {**WHIP_ROOM, "__proto__": {"admin": True}})
    yield post("a NUL in a title", 422, rooms, {**WHIP_ROOM, "title": "a\0b"})
    yield post("an escape sequence in a title", 422, rooms, {**WHIP_ROOM, "title": "\x1b[2J"})
    yield post("half a surrogate pair", 422, rooms,
                b'{"id": "den", "connector": {"kind": "whip"}, "title": "\\ud800"}')  # fmt: skip
    yield post("a key twice, the second time bad", 422, rooms,
                b'{"id": "den", "connector": {"kind": "whip"}, "id": "../den"}')  # fmt: skip


def _fields() -> Iterator[Hostile]:
    rooms: dict[str, dict[str, object]] = {
        "no id": {"id": None}, "an id of a number": {"id": 7}, "an empty id": {"id": ""},
        "an id of 129": {"id": "a" * 129}, "an id that is a path": {"id": "../../etc"},
        "an id with a line break": {"id": "a\n"}, "an id that is HTML": {"id": "<b>"},
        "an id in Cyrillic": {"id": "комната"}, "a title of 201": {"title": "a" * 201},
        "a title of NaN": {"title": float("nan")}, "no connector": {"connector": None},
        "an unknown connector": {"connector": {"kind": "carrier-pigeon"}},
        "a connector with an address": {"connector": {"kind": "whip", "url": "http://[::1]/"}},
        "a connector that is a word": {"connector": "whip"},
        "a language of words": {"languages": ["English"]},
        "21 languages": {"languages": ["en"] * 21}, "languages no list": {"languages": "en"},
        "policies that are paths": {"policies": ["../x"]},
        "101 policies": {"policies": ["p"] * 101}, "an owner": {"owner": "me"},
    }  # fmt: skip
    for what, change in rooms.items():
        yield post(f"a room with {what}", 422, "/v1/rooms", {**WHIP_ROOM, **change})
    yield post("a room described otherwise", 409, "/v1/rooms",
                {"id": "lobby", "title": "other", "connector": {"kind": "whip"}})  # fmt: skip
    tokens: dict[str, dict[str, object]] = {
        "no speaker": {"speaker_id": None}, "a speaker that is a path": {"speaker_id": "a/b"},
        "a life of 0 s": {"expires_in_s": 0}, "a life of -1 s": {"expires_in_s": -1},
        "a life of 10 years": {"expires_in_s": 315_360_000},
        "a life of 1.5 s": {"expires_in_s": 1.5}, "an endless life": {"expires_in_s": float("inf")},
        "a life of NaN": {"expires_in_s": float("nan")},
        "a life of words": {"expires_in_s": "long"}, "a name of 201": {"name": "a" * 201},
        "a name that rings": {"name": "\a"}, "a role of 51": {"role": "a" * 51},
        "a room of its own": {"room_id": "hall"},
    }  # fmt: skip
    for what, change in tokens.items():
        yield post(f"a token with {what}", 422, "/v1/rooms/lobby/publish-tokens",
                    {"speaker_id": "ann", **change})  # fmt: skip
    yield post("a token for no room", 404, "/v1/rooms/nowhere/publish-tokens", {"speaker_id": "x"})
    yield post(
        "a token for an ended room", 409, "/v1/rooms/gone/publish-tokens", {"speaker_id": "x"}
    )
    yield Hostile("end no room", 404, "DELETE", "/v1/rooms/nowhere")
    yield Hostile("end a room twice", 404, "DELETE", "/v1/rooms/gone")
    for step, body, status in (
        ("resolve", {}, 422), ("resolve", {"outcome": "burn"}, 422), ("resolve", [], 422),
        ("resolve", {"outcome": "upheld", "reason": "a" * 2001}, 422), ("acknowledge", [], 422),
        ("acknowledge", {"by": "someone else"}, 422), ("reopen", {"reason": 7}, 422),
        ("resolve", {"outcome": "upheld"}, 404), ("acknowledge", {}, 404), ("reopen", {}, 404),
        ("explode", {}, 404), ("notes", {}, 422), ("notes", {"text": " "}, 422),
        ("notes", {"text": "a" * 2001}, 422), ("notes", {"text": "\0"}, 422),
        ("notes", {"text": "hm"}, 404), ("assign", {"owner": ""}, 422), ("assign", {}, 404),
        ("assign", {"owner": "a\nb"}, 422), ("reopen", {"to": "resolved"}, 422),
    ):  # fmt: skip
        yield post(f"{step} {json.dumps(body)[:40]}", status, f"{ALERT}/{step}", body)


def _queries() -> Iterator[Hostile]:
    for query, status in {
        "state=lost": 422, "state=OPEN": 422, "severity=4": 422, "severity=HIGH": 422,
        "severity=%3Cb%3E": 422, "limit=0": 422, "limit=-1": 422, "limit=201": 422,
        "limit=1e2": 422, "limit=%00": 422, "limit=" + "9" * 5000: 422, "limit=NaN": 422,
        "cursor=": 422, "cursor=x": 400,
        "cursor=%00": 400, "cursor=AAAA": 400,
        "cursor=" + "9" * 199: 400, "cursor=" + "9" * 201: 422, "cursor=%F0%9F%92%A9": 400,
        "room=" + "r" * 129: 422, "room=": 422, "room=%00": 422, "stat=open": 422, "limits=1": 422,
        "state=open&state=lost": 422, "order=oldest": 422, "speaker=": 422,
        "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkgeA": 400,  # a time after datetime.max
    }.items():  # fmt: skip
        yield Hostile(f"alerts?{query[:24]} ({len(query)})", status, "GET", f"/v1/alerts?{query}")
    for query, status in {"limit=0": 422, "cursor=../x": 400, "cursor=%ff": 400}.items():
        yield Hostile(f"rooms?{query}", status, "GET", f"/v1/rooms?{query}")
    for query, status in {
        "since=-1": 400, "since=x": 400, "since=": 422, "since=1.5": 400, "since=" + "9" * 19: 400,
        "since=%D9%A1": 400, "since=1%0a": 400, "since=0x1": 400, "types=nothing": 422,
        "types=alert.raised,nothing": 422, "types=%3Cscript%3E": 422, "types=" + "x" * 5000: 422,
    }.items():  # fmt: skip
        yield Hostile(f"feed?{query[:40]}", status, "GET", f"/v1/feed?{query}")
    for value in ("x", "-1", "1.5", "0x10", "1,2", "NaN", "9" * 19, "\xb2", "1 2", "<b>"):
        headers = {"Last-Event-ID": value}
        yield Hostile(f"Last-Event-ID {value[:20]}", 400, "GET", "/v1/feed", "admin", headers)
