"""Where a simulated room takes place: on earshot itself by WHIP, or on a Janus it listens to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from service.simulation.client import ServerClient
from service.simulation.janus import JanusClient, JanusSeat
from service.simulation.publisher import Answer, Endpoint, is_loopback
from service.simulation.script import ScriptedSpeaker

_TOKEN_S = 3600


class Venue(Protocol):
    """
    Attributes:
        loopback: Its sound goes over 127.0.0.1.
    """

    @property
    def loopback(self) -> bool: ...

    def connector(self) -> Mapping[str, Any]:
        """As `POST /v1/rooms` takes it."""
        ...

    def seat(self, speaker: ScriptedSpeaker) -> Endpoint:
        """A speaker's way in."""
        ...

    async def keep(self) -> NoReturn:
        """What is to be done all the time; until cancelled."""
        ...


class OnEarshot:
    def __init__(self, client: ServerClient, room_id: str) -> None:
        self._client = client
        self._room_id = room_id
        self.loopback = is_loopback(client.url)

    def connector(self) -> Mapping[str, Any]:
        return {"kind": "whip"}

    def seat(self, speaker: ScriptedSpeaker) -> Endpoint:
        return WhipSeat(self._client, self._room_id, speaker)

    async def keep(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class OnJanus:
    """Janus gathers no candidates on loopback, wherever its API answers."""

    loopback = False

    def __init__(self, client: JanusClient) -> None:
        self._client = client

    def connector(self) -> Mapping[str, Any]:
        return {"kind": "janus", "room": self._client.room}

    def seat(self, speaker: ScriptedSpeaker) -> Endpoint:
        return JanusSeat(self._client, speaker)

    async def keep(self) -> NoReturn:
        await self._client.keep_alive()


class WhipSeat:
    """A speaker's way into a WHIP room: a fresh publish token for each attempt."""

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
