"""Client of earshot's HTTP API for the simulation."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urljoin

import httpx
import httpx_sse

from service.simulation.failed import Refused, SimulationFailed
from service.simulation.publisher import PATIENCE_S, Answer, is_loopback
from service.simulation.script import ScriptedSpeaker

_ANSWER_S = 10.0
_HEARTBEAT_S = 45.0
"""Longest silence of a live feed. Heartbeats come far more often."""
_BACK_OFF_S = (0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of the feed.

    Attributes:
        id: Cursor to resume from; empty where the server has sent none yet.
        type: Name of the event, such as `alert.raised`.
        data: Full object that the event is about.
        read_s: Monotonic time at which its bytes were read.
    """

    id: str
    type: str
    data: dict[str, Any]
    read_s: float


def check_url(url: str) -> str:
    """Return the URL if it can be a server's.

    Raises:
        SimulationFailed: It cannot.
    """
    try:
        parts = httpx.URL(url)
        port = 80 if parts.port is None else parts.port
        whole = parts.scheme in ("http", "https") and bool(parts.host) and 0 < port < 65_536
    except (httpx.InvalidURL, UnicodeError):  # UnicodeError: not a domain name
        whole = False
    if not whole or " " in url:
        raise SimulationFailed(f"{url!r} is not the URL of a server, such as http://127.0.0.1:8080")
    return url


class ServerClient:
    """A connection to one earshot server, with one key. Use it as an async context manager.

    Raises:
        SimulationFailed: By any call; `Refused` where the server answered with an error.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_ANSWER_S,
            trust_env=not is_loopback(url),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def check_reachable(self) -> None:
        """Send a request, and accept any answer."""
        try:
            await self._http.get("/healthz")
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._silent(error) from error

    async def create_room(
        self,
        room_id: str,
        title: str,
        policies: Sequence[str],
        connector: Mapping[str, Any] = {"kind": "whip"},
    ) -> None:
        """Open a room. With empty `policies` all packs of the server apply."""
        body = {
            "id": room_id,
            "title": title,
            "connector": dict(connector),
            "languages": ["en"],
            "policies": list(policies),
        }
        await self._ask(f"open room {room_id!r}", "POST", "/v1/rooms", json=body)

    async def delete_room(self, room_id: str) -> None:
        path = f"/v1/rooms/{quote(room_id, safe='')}"
        await self._ask(f"close room {room_id!r}", "DELETE", path)

    async def publish_token(
        self, room_id: str, speaker: ScriptedSpeaker, *, expires_in_s: int
    ) -> str:
        """Create a token with which the speaker can publish into the room."""
        path = f"/v1/rooms/{quote(room_id, safe='')}/publish-tokens"
        body = {
            "speaker_id": speaker.id,
            "name": speaker.name,
            "role": speaker.role,
            "expires_in_s": expires_in_s,
        }
        asked = f"let {speaker.name} publish into room {room_id!r}"
        response = await self._ask(asked, "POST", path, json=body)
        token = _object(response).get("token")
        if not isinstance(token, str):
            raise SimulationFailed(f"the answer of {response.url} holds no token; is it earshot?")
        return token

    async def offer(self, room_id: str, token: str, sdp: str) -> Answer:
        """Publish by WHIP (RFC 9725)."""
        path = f"/whip/{quote(room_id, safe='')}"
        response = await self._ask(
            f"take a speaker's sound into room {room_id!r}",
            "POST",
            path,
            content=sdp,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"},
        )
        location = response.headers.get("Location", "")
        return Answer(response.text, urljoin(str(response.url), location))

    async def hang_up(self, location: str, token: str) -> None:
        """End a WHIP session."""
        headers = {"Authorization": f"Bearer {token}"}
        await self._ask("let a speaker leave", "DELETE", location, headers=headers)

    async def follow(
        self,
        on_event: Callable[[FeedEvent], None],
        on_opened: Callable[[], None],
        *,
        cursor: str = "",
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Read the feed until cancelled; after a break resume behind the last event.

        Args:
            cursor: Id of the event to begin behind; empty: begin now.
            on_opened: Called each time the feed has been opened.
            patience_s: Longest time without a feed before this fails, in seconds.
        """
        failed_since: float | None = None
        failures = 0

        def connected() -> None:
            nonlocal failed_since
            failed_since = None
            on_opened()

        def handle(event: FeedEvent) -> None:
            nonlocal cursor, failures
            cursor, failures = event.id or cursor, 0
            on_event(event)

        while True:
            try:
                await self._read_feed(cursor, handle, connected)
                reason = "it ended"
            except httpx.TransportError as error:
                reason = type(error).__name__
            except Refused as refused:
                if refused.status < 500:
                    raise
                reason = str(refused)
            now = time.monotonic()
            failed_since = now if failed_since is None else failed_since
            if now - failed_since > patience_s:
                raise SimulationFailed(
                    f"the feed of {self.url} could not be read for {patience_s:.0f} s ({reason}); "
                    "is the server running?"
                )
            await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])
            failures += 1

    async def _read_feed(
        self, cursor: str, on_event: Callable[[FeedEvent], None], on_opened: Callable[[], None]
    ) -> None:
        headers = {"Last-Event-ID": cursor} if cursor else {}
        timeout = httpx.Timeout(_ANSWER_S, read=_HEARTBEAT_S)
        async with httpx_sse.aconnect_sse(
            self._http, "GET", "/v1/feed", headers=headers, timeout=timeout
        ) as source:
            if source.response.is_error:
                await source.response.aread()
                raise _refusal("open the feed", source.response)
            on_opened()
            async for event in source.aiter_sse():
                read_s = time.monotonic()
                on_event(FeedEvent(event.id, event.event, _event_data(event.data), read_s))

    async def _ask(self, asked: str, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **request)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._silent(error) from error
        if not response.is_success:
            raise _refusal(asked, response)
        return response

    def _silent(self, error: Exception) -> SimulationFailed:
        return SimulationFailed(
            f"{self.url} does not answer ({type(error).__name__}); start a server with "
            "`earshot serve` or correct the URL"
        )


def _refusal(asked: str, response: httpx.Response) -> Refused:
    try:
        problem = _object(response)
    except SimulationFailed:
        problem = {}
    reason = problem.get("detail") or problem.get("title") or response.reason_phrase
    return Refused(asked, response.status_code, re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", str(reason)))


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError as error:
        raise SimulationFailed(f"{response.url} answered without JSON; is it earshot?") from error
    if not isinstance(body, dict):
        raise SimulationFailed(f"{response.url} answered without a JSON object; is it earshot?")
    return body


def _event_data(text: str) -> dict[str, Any]:
    """Return the object that an event is about: `data` of `{type, timestamp, data}`.

    It is empty for an event that only sets the cursor.
    """
    if not text:
        return {}
    try:
        body = json.loads(text)
    except ValueError as error:
        raise SimulationFailed("the feed sent an event that is not JSON; is it earshot?") from error
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}
