"""Host of a simulated room: earshot itself, by WHIP, or a Janus that earshot listens to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from service.simulation.client import ServerClient
from service.simulation.janus import JanusClient, JanusEndpoint
from service.simulation.publisher import Answer, Endpoint, is_loopback
from service.simulation.script import ScriptedSpeaker

_TOKEN_S = 3600


class RoomHost(Protocol):
    """
    Attributes:
        loopback: True where its sound goes over 127.0.0.1.
    """

    @property
    def loopback(self) -> bool: ...

    def connector(self) -> Mapping[str, Any]:
        """Return the connector for `POST /v1/rooms`."""
        ...

    def endpoint(self, speaker: ScriptedSpeaker) -> Endpoint:
        """Return the endpoint for a speaker."""
        ...

    async def keep_alive(self) -> NoReturn:
        """Keep the room usable until cancelled."""
        ...


class EarshotHost:
    def __init__(self, client: ServerClient, room_id: str) -> None:
        self._client = client
        self._room_id = room_id
        self.loopback = is_loopback(client.url)

    def connector(self) -> Mapping[str, Any]:
        return {"kind": "whip"}

    def endpoint(self, speaker: ScriptedSpeaker) -> Endpoint:
        return WhipEndpoint(self._client, self._room_id, speaker)

    async def keep_alive(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class JanusHost:
    """Janus, which gathers no candidates on loopback even where its API listens there."""

    loopback = False

    def __init__(self, client: JanusClient) -> None:
        self._client = client

    def connector(self) -> Mapping[str, Any]:
        return {"kind": "janus", "room": self._client.room}

    def endpoint(self, speaker: ScriptedSpeaker) -> Endpoint:
        return JanusEndpoint(self._client, speaker)

    async def keep_alive(self) -> NoReturn:
        await self._client.keep_alive()


class WhipEndpoint:
    """A speaker's endpoint in a WHIP room, with a fresh publish token for each attempt."""

    def __init__(self, client: ServerClient, room_id: str, speaker: ScriptedSpeaker) -> None:
        self._client = client
        self._room_id = room_id
        self._speaker = speaker
        self._token = ""

    async def publish(self, offer: str) -> Answer:
        self._token = await self._client.publish_token(
            self._room_id, self._speaker, expires_in_s=_TOKEN_S
        )
        return await self._client.offer(self._room_id, self._token, offer)

    async def leave(self, location: str) -> None:
        await self._client.hang_up(location, self._token)
