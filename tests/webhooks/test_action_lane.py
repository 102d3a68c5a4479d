"""The lane of actions, on a real database and real sockets."""

from __future__ import annotations

import asyncio
import json
import random
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.sealing import Seal
from service.alerts.action import ActionOutcome, ActionState
from service.clock import utc_now
from service.rooms.actions import RoomAction
from service.storage.engine import Database
from service.webhooks.action_answer import (
    LONGEST_REASON,
    ActionAnswer,
    clean_reason,
    parse_action_answer,
)
from service.webhooks.delivery import Delivery, Outcome
from service.webhooks.endpoint import EndpointState, Sealed
from tests.webhooks.conftest import Running, relaying
from tests.webhooks.receivers import (
    Call,
    Receiver,
    Writer,
    answers,
    in_turn,
    receiver,
    says_nothing,
)
from tests.webhooks.results import Results

pytestmark = pytest.mark.anyio

DONE = json.dumps({"outcome": "done", "reason": "muted by the mixer"})


@pytest.fixture
def results(running: Running) -> Results:
    return running.results


async def ended(running: Running, sealed: Sealed, *outcomes: Outcome) -> list[Delivery]:
    """Wait until the deliveries have these outcomes. Returns: all attempts, oldest first."""
    async with asyncio.timeout(30):
        while True:
            commit = running.database.next_commit()
            found = await running.deliveries(sealed)
            if [one.outcome for one in found] == list(outcomes):
                return found
            await commit.wait()


async def until_last(running: Running, sealed: Sealed, outcome: Outcome) -> None:
    """Wait until the newest attempt has this outcome."""
    async with asyncio.timeout(30):
        while True:
            commit = running.database.next_commit()
            if [one.outcome for one in await running.deliveries(sealed)][-1:] == [outcome]:
                return
            await commit.wait()


async def only_transcripts_hang(receiver: Receiver, call: Call, writer: Writer) -> None:
    if call.json["type"] == "action.requested":
        await answers(204)(receiver, call, writer)
    else:
        await says_nothing(receiver, call, writer)


async def test_an_action_arrives_while_other_events_wait_for_a_slow_receiver(
    running: Running, results: Results
) -> None:
    async with receiver(only_transcripts_hang) as there:
        sealed = await running.add(there.url)
        await running.gaps(1_000)
        await there.until(1)
        await results.request("ac_1")
        calls = await there.until(2)
        assert [call.json["type"] for call in calls] == ["audio.gap", "action.requested"]
        assert calls[1].json["data"]["id"] == "ac_1"
        assert calls[1].json["data"]["expires_at"]
        assert (await running.store.waiting(sealed.endpoint)).events == 1_000


async def test_an_action_does_not_wait_for_the_breaker(running: Running, results: Results) -> None:
    async def fails_but_for_actions(receiver: Receiver, call: Call, writer: Writer) -> None:
        status = 204 if call.json["type"] == "action.requested" else 500
        await answers(status)(receiver, call, writer)

    async with receiver(fails_but_for_actions) as there:
        sealed = await running.add(there.url)
        await running.gaps(1)
        await there.until(1)
        await results.request("ac_1")
        await there.until(2)
        assert (await running.until(sealed, 2))[1].outcome is Outcome.DELIVERED


async def test_an_action_is_tried_again_under_its_id_until_it_is_accepted(
    running: Running, results: Results
) -> None:
    async with receiver(in_turn(answers(503), answers(204))) as there:
        sealed = await running.add(there.url, types=["action.requested"])
        await results.request("ac_1")
        tried = await ended(running, sealed, Outcome.FAILED, Outcome.DELIVERED)
        assert [one.attempt for one in tried] == [1, 2]
        assert len({call.id for call in there.calls}) == 1
        assert len({call.body for call in there.calls}) == 1
        assert tried[0].next_attempt_at is not None
        assert results.delivered == ["ac_1"]
        assert not results.reported


@pytest.mark.parametrize("behave", [answers(500), says_nothing])
async def test_an_action_that_expired_is_never_sent_again(
    database: Database, behave: object
) -> None:
    seal, results = Seal(secrets.token_bytes(32)), Results(database)
    async with receiver(says_nothing) as there:
        there.behave = behave  # type: ignore[assignment]
        async with relaying(database, results=results, seal=seal, total_s=0.5) as running:
            sealed = await running.add(there.url, types=["action.requested"])
            await results.request("ac_1", lives_s=1.2)
            await until_last(running, sealed, Outcome.EXPIRED)
        there.behave = answers(204)
        count = len(there.calls)
        async with relaying(database, results=results, seal=seal) as running:
            await results.request("ac_2")
            calls = await there.until(count + 1)
        assert [call.json["data"]["id"] for call in calls[count:]] == ["ac_2"]
        assert "ac_1" not in results.delivered


async def test_an_action_is_not_sent_from_the_queue_of_a_webhook_that_was_disabled(
    running: Running, results: Results
) -> None:
    async with receiver(answers(204)) as there:
        sealed = await running.add(there.url)
        await running.store.disable(sealed.endpoint.id, "for a while")
        await running.relay.refresh(sealed.endpoint.id)
        await results.request("ac_old", lives_s=0.2)
        await asyncio.sleep(0.2)
        await running.gaps(1)
        await running.store.change(sealed.endpoint)
        await running.relay.refresh(sealed.endpoint.id)
        await there.until(1)
        await results.request("ac_new")
        calls = await there.until(2)
        assert [call.json["type"] for call in calls] == ["audio.gap", "action.requested"]
        assert calls[1].json["data"]["id"] == "ac_new"


async def test_a_pending_action_is_sent_after_a_restart_and_a_delivered_one_is_not(
    database: Database,
) -> None:
    seal, results = Seal(secrets.token_bytes(32)), Results(database)
    async with receiver(answers(204)) as there:
        async with relaying(database, results=results, seal=seal) as running:
            sealed = await running.add(there.url)
            await results.request("ac_1")
            await ended(running, sealed, Outcome.DELIVERED)
        await results.request("ac_2", speaker_id="bob")
        await results.request("ac_3", lives_s=1, age_s=2)
        async with relaying(database, results=results, seal=seal) as running:
            await there.until(2)
            await results.request("ac_4", speaker_id="eve")
            calls = await there.until(3)
    assert [call.json["data"]["id"] for call in calls] == ["ac_1", "ac_2", "ac_4"]


async def test_actions_on_one_speaker_keep_their_order_and_those_on_others_do_not_wait(
    running: Running, results: Results
) -> None:
    let_go = asyncio.Event()

    async def holds_up_ann(receiver: Receiver, call: Call, writer: Writer) -> None:
        if call.json["data"]["speaker_id"] == "ann":
            await let_go.wait()
        await answers(204)(receiver, call, writer)

    async with receiver(holds_up_ann) as there:
        await running.add(there.url)
        await results.request("ac_1")
        await there.until(1)
        await results.request("ac_2", action=RoomAction.UNMUTE)
        await results.request("ac_3", speaker_id="bob")
        await there.until(2)
        let_go.set()
        calls = await there.until(3)
        assert [call.json["data"]["id"] for call in calls] == ["ac_1", "ac_3", "ac_2"]


async def test_an_endpoint_in_trouble_does_not_delay_another(
    running: Running, results: Results
) -> None:
    async with receiver(says_nothing) as bad, receiver(answers(204)) as good:
        await running.add(bad.url)
        await running.add(good.url)
        for number in range(40):
            await results.request(f"ac_{number}", speaker_id=f"s{number}")
        await good.until(40)
        assert len(bad.calls) <= 32


async def test_a_receiver_confirms_an_action_in_its_answer(
    running: Running, results: Results
) -> None:
    async with receiver(answers(200, DONE)) as there:
        sealed = await running.add(there.url, types=["action.requested"])
        await results.request("ac_1")
        (tried,) = await ended(running, sealed, Outcome.DELIVERED)
        assert results.reported == [
            ("ac_1", ActionOutcome.DONE, "muted by the mixer", sealed.endpoint.id)
        ]
        assert results.delivered == ["ac_1"]
        assert tried.error == ""


async def test_a_receiver_reports_a_failure_in_its_answer(
    running: Running, results: Results
) -> None:
    async with receiver(answers(200, '{"outcome": "failed", "reason": "no such seat"}')) as there:
        sealed = await running.add(there.url, types=["action.requested"])
        await results.request("ac_1")
        await ended(running, sealed, Outcome.DELIVERED)
        assert [one[1:3] for one in results.reported] == [(ActionOutcome.FAILED, "no such seat")]


async def test_a_wrong_outcome_is_a_bare_delivery_with_a_note(
    running: Running, results: Results
) -> None:
    async with receiver(answers(200, '{"outcome": "ok"}')) as there:
        sealed = await running.add(there.url, types=["action.requested"])
        await results.request("ac_1")
        (tried,) = await ended(running, sealed, Outcome.DELIVERED)
        assert "neither `done` nor `failed`" in tried.error
        assert results.delivered == ["ac_1"]
        assert not results.reported


async def test_a_result_that_contradicts_the_one_that_stands_is_noted(
    running: Running, results: Results
) -> None:
    async def says_failed_late(receiver: Receiver, call: Call, writer: Writer) -> None:
        await results.finish("ac_1", ActionState.DONE)
        await answers(200, '{"outcome": "failed"}')(receiver, call, writer)

    async with receiver(says_failed_late) as there:
        sealed = await running.add(there.url, types=["action.requested"])
        await results.request("ac_1")
        (tried,) = await ended(running, sealed, Outcome.DELIVERED)
        assert tried.error.startswith("the answer was not taken: action ac_1 is done already")
        assert not results.reported


async def test_an_action_that_is_over_is_not_tried_again(
    running: Running, results: Results
) -> None:
    async with receiver(answers(500)) as there:
        sealed = await running.add(there.url, types=["action.requested"])
        await results.request("ac_1")
        await there.until(1)
        await results.finish("ac_1", ActionState.DONE)
        tried = await ended(running, sealed, Outcome.FAILED, Outcome.DROPPED)
        assert "over" in tried[1].error
        assert len(there.calls) == 1


async def test_410_to_an_action_disables_the_endpoint(running: Running, results: Results) -> None:
    async with receiver(answers(410)) as there:
        sealed = await running.add(there.url, types=["action.requested"])
        await results.request("ac_1")
        async with asyncio.timeout(30):
            while True:
                commit = running.database.next_commit()
                found = await running.store.get(sealed.endpoint.id)
                assert found is not None
                if found.endpoint.state is EndpointState.DISABLED:
                    break
                await commit.wait()
        assert "410" in found.endpoint.reason
        await results.request("ac_2", speaker_id="bob")
        await asyncio.sleep(0.2)
        assert len(there.calls) == 1


async def test_a_webhook_gets_no_action_from_before_it_was_made(
    running: Running, results: Results
) -> None:
    async with receiver(answers(204)) as there:
        await results.request("ac_1")
        await asyncio.sleep(0.01)
        await running.add(there.url)
        await results.request("ac_2", speaker_id="bob")
        calls = await there.until(1)
        assert [call.json["data"]["id"] for call in calls] == ["ac_2"]


async def test_an_endpoint_gets_only_the_actions_that_its_filter_has(
    running: Running, results: Results
) -> None:
    async with receiver(answers(204)) as here, receiver(answers(204)) as elsewhere:
        await running.add(here.url, room="lob*")
        await running.add(elsewhere.url, types=["audio.gap"])
        await results.request("ac_1", room_id="cellar")
        await results.request("ac_2")
        await running.gaps(1)
        await elsewhere.until(1)
        calls = await here.until(2)
        assert {call.json["data"].get("id") for call in calls} == {"ac_2", None}
        assert [call.json["type"] for call in elsewhere.calls] == ["audio.gap"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "<html></html>",
        "null",
        "[]",
        '"done"',
        "{}",
        '{"status": "done"}',
        "7",
        "[" * 1999,
    ],
)
def test_any_other_answer_reports_nothing(text: str) -> None:
    assert parse_action_answer(text) == ActionAnswer()


@pytest.mark.parametrize("outcome", ['"Done"', '""', "null", "1", "true", '["done"]', "{}"])
def test_an_unknown_outcome_is_noted(outcome: str) -> None:
    said = parse_action_answer(f'{{"outcome": {outcome}}}')
    assert said.outcome is None
    assert said.note


@pytest.mark.parametrize("text", ['{"outcome": done}', '{"outcome": "done", "reason": "' + "x" * 9])
def test_broken_json_is_noted(text: str) -> None:
    said = parse_action_answer(text)
    assert said.outcome is None
    assert "no complete JSON" in said.note


@given(st.text())
def test_whatever_an_answer_is_it_can_be_parsed(text: str) -> None:
    said = parse_action_answer(text)
    assert said.outcome is None or "outcome" in text


@given(st.text())
def test_a_reason_is_one_short_line_that_can_be_stored(reason: str) -> None:
    kept = parse_action_answer(json.dumps({"outcome": "failed", "reason": reason}))
    assert kept.outcome is ActionOutcome.FAILED
    assert len(kept.reason) <= LONGEST_REASON
    assert kept.reason.isprintable() or not any(ord(one) < 32 for one in kept.reason)
    kept.reason.encode()


def test_a_reason_that_is_no_text_is_left_out() -> None:
    assert clean_reason(["x"]) == clean_reason(None) == ""


async def test_through_crashes_each_action_arrives_in_its_time_under_one_id_or_never(
    database: Database,
) -> None:
    """A relay stops and starts again at any moment, beside a receiver that often fails."""
    seal, results, chance = Seal(secrets.token_bytes(32)), Results(database), random.Random(20)

    async def often_fails(receiver: Receiver, call: Call, writer: Writer) -> None:
        good = chance.random() < 0.5
        await answers(200 if good else 500, DONE if chance.random() < 0.5 else "")(
            receiver, call, writer
        )

    async with receiver(often_fails) as there:
        for number in range(25):
            async with relaying(database, seal=seal, results=results) as running:
                if number == 0:
                    await running.add(there.url, types=["action.requested"])
                for part in range(chance.randint(0, 3)):
                    speaker = f"s{chance.randint(1, 2)}"
                    lives_s = chance.choice([0.05, 0.3, 30.0])
                    await results.request(
                        f"ac_{number}_{part}", speaker_id=speaker, lives_s=lives_s
                    )
                await asyncio.sleep(chance.choice([0, 0.01, 0.1]) * chance.random())
        there.behave = answers(204)
        async with relaying(database, seal=seal, results=results) as running:
            (sealed,) = await running.store.all()
            await results.request("ac_last_1", speaker_id="s1")
            await results.request("ac_last_2", speaker_id="s2")
            await results.until_delivered("ac_last_1", "ac_last_2")
            tried = await running.deliveries(sealed)
    by_message = {call.id: results.actions[call.json["data"]["id"]] for call in there.calls}
    for one in tried:
        if one.status is not None:
            assert one.at <= by_message[one.message_id].expires_at
    ids = {(call.json["data"]["id"], call.id) for call in there.calls}
    assert len(ids) == len({id_ for id_, _ in ids}) == len({id_ for _, id_ in ids})
    for action in results.actions.values():
        known = action.id in results.delivered or action.finished_at is not None
        assert known or action.expires_at <= utc_now(), f"{action.id} is lost"
