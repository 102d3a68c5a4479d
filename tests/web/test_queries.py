from __future__ import annotations

import pytest

from service.access.keys import Role
from service.storage.engine import Database
from tests.api import Api
from tests.storage.examples import SetClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def api(database: Database) -> Api:
    return Api(database, SetClock())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/alerts?stat=open", "no query parameter 'stat'; did you mean `state`?"),
        ("/v1/alerts?Severity=high", "'Severity'; did you mean `severity`?"),
        ("/v1/alerts?state=open&zzz=1", "'zzz'; It takes `order`, `limit`, `cursor`, `room`"),
        ("/v1/rooms?limits=3", "did you mean `limit`?"),
        ("/v1/rooms/lobby?verbose=1", "takes no query parameters; leave 'verbose' out"),
        ("/v1/feed?rooms=lobby", "did you mean `room`?"),
        ("/v1/feed?" + "x" * 500 + "=1", "'" + "x" * 60 + "'"),
        ("/v1/alerts?cursor=", "`cursor=` has no value; give it one, or leave"),
        ("/v1/alerts?state=open&state=", "`state=` has no value"),
        ("/v1/alerts?room", "`room=` has no value"),
        ("/v1/rooms?cursor=", "`cursor=` has no value"),
        ("/v1/feed?since=", "`since=` has no value"),
        ("/v1/feed?room=", "`room=` has no value"),
    ],
)
async def test_what_a_path_does_not_take_is_refused_with_the_remedy(
    api: Api, path: str, said: str
) -> None:
    async with api.caller("Ob", Role.OBSERVER) as observer:
        response = await observer.get(path)
    assert response.status_code == 422
    assert said in response.json()["detail"]


async def test_a_key_in_the_address_or_no_key_at_all_is_what_is_refused_first(api: Api) -> None:
    async with api.caller("Ob", Role.OBSERVER) as observer:
        for name in ("key", "Token", "api_key"):
            assert (await observer.get(f"/v1/alerts?stat=open&{name}=x")).status_code == 401
    async with api.anybody() as anybody:
        assert (await anybody.get("/v1/alerts?stat=open")).status_code == 401


async def test_elsewhere_parameters_are_nobodys_business(api: Api) -> None:
    async with api.anybody(Authorization="Bearer x") as anybody:
        assert (await anybody.get("/healthz?since=&x=1")).status_code == 200
