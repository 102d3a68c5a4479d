"""Pure modules of the page, run in the browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from tests.server import Server

pytestmark = pytest.mark.browser

Call = Callable[..., Any]

TEXTS = st.lists(
    st.one_of(
        st.sampled_from("abc xyz.,!’'\n"),
        st.sampled_from(
            ["你", "好", "👋🏽", "👨‍👩‍👧", "é", "e\u0301", "ש", "ل", "\u200d", "\ufe0f", "𝒳"]
        ),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
).map("".join)


@pytest.fixture(scope="module")
def call(browser: Browser, served: Server) -> Iterator[Call]:
    """Return `call("text.js", "(m, ...given) => ...", *given)`: m is the module."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.url}/console/text.js")

    def call_(module: str, script: str, *given_: Any) -> Any:
        source = f"async ([given]) => ({script})(await import('/console/{module}'), ...given)"
        return page.evaluate(source, [list(given_)])

    yield call_
    context.close()


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[list[int]]]:
    """Draw a text with spans of code points, also overlapping, empty and beyond its end."""
    text = draw(TEXTS)
    place = st.integers(-2, len(text) + 3)
    return text, draw(st.lists(st.tuples(place, place).map(list), max_size=5))


@given(st.lists(marked_texts(), min_size=1, max_size=30))
@settings(max_examples=20)
def test_pieces_join_to_the_text_and_mark_exactly_the_spans(
    call: Call, cases: list[tuple[str, list[list[int]]]]
) -> None:
    script = "(m, cases) => cases.map(([text, spans]) => m.pieces(text, spans))"
    for (text, spans), found in zip(cases, call("text.js", script, cases), strict=True):
        assert "".join(piece["text"] for piece in found) == text
        shown = [(char, piece["marked"]) for piece in found for char in piece["text"]]
        assert [marked for _, marked in shown] == [
            any(start <= place < end for start, end in spans) for place in range(len(text))
        ]
        assert all(one["marked"] != other["marked"] for one, other in pairwise(found))


@given(st.lists(TEXTS, min_size=1, max_size=30))
@settings(max_examples=20)
def test_a_mask_keeps_only_the_first_letter_of_a_word(call: Call, texts: list[str]) -> None:
    script = "(m, texts) => texts.map(m.maskWords)"
    for text, masked in zip(texts, call("text.js", script, texts), strict=True):
        for word, hidden in zip(text.split(), masked.split(), strict=True):
            if word.isascii() and word.isalpha():
                assert hidden == word[0] + "●" * max(1, len(word) - 1)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("kill you", "k●●● y●●"),
        ("I", "I●"),
        ("don't!", "d●●●●!"),
        ("杀了你", "杀●●"),
        ("e\u0301te\u0301", "e\u0301●●"),
    ],
)
def test_masks(text: str, masked: str, call: Call) -> None:
    assert call("text.js", "(m, text) => m.maskWords(text)", text) == masked


def test_a_mask_never_splits_a_character(call: Call) -> None:
    masked = call("text.js", "(m, text) => m.maskWords(text)", "𝒳𝒴𝒵 a👋🏽b")
    assert masked.startswith("𝒳●●")
    assert "\ufffd" not in masked


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["alert.raised", "transcript.heard", ""]),
            "data": st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n\0")),
            "id": st.one_of(st.none(), st.integers(0, 10**9).map(str)),
        }
    ).filter(lambda event: bool(event["type"] or event["data"] or event["id"])),
    max_size=6,
)


@given(EVENTS, st.data())
@settings(max_examples=60)
def test_events_do_not_depend_on_how_the_stream_is_chunked(
    call: Call, events: list[dict[str, Any]], data: st.DataObject
) -> None:
    blocks = []
    for event in events:
        lines = [": heartbeat"]
        if event["type"]:
            lines.append(f"event: {event['type']}")
        if event["id"] is not None:
            lines.append(f"id: {event['id']}")
        lines.append(f"data: {event['data']}")
        blocks.append("\n".join(lines) + "\n\n")
    text = "".join(blocks)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[one:other] for one, other in pairwise([0, *cuts, len(text)])]
    script = "(m, parts) => { const p = new m.Parser(); return parts.flatMap(one => p.push(one)); }"
    assert call("stream.js", script, parts) == events


def test_an_unfinished_event_is_ignored_and_returns_end_lines(call: Call) -> None:
    script = "(m, parts) => { const p = new m.Parser(); return parts.flatMap(one => p.push(one)); }"
    assert call("stream.js", script, ["event: a\ndata: 1\n"]) == []
    found = call("stream.js", script, ["event: a\r\nid: 7\r", "\ndata: x\r\ndata:  y\r\n\r\n"])
    assert found == [{"type": "a", "data": "x\n y", "id": "7"}]


def test_waits_between_attempts_double_up_to_ten_seconds_and_vary(call: Call) -> None:
    script = "(m, random) => [0, 1, 2, 3, 4, 5, 9].map(n => m.backOff(n, random))"
    most = call("stream.js", script, 1)
    assert most == [500, 1000, 2000, 4000, 8000, 10_000, 10_000]
    assert call("stream.js", script, 0) == [each / 2 for each in most]


FILTERS = st.fixed_dictionaries(
    {
        "room": st.sampled_from(["", "lounge", "a b&c=d", "你好"]),
        "severity": st.sampled_from(["low", "medium", "high", "critical"]),
        "category": st.sampled_from(["", "hate"]),
        "state": st.sampled_from(["undecided", "escalated", "open", "resolved", "all"]),
    }
)


@given(FILTERS, st.one_of(st.none(), st.just("al_1-2")), st.sampled_from(["watch", "rules"]))
@settings(max_examples=40)
def test_an_address_round_trips(
    call: Call, filters: dict[str, str], opened: str | None, view: str
) -> None:
    script = "(m, filters, opened, view) => m.readUrl(m.writeUrl(filters, opened, view))"
    found = call("url.js", script, filters, opened, view)
    assert found["filters"] == filters
    assert found["opened"] == opened
    assert found["view"] == view


def test_the_address_of_the_defaults_is_empty(call: Call) -> None:
    assert call("url.js", "m => m.writeUrl(m.NO_FILTERS, null)") == ""


def an_alert(number: int, severity: str = "high", **more: Any) -> dict[str, Any]:
    return {
        "id": f"al_{number}",
        "room_id": "lounge",
        "severity": severity,
        "category": "hate",
        "state": "open",
        "provisional": False,
        "repeats": 0,
        "raised_at": f"2026-05-17T12:00:{number:02}.000Z",
        "matches": [],
    } | more


APPLY = """(m, batches) => {
  let state = m.initialState();
  for (const events of batches) state = m.applyEvents(state, events, 1000).state;
  return {order: state.order, pending: state.pending, alerts: [...state.alerts.values()]};
}"""
ALERTS = [
    an_alert(number, severity)
    for number, severity in enumerate(["low", "critical", "high", "medium", "high", "low"])
]


@given(st.permutations(ALERTS), st.integers(0, 6))
@settings(max_examples=30)
def test_alerts_are_sorted_and_unique_whatever_the_order_of_events(
    call: Call, alerts: list[dict[str, Any]], cut: int
) -> None:
    events = [{"type": "alert.raised", "data": alert} for alert in alerts]
    found = call("state.js", APPLY, [events[:cut], events[cut:], events[:cut]])
    assert found["order"] == ["al_1", "al_4", "al_2", "al_3", "al_5", "al_0"]
    assert len(found["alerts"]) == len(ALERTS)


def test_an_update_before_its_alert_does_no_harm(call: Call) -> None:
    events = [
        {"type": "alert.updated", "data": an_alert(1, repeats=2)},
        {"type": "speaker.left", "data": {"room_id": "nowhere", "id": "ann", "name": "Ann"}},
        {"type": "audio.gap", "data": {"room_id": "nowhere", "speaker_id": "ann"}},
        {"type": "something.new", "data": {}},
    ]
    found = call("state.js", APPLY, [events])
    assert found["order"] == ["al_1"]


def test_a_new_state_leaves_the_previous_state_unchanged(call: Call) -> None:
    script = """(m, event) => {
      const before = m.initialState();
      m.applyEvents(before, [event], 0);
      return [before.order.length, before.alerts.size];
    }"""
    assert call("state.js", script, {"type": "alert.raised", "data": an_alert(1)}) == [0, 0]


def test_both_languages_have_the_same_keys(call: Call) -> None:
    script = "async m => [Object.entries(m.default), "
    script += "Object.entries((await import('/console/words/zh.js')).default)]"
    english, chinese = (dict(found) for found in call("words/en.js", script))
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        forms = [json.dumps(table[key], ensure_ascii=False) for table in (english, chinese)]
        slots = [{part.split("}")[0] for part in form.split("{")[1:]} for form in forms]
        assert slots[1] <= slots[0], key
        assert "!" not in json.dumps(text), key


def an_action(id_: str, state: str = "pending", **more: Any) -> dict[str, Any]:
    finished = None if state == "pending" else "2026-05-17T12:00:20.000Z"
    action = {"id": id_, "action": "mute_speaker", "state": state, "finished_at": finished}
    return action | {"delivered_at": None} | more


STEPS = [
    an_action("ac_1"),
    an_action("ac_1", delivered_at="2026-05-17T12:00:01.000Z"),
    an_action("ac_1", "failed", delivered_at="2026-05-17T12:00:01.000Z"),
    an_action("ac_1", "done", finished_at="2026-05-17T12:00:40.000Z", late=True),
]


@given(st.permutations(STEPS))
@settings(max_examples=24)
def test_an_older_state_of_an_action_never_replaces_a_newer_one(
    call: Call, steps: list[dict[str, Any]]
) -> None:
    script = "(m, steps) => steps.reduce((known, one) => m.withAction(known, one), [])"
    assert call("state.js", script, steps) == [STEPS[-1]]


@pytest.mark.parametrize(
    ("actions", "shown"),
    [
        ([an_action("1")], ["1"]),
        ([an_action("1", "failed"), an_action("2")], ["2"]),
        ([an_action("1", "failed"), an_action("2", "done", action="unmute_speaker")], []),
        ([an_action("1", "failed"), an_action("2", "failed", action="warn")], ["1", "2"]),
        ([an_action("1", "done")], []),
    ],
)
def test_a_case_shows_actions_that_wait_and_the_newest_failures(
    actions: list[dict[str, Any]], shown: list[str], call: Call
) -> None:
    found = call("verbs.js", "(m, actions) => m.outstanding(actions)", actions)
    assert [one["id"] for one in found] == shown


def test_a_help_case_offers_no_sanction_first(call: Call) -> None:
    script = "(m, handling) => m.choices(handling, ['mute_speaker', 'warn', 'end_room'], false)"
    assert call("verbs.js", script, "help")[0] == "warn"
    assert call("verbs.js", script, "offence")[0] == "mute_speaker"
