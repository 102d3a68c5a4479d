"""Client of a Janus VideoRoom's HTTP API (janus.conf.meetecho.com/docs/rest.html) for speakers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

import httpx

from service.simulation.failed import Refused, SimulationFailed
from service.simulation.publisher import Answer, is_loopback
from service.simulation.script import ScriptedSpeaker

_ANSWER_S = 10.0
_POLL_S = 35.0
"""Longest wait for a long poll. Janus answers after 30 s at the latest."""
_LEAVE_S = 1.0
_KEEP_ALIVE_S = 20.0
_PLUGIN = "janus.plugin.videoroom"
_HELD = 436
"""Error code: the id is in use, by the speaker's last session, which Janus is still removing."""
_GONE = (458, 459)
"""Error codes: Janus does not know the session or the handle any more."""

RoomId = str | int


class JanusClient:
    """One Janus server and one VideoRoom on it. Use it as an async context manager.

    Raises:
        SimulationFailed: By any call; `Refused` where Janus refuses.
    """

    def __init__(self, url: str, room: RoomId, *, pin: str = "") -> None:
        self.url = url.rstrip("/")
        self.room = room
        self._pin = pin
        self._http = httpx.AsyncClient(timeout=_ANSWER_S, trust_env=not is_loopback(url))
        self._numbers = itertools.count(1)
        self._sessions: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def keep_alive(self) -> NoReturn:
        """Keep the sessions alive: Janus drops one that sends nothing for a minute."""
        while True:
            await asyncio.sleep(_KEEP_ALIVE_S)
            for session in list(self._sessions):
                try:
                    await self._post(session, {"janus": "keepalive"})
                except Refused:
                    self._sessions.discard(session)
                except SimulationFailed:
                    pass  # Janus is away: the speakers notice, and reconnect or give up

    async def publish(self, speaker: ScriptedSpeaker, offer: str) -> Answer:
        """Join as a publisher under the speaker's own id; `Answer.location` is the handle."""
        session = f"{self.url}/{await self._create(self.url, {'janus': 'create'})}"
        self._sessions.add(session)
        try:
            return await self._enter(session, speaker, offer)
        except BaseException:
            # The first error is the one to report.
            with contextlib.suppress(SimulationFailed, TimeoutError):
                async with asyncio.timeout(_LEAVE_S):
                    await self._destroy(session)
            raise

    async def _enter(self, session: str, speaker: ScriptedSpeaker, offer: str) -> Answer:
        attach = {"janus": "attach", "plugin": _PLUGIN}
        handle = f"{session}/{await self._create(session, attach)}"
        join = {
            "request": "join",
            "ptype": "publisher",
            "room": self.room,
            "id": speaker.id,
            "display": speaker.name,
            **({"pin": self._pin} if self._pin else {}),
        }
        await self._message(session, handle, join)
        jsep = {"type": "offer", "sdp": offer}
        published = await self._message(session, handle, {"request": "publish"}, jsep)
        answer = published.get("jsep", {}).get("sdp")
        if not isinstance(answer, str):
            raise SimulationFailed(f"{self.url} answered an offer without SDP; is it Janus?")
        return Answer(answer, handle)

    async def leave(self, location: str) -> None:
        """Leave the room: destroy the session of a handle."""
        session = location.rpartition("/")[0]
        await self._destroy(session)

    async def _destroy(self, session: str) -> None:
        self._sessions.discard(session)
        await self._post(session, {"janus": "destroy"})

    async def _create(self, path: str, body: Mapping[str, Any]) -> int:
        answer = await self._post(path, body)
        return int(answer.get("data", {}).get("id", 0))

    async def _message(
        self,
        session: str,
        handle: str,
        body: Mapping[str, Any],
        jsep: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Send a message and return the plugin's final answer, an event of the session."""
        message: dict[str, Any] = {"janus": "message", "body": body}
        if jsep is not None:
            message["jsep"] = jsep
        number = (await self._post(handle, message)).get("transaction")
        try:
            async with asyncio.timeout(_ANSWER_S):
                while True:
                    event = await self._parse(await self._get(session))
                    if event.get("transaction") == number:
                        return _checked(event, self.room)
        except TimeoutError as error:
            raise self._silent(error) from error

    async def _post(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        sent = {**body, "transaction": str(next(self._numbers))}
        try:
            answer = await self._parse(await self._http.post(url, json=sent))
        except httpx.TransportError as error:
            raise self._silent(error) from error
        return {**_checked(answer, self.room), "transaction": sent["transaction"]}

    async def _get(self, session: str) -> httpx.Response:
        try:
            return await self._http.get(session, timeout=_POLL_S)
        except httpx.TransportError as error:
            raise self._silent(error) from error

    async def _parse(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except ValueError as error:
            raise SimulationFailed(f"{self.url} answered without JSON; is it Janus?") from error
        if not isinstance(answer, dict):
            raise SimulationFailed(f"{self.url} answered without an object; is it Janus?")
        return answer

    def _silent(self, error: Exception) -> SimulationFailed:
        return SimulationFailed(
            f"{self.url} does not answer ({type(error).__name__}); is Janus running, with its "
            "HTTP transport?"
        )


class JanusEndpoint:
    """One speaker's endpoint in the room: `service.simulation.publisher.Endpoint`."""

    def __init__(self, client: JanusClient, speaker: ScriptedSpeaker) -> None:
        self._client = client
        self._speaker = speaker

    async def publish(self, offer: str) -> Answer:
        return await self._client.publish(self._speaker, offer)

    async def leave(self, location: str) -> None:
        await self._client.leave(location)


def _checked(answer: Mapping[str, Any], room: RoomId) -> Mapping[str, Any]:
    """Return the answer. Raises: Refused: it is an error."""
    asked = f"let a speaker into room {room!r}"
    if answer.get("janus") == "error":
        error = answer.get("error", {})
        status = 503 if error.get("code") in _GONE else 400
        raise Refused(asked, status, f"Janus says: {str(error.get('reason'))[:200]}")
    data = answer.get("plugindata", {}).get("data", {})
    if "error_code" in data:
        reason = f"Janus says: {str(data.get('error'))[:200]}"
        if data["error_code"] == 430:
            reason += "; simulated speakers need `string_ids = true` in janus.plugin.videoroom.jcfg"
        status = 503 if data["error_code"] == _HELD else 400
        raise Refused(asked, status, reason)
    return answer
