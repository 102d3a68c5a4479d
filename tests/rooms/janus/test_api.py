"""Our client of Janus's WebSocket API, against fake and broken servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from service.rooms.connector import CannotHear, RoomLost, RoomRefused
from service.rooms.janus.api import Handle, JanusRefusal, JanusSession, janus_session
from service.rooms.janus.server import JanusServer
from tests.janus import Janus, free_ports, frozen
from tests.rooms.calls import until
from tests.rooms.janus.stage import listening, speaking

pytestmark = pytest.mark.anyio

Reply = Callable[[Mapping[str, Any]], list[Any]]


def healthy(message: Mapping[str, Any]) -> list[Any]:
    """Answer as Janus does."""
    head = {"transaction": message["transaction"]}
    match message["janus"]:
        case "keepalive":
            return [{"janus": "ack", **head}]
        case "message":
            data = {"videoroom": "event", "asked": message["body"]}
            plugin = {"plugindata": {"plugin": "p", "data": data}, "sender": 7}
            return [{"janus": "ack", **head}, {"janus": "event", **head, **plugin}]
        case _:
            return [{"janus": "success", **head, "data": {"id": 7}}]


@contextlib.asynccontextmanager
async def a_server(reply: Reply, requests: list[Mapping[str, Any]]) -> AsyncIterator[str]:
    async def serve_one(socket: ServerConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            requests.append(message)
            for answer in reply(message):
                await socket.send(answer if isinstance(answer, str) else json.dumps(answer))

    async with serve(
        serve_one, "127.0.0.1", 0, subprotocols=[Subprotocol("janus-protocol")]
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


async def talk(
    reply: Reply,
    act: Callable[[JanusSession], Awaitable[None]] = lambda session: asyncio.sleep(0),
    requests: list[Mapping[str, Any]] | None = None,
    *,
    api_secret: str = "",
    token: str = "",
    answer_s: float = 5.0,
) -> CannotHear | None:
    """Run a session with such a server and return the error that ended it, if any."""
    errors: list[BaseException] = []
    async with a_server(reply, requests if requests is not None else []) as url:
        try:
            async with janus_session(
                JanusServer("janus", url), api_secret=api_secret, token=token, answer_s=answer_s
            ) as session:
                await act(session)
        except* CannotHear as group:
            errors += _leaves(group)
    assert all(isinstance(one, CannotHear) for one in errors)
    return errors[0] if errors else None  # type: ignore[return-value]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


async def test_a_session_is_created_used_and_destroyed_with_credentials() -> None:
    requests: list[Mapping[str, Any]] = []

    async def act(session: JanusSession) -> None:
        handle = await session.attach("p", lambda kind, data, sdp: None)
        answer = await handle.ask({"request": "x"}, "v=0")
        assert answer.data["asked"] == {"request": "x"}

    assert await talk(healthy, act, requests, api_secret="s3", token="t1") is None
    assert [message["janus"] for message in requests] == ["create", "attach", "message", "destroy"]
    assert all((one["apisecret"], one["token"]) == ("s3", "t1") for one in requests)
    assert [one.get("session_id") for one in requests] == [None, 7, 7, 7]
    assert requests[2]["jsep"] == {"type": "answer", "sdp": "v=0"}


async def test_a_handle_gets_answers_and_events_in_the_order_they_were_sent() -> None:
    heard: list[tuple[str, Any]] = []

    def reply(message: Mapping[str, Any]) -> list[Any]:
        if message["janus"] != "message":
            return healthy(message)
        event = {"janus": "event", "sender": 7, "plugindata": {"data": {"number": 1}}}
        return [event, *healthy(message), {**event, "jsep": {"type": "offer", "sdp": "v=1"}}]

    async def act(session: JanusSession) -> None:
        handle = await session.attach("p", lambda kind, data, sdp: heard.append((kind, sdp)))
        await handle.ask({"request": "x"})
        await until(lambda: len(heard) == 3)

    assert await talk(reply, act) is None
    assert heard == [("event", None), ("answer", None), ("event", "v=1")]


async def test_a_refusal_of_a_plugin_has_its_code() -> None:
    def reply(message: Mapping[str, Any]) -> list[Any]:
        if message["janus"] != "message":
            return healthy(message)
        data = {"videoroom": "event", "error_code": 426, "error": "No such room"}
        head = {"transaction": message["transaction"], "sender": 7}
        return [{"janus": "event", **head, "plugindata": {"data": data}}]

    async def act(session: JanusSession) -> None:
        handle = await session.attach("p", lambda kind, data, sdp: None)
        with pytest.raises(JanusRefusal, match="No such room") as refusal:
            await handle.ask({"request": "join"})
        assert refusal.value.code == 426

    assert await talk(reply, act) is None


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("rubbish", RoomLost, "does not speak its protocol"),
        ("[" * 100_000, RoomLost, "does not speak its protocol"),
        ("[1, 2]", RoomLost, "does not speak its protocol"),
        ('"text"', RoomLost, "does not speak its protocol"),
        ("{}", RoomLost, "does not speak its protocol"),
        ({"janus": "success"}, RoomLost, "does not speak its protocol"),
        ({"janus": "success", "data": 7}, RoomLost, "does not speak its protocol"),
        ({"janus": "error", "error": {"code": 403, "reason": "no"}}, RoomRefused, "_API_SECRET"),
        ({"janus": "error", "error": {"code": 458}}, RoomLost, "does not know our session"),
        ({"janus": "error", "error": {"code": 490, "reason": "x"}}, RoomRefused, "says: x"),
        ({"janus": "error", "error": "text"}, RoomLost, "does not speak its protocol"),
    ],
)
async def test_a_server_that_refuses_or_is_not_janus_ends_the_session_with_a_reason(
    answer: str | dict[str, Any], kind: type[CannotHear], reason: str
) -> None:
    def reply(message: Mapping[str, Any]) -> list[Any]:
        if isinstance(answer, str):
            return [answer]
        return [{"transaction": message["transaction"], **answer}]

    why = await talk(reply)
    assert isinstance(why, kind)
    assert reason in str(why)


async def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    why = await talk(lambda message: [], answer_s=0.2)
    assert isinstance(why, RoomLost)
    assert "did not answer" in str(why)


async def test_a_session_that_janus_ends_is_lost() -> None:
    def reply(message: Mapping[str, Any]) -> list[Any]:
        return [*healthy(message), {"janus": "timeout", "session_id": 7}]

    async def act(session: JanusSession) -> None:
        await asyncio.Event().wait()

    assert "ended our session" in str(await talk(reply, act))


async def test_pending_requests_fail_when_the_connection_ends() -> None:
    async def act(session: JanusSession) -> None:
        handle: Handle = await session.attach("p", lambda kind, data, sdp: None)
        await session._socket.close()
        with pytest.raises(RoomLost, match="closed"):
            await handle.ask({"request": "x"})
        await asyncio.Event().wait()

    assert isinstance(await talk(healthy, act), RoomLost)


async def test_a_closed_port_and_a_server_without_websocket_have_different_reasons() -> None:
    (port,) = free_ports(1)
    with pytest.raises(RoomLost, match="cannot be reached"):
        async with janus_session(
            JanusServer("west", f"ws://127.0.0.1:{port}"), api_secret="", token=""
        ):
            pass

    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(http, "127.0.0.1", port):
        with pytest.raises(RoomLost, match="at west is not Janus's WebSocket API"):
            async with janus_session(
                JanusServer("west", f"ws://127.0.0.1:{port}"), api_secret="", token=""
            ):
                pass


@pytest.mark.janus
async def test_a_janus_that_freezes_is_noticed(janus: Janus, room: str) -> None:
    async with (
        speaking(janus, room) as speakers,
        listening(janus, room, ping_s=0.5) as ours,
    ):
        await speakers.join("ann")
        await ours.hears("ann")
        with frozen(janus):
            await until(lambda: bool(ours.over), 20)
        assert isinstance(ours.over[0], RoomLost)


@pytest.mark.janus
async def test_a_janus_with_another_api_secret_says_so() -> None:
    secret = {r"^\t#api_secret = .*$": '\tapi_secret = "open-sesame"'}
    with Janus(changes=secret) as closed:
        async with listening(closed, "lounge") as ours:
            await until(lambda: bool(ours.over), 10)
            assert isinstance(ours.over[0], RoomRefused)
            assert "EARSHOT_JANUS_API_SECRET" in str(ours.over[0])
        async with listening(closed, "lounge", api_secret="open-sesame") as ours:
            await until(lambda: ours.reports == [""], 10)
