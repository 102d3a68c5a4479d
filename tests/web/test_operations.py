from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

import pytest

from service.access.keys import Role
from service.storage.engine import Database
from service.verdict.overload import Lag, OverloadChanged, OverloadWatch
from tests.api import Api
from tests.server import Server
from tests.storage.examples import SetClock

pytestmark = pytest.mark.anyio


class Behind:
    """Pipeline with a given lag."""

    def __init__(self, lag: Lag) -> None:
        self._lag = lag

    def lag(self, now: datetime) -> Lag:
        return self._lag


async def nobody(news: OverloadChanged, now: datetime) -> None: ...


@pytest.mark.parametrize(
    ("lag", "behind_s", "overloaded"),
    [(Lag(0.0, 0), 0, False), (Lag(1.26, 2), 1.3, False), (Lag(7.0, 40), 7, True)],
)
async def test_the_status_says_what_a_page_must_know(
    database: Database, lag: Lag, behind_s: float, overloaded: bool
) -> None:
    api = Api(database, SetClock())
    api.parts.notice, api.parts.verdict_lag = "demo model", Behind(lag)
    watch = OverloadWatch(
        api.parts.verdict_lag.lag, nobody, measure=lambda _: None, clock=api.clock
    )
    await watch.check_lag()
    api.parts.overload = watch
    async with api.caller("Ob", Role.OBSERVER) as client:
        found = await client.get("/v1/status")
    assert found.json() == {
        "version": version("earshot"),
        "now": "2026-05-17T12:00:00.123Z",
        "notice": "demo model",
        "model": "micro",
        "waiting": lag.waiting,
        "behind_s": behind_s,
        "overloaded": overloaded,
    }
    async with api.anybody() as client:
        assert (await client.get("/v1/status")).status_code == 401


def test_a_real_server_serves_the_page_signs_it_in_and_says_how_it_is(
    shared_server: Server,
) -> None:
    with shared_server.client() as keyed:
        document = keyed.get("/openapi.json").json()
    assert {"/v1/session", "/v1/status", "/v1/policies", "/rules"} <= set(document["paths"])
    with shared_server.client() as page:
        del page.headers["Authorization"]
        assert "持械威胁" in page.get("/rules", params={"lang": "zh"}).text
        own = {"Origin": shared_server.url}
        signed_in = page.post("/v1/session", json={"key": shared_server.key}, headers=own)
        assert signed_in.status_code == 200, signed_in.text
        status = page.get("/v1/status").json()
        assert status["model"]
        assert status["notice"]
        assert status["waiting"] == 0
        assert not status["overloaded"]
        (pack,) = page.get("/v1/policies").json()["items"]
        assert pack["translations"]["zh"]["title"]
        assert page.delete("/v1/session", headers=own).status_code == 204
        assert page.get("/v1/status").status_code == 401
    assert shared_server.key not in shared_server.log_file.read_text()
