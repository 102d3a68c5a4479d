"""Janus's WebSocket API: one connection, one Janus session, and the handles in it.

Requests have a transaction, which their answer repeats; a message without one is an event of a
handle (janus.conf.meetecho.com/docs/rest.html). The door to `websockets`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from service.rooms.connector import RoomLost, RoomRefused
from service.rooms.janus.messages import (
    check_answer,
    get_object,
    get_sdp,
    parse_message,
    require_field,
)
from service.rooms.janus.server import JanusServer

_ANSWER_S = 5.0
"""Longest wait for an answer. Janus answers within milliseconds, or is in trouble."""
_KEEP_ALIVE_S = 20.0
"""Pause between keep-alives. Janus drops a session that sends nothing for a minute."""
_GOODBYE_S = 2.0
"""Longest time to say goodbye to Janus, and to close the connection."""
_MOST_BYTES = 32 * 1024 * 1024
"""Largest message. Some contain the names in the room, and publishers choose their length."""
_TOO_BIG = 1009
_MISSING, _WRONG = 429, 433
"""Codes of VideoRoom's refusals."""

OnEvent = Callable[[str, Mapping[str, Any], str | None], None]
"""Takes the kind of event (`event`, `hangup`, ...), the plugin's data and an SDP offer.

It is also called with answers to the handle's own requests, of kind `answer`: so it gets all
messages in the order in which Janus sent them.
"""

_log = logging.getLogger("service.rooms.janus.wire")
_log.setLevel(logging.ERROR)  # the library logs whole messages, which contain names


class JanusRefusal(Exception):
    """A plugin refused a request.

    Attributes:
        code: Error code of VideoRoom or TextRoom.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def unauthorised(self) -> bool:
        """True where a PIN or secret is wrong or missing."""
        missing = self.code == _MISSING and str(self).endswith(("(pin)", "(secret)"))
        return self.code == _WRONG or missing


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a plugin.

    Attributes:
        data: The plugin's own fields.
        sdp: Session description that came with it, if any.
    """

    data: Mapping[str, Any]
    sdp: str | None


class JanusSession:
    """Made by `janus_session`. Any failure of the connection ends it."""

    def __init__(
        self, socket: ClientConnection, credentials: Mapping[str, str], answer_s: float
    ) -> None:
        self._socket = socket
        self._credentials = credentials
        self._answer_s = answer_s
        self._id: int | None = None
        self._numbers = count(1)
        self._pending: dict[str, _PendingRequest] = {}
        self._handles: dict[int, OnEvent] = {}

    async def attach(self, plugin: str, on_event: OnEvent) -> Handle:
        """Attach to a plugin, such as `janus.plugin.videoroom`."""
        answer = await self.ask("attach", plugin=plugin)
        number = int(require_field(answer, "data", "id"))
        self._handles[number] = on_event
        return Handle(self, number)

    async def ask(self, what: str, **fields: Any) -> Mapping[str, Any]:
        """Send one request and return Janus's final answer.

        Raises:
            RoomLost: The answer does not come in time, or the connection is closed.
            RoomRefused: Janus refuses, for instance our credentials.
        """
        number = str(next(self._numbers))
        request = {"janus": what, "transaction": number, **self._credentials, **fields}
        if self._id is not None:
            request["session_id"] = self._id
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = _PendingRequest(answer, ack_is_final=what == "keepalive")
        try:
            async with asyncio.timeout(self._answer_s):
                await self._socket.send(json.dumps(request))
                return check_answer(await answer)
        except TimeoutError as error:
            raise RoomLost(f"Janus did not answer within {self._answer_s:g} s") from error
        except ConnectionClosed as error:
            raise _closed() from error
        finally:
            del self._pending[number]

    async def create(self) -> None:
        """Create the session at Janus."""
        self._id = int(require_field(await self.ask("create"), "data", "id"))

    async def destroy(self) -> None:
        """Destroy the session at Janus, in bounded time. Succeed also where Janus is gone."""
        with suppress(RoomLost, RoomRefused, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self.ask("destroy")

    async def dispatch_messages(self) -> NoReturn:
        """Dispatch Janus's messages until the connection ends.

        Raises:
            RoomLost: The connection has ended, or a message is not of Janus's protocol.
        """
        try:
            async for text in self._socket:
                self._dispatch(parse_message(text))
        except ConnectionClosed as error:
            raise _closed(error) from error
        finally:  # no further answer can come
            for pending in self._pending.values():
                pending.fail(_closed())
        raise _closed()

    async def keep_alive(self) -> NoReturn:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_S)
            await self.ask("keepalive")

    def _dispatch(self, message: Mapping[str, Any]) -> None:
        kind = require_field(message, "janus")
        pending = self._pending.get(str(message.get("transaction")))
        if pending is None and kind == "timeout":
            raise RoomLost("Janus ended our session")
        on_event = self._handles.get(message.get("sender", 0))
        if on_event is not None and kind != "ack":
            data = get_object(get_object(message, "plugindata"), "data")
            on_event("answer" if pending else kind, data, get_sdp(message))
        if pending is not None:
            pending.resolve(kind, message)


@dataclass(frozen=True, slots=True)
class _PendingRequest:
    """A request that waits for its answer. Janus acknowledges most requests first.

    Attributes:
        ack_is_final: True where no answer follows the acknowledgement.
    """

    answer: asyncio.Future[Mapping[str, Any]]
    ack_is_final: bool

    def resolve(self, kind: str, message: Mapping[str, Any]) -> None:
        if not self.answer.done() and (kind != "ack" or self.ack_is_final):
            self.answer.set_result(message)

    def fail(self, error: RoomLost) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Handle:
    """One use of a plugin."""

    def __init__(self, session: JanusSession, number: int) -> None:
        self._session = session
        self._number = number

    async def ask(self, body: Mapping[str, Any], answer_sdp: str | None = None) -> Answer:
        """Send one request to the plugin and return its answer.

        Args:
            answer_sdp: Our answer to an offer that the plugin made.

        Raises:
            JanusRefusal: The plugin refuses.
            RoomLost, RoomRefused: See `JanusSession.ask`.
        """
        fields: dict[str, Any] = {"handle_id": self._number, "body": body}
        if answer_sdp is not None:
            fields["jsep"] = {"type": "answer", "sdp": answer_sdp}
        message = await self._session.ask("message", **fields)
        data = get_object(get_object(message, "plugindata"), "data")
        if "error_code" in data:
            raise JanusRefusal(int(data["error_code"]), str(data.get("error", "")))
        return Answer(data, get_sdp(message))


@asynccontextmanager
async def janus_session(
    server: JanusServer, *, api_secret: str, token: str, answer_s: float = _ANSWER_S
) -> AsyncIterator[JanusSession]:
    """Open a session, keep it alive inside the context, and destroy it at Janus afterwards.

    Raises:
        RoomLost, RoomRefused: In an exception group, also when raised inside the context.
    """
    given = {"apisecret": api_secret, "token": token}
    credentials = {name: value for name, value in given.items() if value}
    async with _connection(server) as socket, asyncio.TaskGroup() as tasks:
        session = JanusSession(socket, credentials, answer_s)
        reading = tasks.create_task(session.dispatch_messages(), name="janus reader")
        keeping: asyncio.Task[NoReturn] | None = None
        try:
            await session.create()
            keeping = tasks.create_task(session.keep_alive(), name="janus keep-alive")
            yield session
        finally:
            if keeping is not None:
                keeping.cancel()
            if not reading.done():
                await session.destroy()
                reading.cancel()


@asynccontextmanager
async def _connection(server: JanusServer) -> AsyncIterator[ClientConnection]:
    opening = connect(
        server.url,
        subprotocols=[Subprotocol("janus-protocol")],
        open_timeout=_ANSWER_S,
        ping_interval=server.ping_s,
        ping_timeout=server.ping_s,
        close_timeout=_GOODBYE_S,
        max_size=_MOST_BYTES,
        proxy=None,
        logger=_log,
    )
    try:
        socket = await opening
    except InvalidHandshake as error:
        raise RoomLost(
            f"what answers at {server.name} is not Janus's WebSocket API ({type(error).__name__})"
        ) from error
    except (OSError, TimeoutError, InvalidURI, ssl.SSLError, EOFError) as error:
        raise RoomLost(
            f"Janus server {server.name} cannot be reached ({type(error).__name__})"
        ) from error
    try:
        yield socket
    finally:
        await socket.close()


def _closed(error: ConnectionClosed | None = None) -> RoomLost:
    if error is not None and error.sent is not None and error.sent.code == _TOO_BIG:
        return RoomLost(
            f"Janus sent more than {_MOST_BYTES >> 20} MB at once: somebody in the room has a name "
            "of that length; remove them at Janus"
        )
    return RoomLost("the connection to Janus was closed")
