from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psutil
import pytest

from policies.load import load_drafts
from policies.match import RuleStatus
from policies.matcher import TRIAL_STATUSES
from policies.stored import Stored
from service.access.keys import Role
from service.alerts.alert import AlertRaised
from service.rulebook.backtesting import Backtesting, BacktestReport
from service.rulebook.child_process import ChildProcess
from service.storage.engine import Database
from service.storage.said import SqlSaid
from tests.api import Api
from tests.policies.writing import pack, pack_text, rule, rule_text
from tests.rulebook.child import CHILD, until
from tests.rulebook.examples import live_of, snapshot_of
from tests.storage.examples import NOW, SECOND, SetClock, a_match, a_transcript, an_alert
from tests.storage.test_rule_hits import a_hit, shadow

pytestmark = pytest.mark.anyio

BACKTEST = "/v1/policies/backtest"
LIVE = pack(rule("insult", en=["you fool"], cooldown="0s"), name="live")


@pytest.fixture
def api(database: Database) -> Api:
    api = Api(database, SetClock(NOW + 3 * SECOND))
    api.parts.policies = live_of(api.policies, snapshot=snapshot_of([LIVE]))
    return api


async def say(api: Api, *texts: str) -> None:
    for number, text in enumerate(texts):
        heard = a_transcript(f"u{number}", NOW + number * SECOND, text=text)
        await api.alerts.commit(heard, [])


async def backtest(api: Api, **body: Any) -> dict[str, Any]:
    async with api.caller("Ad", Role.ADMIN) as admin:
        answer = await admin.post(BACKTEST, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_report_has_hits_and_decisions(api: Api) -> None:
    alert = replace(an_alert(), matches=[a_match()])
    hits = [a_hit(), shadow("hurry")]
    await api.alerts.commit(a_transcript(), [AlertRaised(alert)], hits)
    async with api.caller("Mo") as mo:
        await mo.post("/v1/alerts/a1/resolve", json={"outcome": "upheld"})
        found = (await mo.get("/v1/policies/report")).json()
    assert {name: found[name] for name in ("since", "until", "room_id", "utterances")} == {
        "since": "2026-04-17T12:00:00.000Z",
        "until": "2026-05-17T13:00:00.000Z",
        "room_id": None,
        "utterances": 1,
    }
    rules = {each["rule_id"]: each for each in found["rules"]}
    assert set(rules) == {"insult", "gift-cards", "hurry"}
    gift, hurry = rules["gift-cards"], rules["hurry"]
    assert (gift["hits_live"], gift["alerts"], gift["upheld"], gift["dismissed"]) == (1, 1, 1, 0)
    assert gift["precision"] == {"value": 1.0, "low": 0.2065, "high": 1.0}
    assert hurry["difference"] == {
        "since": "2026-05-17T12:00:00.123Z",
        "alone": 0,
        "together": 1,
        "together_with": [{"pack": "scams", "rule_id": "gift-cards", "utterances": 1}],
        "missed": 0,
        "missed_by": [],
    }
    assert (rules["insult"]["title"], rules["insult"]["precision"]) == ("Title of insult", None)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"since": "2026-05-17T12:00:00Z", "until": "2026-05-17T12:00:00Z"}, "must lie before"),
        ({"until": "2020-01-01T00:00:00Z"}, "kept for 30 days"),
        ({"since": "2030-01-01T00:00:00Z"}, "kept for 30 days"),
        ({"since": "2026-05-17T12:00:00"}, "timezone"),
        ({"since": "yesterday"}, "query.since"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "outside of the years"),
        ({"from": "2026-05-17T12:00:00Z"}, "no query parameter 'from'"),
    ],
)
async def test_an_impossible_period_is_refused(api: Api, query: dict[str, str], says: str) -> None:
    async with api.caller("Mo") as mo:
        answer = await mo.get("/v1/policies/report", params=query)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.ROOM_SERVER])
async def test_roles_that_decide_nothing_read_no_report(api: Api, role: Role) -> None:
    async with api.caller("Ob", role) as client:
        assert (await client.get("/v1/policies/report")).status_code == 403
        assert (await client.post(BACKTEST, json={"packs": ["x"]})).status_code == 403


async def test_an_added_draft_shows_the_alerts_that_it_would_raise(api: Api) -> None:
    await say(api, "you fool", "now read me the code", "good evening")
    found = await backtest(api, packs=[pack_text()])
    assert (found["utterances"], found["left_out"], found["changed_alerts"]) == (3, 0, 1)
    assert [
        (each["rule_id"], each["alerts_before"], each["alerts_after"]) for each in found["rules"]
    ] == [("insult", 1, 1), ("scam-codes", 0, 1)]
    (change,) = found["changes"]
    assert (change["kind"], change["utterance_id"], change["at"]) == (
        "new",
        "u1",
        "2026-05-17T12:00:01.123Z",
    )
    assert (change["before"], change["after"]["words"]) == (None, ["read me the code"])


async def test_a_draft_replaces_the_live_pack_of_its_name(api: Api) -> None:
    await say(api, "you fool", "read me the code")
    draft = pack_text(header=pack_text().partition("policies:")[0].replace("written", "live"))
    found = await backtest(api, packs=[draft])
    assert [(each["kind"], each["rule_id"]) for each in found["changes"]] == [
        ("gone", "insult"),
        ("new", "scam-codes"),
    ]


async def test_only_rules_of_the_requested_statuses_take_part(api: Api) -> None:
    await say(api, "read me the code")
    draft = pack_text(rule_text(owner="status: draft"))
    assert (await backtest(api, packs=[draft]))["changed_alerts"] == 1
    found = await backtest(api, packs=[draft], statuses=[RuleStatus.ACTIVE])
    assert found["changed_alerts"] == 0


async def test_period_and_room_bound_the_back_test(api: Api) -> None:
    await say(api, "read me the code", "read me the code", "read me the code")
    since, until = (NOW + SECOND).isoformat(), (NOW + 2 * SECOND).isoformat()
    found = await backtest(api, packs=[pack_text()], since=since, until=until, room="lobby")
    assert (found["utterances"], found["since"]) == (1, "2026-05-17T12:00:01.123Z")
    elsewhere = await backtest(api, packs=[pack_text()], room="elsewhere")
    assert (elsewhere["utterances"], elsewhere["since"], elsewhere["rules"]) == (0, None, [])


async def test_a_back_test_takes_the_newest_utterances_and_counts_the_others(
    api: Api, database: Database
) -> None:
    await say(api, "one", "two", "three")
    api.parts.backtesting = Backtesting(SqlSaid(database), CHILD, most=2)
    found = await backtest(api, packs=[pack_text()])
    assert (found["utterances"], found["left_out"]) == (2, 1)
    assert found["since"] == "2026-05-17T12:00:01.123Z"


async def test_drafts_are_refused_with_every_error_of_each(api: Api) -> None:
    doubled = pack_text(rule_text(id="id: insult"), header=pack_text().partition("policies:")[0])
    async with api.caller("Ad", Role.ADMIN) as admin:
        answer = await admin.post(
            BACKTEST, json={"packs": [doubled, pack_text(rule_text(severity="")), "pack: ["]}
        )
    assert (answer.status_code, answer.json()["title"]) == (422, "Draft refused")
    errors = answer.json()["errors"]
    assert [(each["pack"], each["line"], each["field"]) for each in errors] == [
        ("packs[1]", 7, "policies[0].severity"),
        ("packs[2]", 2, ""),
        ("packs[0]", 7, "policies[0].id"),
    ]
    assert (errors[0]["problem"], errors[0]["remedy"]) == ("is missing", "add it")
    assert "is the id of a rule in the pack live too" in errors[-1]["problem"]


@pytest.mark.parametrize(
    "body",
    [
        {"packs": ["x"], "until": "9999-12-31T23:59:59-12:00"},
        {},
        {"packs": []},
        {"packs": ["x"] * 21},
        {"packs": "x"},
        {"packs": ["x"], "to": 1},
    ],
)
async def test_an_invalid_back_test_is_refused(api: Api, body: dict[str, Any]) -> None:
    async with api.caller("Ad", Role.ADMIN) as admin:
        assert (await admin.post(BACKTEST, json=body)).status_code == 422


@dataclass
class Slow:
    """`service.rulebook.backtesting.PastSpeech` that answers once the test lets it."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    let: asyncio.Event = field(default_factory=asyncio.Event)

    async def count(
        self, since: datetime | None, until: datetime | None, room_id: str | None
    ) -> int:
        self.asked.set()
        await self.let.wait()
        return 0

    async def newest(
        self, since: datetime | None, until: datetime | None, room_id: str | None, limit: int
    ) -> Sequence[Stored]:
        return []


async def test_a_second_back_test_at_the_same_time_is_refused(api: Api) -> None:
    slow = Slow()
    api.parts.backtesting = Backtesting(slow, CHILD)
    first = asyncio.create_task(backtest(api, packs=[pack_text()]))
    await slow.asked.wait()
    async with api.caller("Ed", Role.ADMIN) as admin:
        answer = await admin.post(BACKTEST, json={"packs": [pack_text()]})
        assert (answer.status_code, answer.json()["title"]) == (409, "Back-test running")
        slow.let.set()
        assert (await first)["utterances"] == 0
        assert (await admin.post(BACKTEST, json={"packs": [pack_text()]})).status_code == 200


def said_again_and_again(times: int) -> list[Stored]:
    return [Stored("r", "s", "en", "read me the code", n, 1.0, id=str(n)) for n in range(times)]


@dataclass
class Much(Slow):
    """`PastSpeech` with many utterances at once."""

    talk: list[Stored] = field(default_factory=list)

    async def newest(
        self, since: datetime | None, until: datetime | None, room_id: str | None, limit: int
    ) -> Sequence[Stored]:
        self.asked.set()
        return self.talk

    async def count(
        self, since: datetime | None, until: datetime | None, room_id: str | None
    ) -> int:
        return len(self.talk)


async def run(backtesting: Backtesting) -> BacktestReport:
    return await backtesting.run(
        [pack_text()], [LIVE], TRIAL_STATUSES, since=None, until=None, room_id=None
    )


async def test_a_cancelled_back_test_stops_and_the_next_runs(api: Api) -> None:
    much = Much(talk=said_again_and_again(200_000))
    backtesting = Backtesting(much, CHILD)
    running = asyncio.create_task(run(backtesting))
    await much.asked.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    much.talk = []
    assert (await run(backtesting)).utterances == 0


async def test_a_back_test_does_not_run_in_the_server_process(api: Api) -> None:
    async with ChildProcess("test") as child:
        await child.run(load_drafts, [pack_text()], [])  # loads all modules
        own_s = time.process_time()
        assert (await run(Backtesting(Much(talk=said_again_and_again(20_000)), child))).hours > 5
        own_s = time.process_time() - own_s
        assert child.pid is not None
        assert own_s < psutil.Process(child.pid).cpu_times().user / 2


async def test_a_back_test_whose_process_is_killed_is_refused_and_the_next_runs(
    api: Api,
) -> None:
    much = Much(talk=said_again_and_again(50_000))
    async with ChildProcess("test") as child, api.caller("Ad", Role.ADMIN) as admin:
        api.parts.backtesting = Backtesting(much, child)
        await child.run(load_drafts, [pack_text()], [])
        assert child.pid is not None
        process = psutil.Process(child.pid)
        before_s = process.cpu_times().user
        running = asyncio.create_task(admin.post(BACKTEST, json={"packs": [pack_text()]}))
        await until(lambda: process.cpu_times().user > before_s + 0.1)
        process.kill()
        answer = await running
        assert (answer.status_code, answer.json()["title"]) == (503, "Policy work not done")
        assert "was killed (SIGKILL), and nothing has changed" in answer.json()["detail"]
        much.talk = []
        assert (await admin.post(BACKTEST, json={"packs": [pack_text()]})).status_code == 200
