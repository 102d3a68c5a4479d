"""Requests with an `Idempotency-Key`: claims, answers, and the routes that take the header."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel

from service.access.answers import KEPT_FOR, MOST_BYTES, Answers
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import (
    EXEMPT,
    HEADER,
    REPEATABLE,
    IdempotentRoute,
    claim_of,
    derive_id,
)
from service.access.keyed_request import Claim, KeyedRequest, StoredAnswer
from service.access.keys import Role, digest_of, make_key
from service.access.parts import ACCESS
from service.access.sealing import Seal
from service.app import create_app
from service.errors import Problem, StoreAway
from service.storage.answers import SqlAnswers
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from service.web.openapi import operations
from service.web.problems import install_problems
from tests.access.parts import access_on
from tests.storage.examples import NOW, SetClock

pytestmark = pytest.mark.anyio

NOTE = KeyedRequest("key_1", "POST", "/v1/notes", "k", "print", "add_note", repeatable=False)
ROOM = replace(NOTE, path="/v1/rooms", operation="open_room", repeatable=True)
DONE = StoredAnswer(201, {"location": "/v1/notes/1"}, '{"secret": "s3cret"}')


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def answers(database: Database, clock: SetClock) -> Answers:
    return Answers(SqlAnswers(database), Seal(bytes(32)), clock)


async def begun(answers: Answers, request: KeyedRequest = NOTE) -> Claim:
    claim = await answers.begin(request)
    assert isinstance(claim, Claim)
    return claim


def test_every_post_that_acts_takes_the_header_and_every_other_has_a_reason() -> None:
    posts = {
        operation["operationId"]: HEADER in [one["name"] for one in operation.get("parameters", ())]
        for path, method, operation in operations(create_app().openapi())
        if method == "POST" and path.startswith("/v1/")
    }
    assert posts, "there are such routes"
    for name, takes_key in posts.items():
        reason = EXEMPT.get(name)
        assert takes_key is (reason is None), f"{name}: give its router IdempotentRoute"
    assert set(EXEMPT) <= set(posts)
    assert set(REPEATABLE) <= set(posts) - set(EXEMPT)


async def test_the_same_request_gets_the_first_answer(answers: Answers, clock: SetClock) -> None:
    await answers.finish(NOTE, await begun(answers), DONE)
    assert await answers.begin(NOTE) == DONE
    assert await answers.begin(NOTE) == DONE
    with pytest.raises(Problem, match="used before"):
        await answers.begin(replace(NOTE, fingerprint="another"))
    for other in (
        replace(NOTE, caller="key_2"),
        replace(NOTE, path="/v1/other"),
        replace(NOTE, key="j"),
    ):
        await begun(answers, other)
    clock.now += KEPT_FOR
    await begun(answers)


async def test_a_request_that_runs_is_not_begun_again(answers: Answers) -> None:
    claim = await begun(answers)
    with pytest.raises(Problem, match="Still running") as refused:
        await answers.begin(NOTE)
    assert refused.value.headers == {"Retry-After": "1"}
    await answers.release(NOTE, claim)
    await begun(answers)


async def test_what_was_cut_short_is_repeated_with_the_same_nonce_or_not_at_all(
    answers: Answers, database: Database, clock: SetClock
) -> None:
    before = [await begun(answers, one) for one in (NOTE, ROOM)]
    after_crash = Answers(SqlAnswers(database), Seal(bytes(32)), clock)
    with pytest.raises(Problem, match="Outcome unknown"):
        await after_crash.begin(NOTE)
    with pytest.raises(Problem, match="Outcome unknown"):
        await after_crash.begin(NOTE)
    again = await begun(after_crash, ROOM)
    assert (again.nonce, again.repeated) == (before[1].nonce, True)
    await after_crash.finish(ROOM, again, DONE)
    assert await after_crash.begin(ROOM) == DONE
    clock.now += KEPT_FOR
    assert (await begun(after_crash, ROOM)).nonce != before[1].nonce, "a new request, a new id"


async def test_nothing_of_an_answer_is_stored_in_the_clear(
    answers: Answers, database: Database, clock: SetClock
) -> None:
    await answers.finish(NOTE, await begun(answers), DONE)
    async with database.read() as connection:
        (row,) = (await connection.exec_driver_sql("SELECT * FROM idempotency_keys")).all()
    assert "s3cret" not in str(row)
    assert "print" not in str(row)
    with pytest.raises(Problem, match="Outcome unknown"):
        await Answers(SqlAnswers(database), Seal(b"x" * 32), clock).begin(NOTE)


class Body(BaseModel):
    what: str = ""


class Site:
    """Server with routes that fail in different ways, and its client."""

    def __init__(self, database: Database) -> None:
        self.acts: list[str] = []
        self.failure: BaseException | None = None
        self.app = FastAPI()
        install_problems(self.app)
        router = APIRouter(route_class=IdempotentRoute)

        @router.post("/v1/acts", status_code=201)
        async def act(
            body: Body, request: Request, _: Annotated[Caller, Depends(allow(Role.ADMIN))]
        ) -> dict[str, str]:
            if self.failure is not None:
                raise self.failure
            self.acts.append(derive_id(request, "it"))
            return {"id": self.acts[-1], "what": body.what}

        @router.post("/v1/long")
        async def long(_: Annotated[Caller, Depends(allow(Role.ADMIN))]) -> str:
            self.acts.append("long")
            return "x" * MOST_BYTES

        self.app.include_router(router)
        ACCESS.provide(self.app, access_on(database, SetClock()))


@pytest.fixture
async def site(database: Database) -> Site:
    return Site(database)


@pytest.fixture
async def client(site: Site, database: Database) -> AsyncIterator[AsyncClient]:
    key, secret = make_key("Ada", Role.ADMIN, NOW, lifetime=timedelta(days=9))
    await SqlKeys(database).add(key, digest_of(secret))
    transport = ASGITransport(site.app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {secret}", HEADER: "once"}
    async with AsyncClient(transport=transport, base_url="http://t", headers=headers) as client:
        yield client


async def test_a_route_acts_once_and_repeats_its_whole_answer(
    site: Site, client: AsyncClient
) -> None:
    first = await client.post("/v1/acts", json={"what": "now"})
    again = await client.post("/v1/acts", json={"what": "now"})
    assert (
        (again.status_code, again.json())
        == (first.status_code, first.json())
        == (
            201,
            {
                "id": site.acts[0],
                "what": "now",
            },
        )
    )
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (await client.post("/v1/acts?x=1", json={"what": "now"})).status_code == 422
    del client.headers[HEADER]
    await client.post("/v1/acts", json={"what": "now"})
    assert len(site.acts) == 2


async def test_a_refusal_frees_the_key_and_an_error_of_ours_leaves_the_outcome_unknown(
    site: Site, client: AsyncClient
) -> None:
    assert (await client.post("/v1/acts", json={"what": 1})).status_code == 422
    site.failure = Problem(409, "Not now", "later")
    assert (await client.post("/v1/acts", json={})).status_code == 409
    for failure, status in ((StoreAway("away"), 503), (RuntimeError("ours"), 500)):
        site.failure = failure
        client.headers[HEADER] = f"key-{status}"
        assert (await client.post("/v1/acts", json={})).status_code == status
        unknown = await client.post("/v1/acts", json={})
        assert (unknown.status_code, unknown.json()["title"]) == (409, "Outcome unknown")
    site.failure = None
    client.headers[HEADER] = "once"
    assert (await client.post("/v1/acts", json={})).status_code == 201


async def test_an_answer_that_is_too_long_is_not_repeated_and_not_made_again(
    site: Site, client: AsyncClient
) -> None:
    assert (await client.post("/v1/long")).status_code == 200
    refused = await client.post("/v1/long")
    assert (refused.status_code, refused.json()["title"]) == (409, "Answer not stored")
    assert site.acts == ["long"]


async def test_a_caller_who_is_not_admitted_learns_nothing(site: Site, client: AsyncClient) -> None:
    await client.post("/v1/acts", json={})
    client.headers["Authorization"] = "Bearer ek_nobody"
    assert (await client.post("/v1/acts", json={})).status_code == 401
    assert claim_of(Request({"type": "http", "state": {}})) is None
