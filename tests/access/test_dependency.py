from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from httpx import ASGITransport, AsyncClient

from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import Role, digest_of, make_key
from service.access.parts import ACCESS
from service.errors import Problem
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from tests.access.parts import access_on
from tests.storage.examples import NOW, SetClock

pytestmark = pytest.mark.anyio


async def answer(_request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)
    content = {"title": problem.title, "detail": problem.detail}
    return JSONResponse(content, problem.status, problem.headers)


def make_app(database: Database) -> FastAPI:
    app = FastAPI(exception_handlers={Problem: answer})
    ACCESS.provide(app, access_on(database, SetClock()))

    for path, roles in (
        ("/admin", (Role.ADMIN,)),
        ("/moderate", (Role.MODERATOR, Role.ADMIN)),
        ("/any", tuple(Role)),
        ("/rooms/{room_id}", tuple(Role)),
        ("/things/{thing_id}", tuple(Role)),
    ):
        permitted = Depends(allow(*roles))

        @app.get(path)
        async def show(caller: Caller = permitted) -> dict[str, str]:
            return {"name": caller.name, "role": caller.role}

    return app


@pytest.fixture
async def client(database: Database) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(make_app(database))
    async with AsyncClient(transport=transport, base_url="http://earshot") as client:
        yield client


async def header(database: Database, role: Role, rooms: Sequence[str] = ()) -> dict[str, str]:
    key, secret = make_key("Mo", role, NOW, rooms=rooms)
    await SqlKeys(database).add(key, digest_of(secret))
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(
    ("role", "admin", "moderate", "any_"),
    [
        (Role.ROOM_SERVER, 403, 403, 200),
        (Role.OBSERVER, 403, 403, 200),
        (Role.MODERATOR, 403, 200, 200),
        (Role.ADMIN, 200, 200, 200),
    ],
)
async def test_a_role_may_what_the_call_names_it_for(
    client: AsyncClient, database: Database, role: Role, admin: int, moderate: int, any_: int
) -> None:
    headers = await header(database, role)
    found = [
        (await client.get(path, headers=headers)).status_code
        for path in ("/admin", "/moderate", "/any")
    ]
    assert found == [admin, moderate, any_]


async def test_a_403_names_the_roles_that_may(client: AsyncClient, database: Database) -> None:
    refused = await client.get("/moderate", headers=await header(database, Role.OBSERVER))
    assert refused.json()["detail"] == (
        "a key of role observer may not do this; these may: moderator, admin"
    )


async def test_without_a_key_the_answer_is_a_401_that_asks_for_a_bearer(
    client: AsyncClient,
) -> None:
    refused = await client.get("/any")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_a_key_in_the_query_is_refused(client: AsyncClient, database: Database) -> None:
    headers = await header(database, Role.ADMIN)
    secret = headers["Authorization"].removeprefix("Bearer ")
    assert (await client.get("/any", params={"key": secret})).status_code == 401
    assert (await client.get("/any", params={"token": "x"}, headers=headers)).status_code == 401


async def test_openapi_shows_that_a_key_or_a_session_is_needed(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["paths"]["/any"]["get"]["security"] == [
        {"HTTPBearer": []},
        {"APIKeyCookie": []},
    ]
    assert "422" not in document["paths"]["/any"]["get"]["responses"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/any", 200),
        ("/rooms/club-1", 200),
        ("/rooms/bar-1", 404),
        ("/things/club-1", 403),
    ],
)
async def test_a_scoped_key_is_for_its_rooms_and_for_nothing_that_has_no_check(
    client: AsyncClient, database: Database, path: str, expected: int
) -> None:
    headers = await header(database, Role.OBSERVER, ["club-*"])
    assert (await client.get(path, headers=headers)).status_code == expected
    assert (
        await client.get(path, headers=await header(database, Role.OBSERVER))
    ).status_code == 200
