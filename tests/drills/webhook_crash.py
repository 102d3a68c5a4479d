"""Webhook drill: a server is killed again and again while events are written."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from service.alerts.alert import AlertRaised
from service.clock import utc_now
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog, append
from service.webhooks.delivery import message_id
from tests.server import Server
from tests.storage.examples import an_alert
from tests.webhooks.receivers import Behaviour, Call, Receiver, Writer, answers, receiver

_WRITE_EVERY_S = 0.03
_END_S = 60.0


@dataclass(frozen=True, slots=True)
class Aftermath:
    """State after the drill.

    Attributes:
        logged: Ids of the events, in the order of the log.
        got: Received `webhook-id`s by endpoint, in order.
        bodies: Ids of the alerts in the bodies by endpoint, in the same order.
    """

    logged: Sequence[int]
    got: Mapping[str, Sequence[str]]
    bodies: Mapping[str, Sequence[str]]

    def faults(self) -> list[str]:
        """Return a sentence for each broken promise."""
        found = []
        for endpoint, ids in self.got.items():
            expected = [message_id(endpoint, str(event)) for event in self.logged]
            first = list(dict.fromkeys(ids))
            if missing := set(expected) - set(first):
                found.append(f"{endpoint} never got {len(missing)} of {len(expected)}")
            elif first != expected:
                found.append(f"{endpoint} got events out of order, or under other ids")
            if len(set(self.bodies[endpoint])) != len(first):
                found.append(f"{endpoint} got an event under two ids")
        return found

    @property
    def repeats(self) -> int:
        return sum(len(ids) - len(set(ids)) for ids in self.got.values())


async def crash_webhooks(data: Path, url: str, seed: int, kills: int) -> Aftermath:
    """Write alerts while the server is killed `kills` times, at random moments."""
    chance = random.Random(seed)
    kinds: list[Behaviour] = [answers(204), answers(200, after_s=0.005), _stumbling(chance)]
    settings = {"EARSHOT_DATABASE_URL": url, "EARSHOT_WEBHOOK_ALLOW": "127.0.0.0/8"}
    async with AsyncExitStack() as stack:
        there = [await stack.enter_async_context(receiver(kind)) for kind in kinds]
        server = Server(data, **settings)
        await asyncio.to_thread(server.start)
        stack.push_async_callback(asyncio.to_thread, server.stop)
        made = [await asyncio.to_thread(_add, server, one.url) for one in there]
        database = Database(url)
        stack.push_async_callback(database.close)
        before = await SqlEventLog(database).latest()
        writing = asyncio.create_task(_write(database), name="alerts")
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            server.kill()
            await asyncio.to_thread(server.start)
        writing.cancel()
        await asyncio.wait([writing])
        logged = [event.id for event in await SqlEventLog(database).read(before, 1_000_000)]
        for one in there:
            await one.until_different(len(logged), _END_S)
    return Aftermath(
        logged=logged,
        got={id_: [call.id for call in one.calls] for id_, one in zip(made, there, strict=True)},
        bodies={
            id_: [call.json["data"]["id"] for call in one.calls]
            for id_, one in zip(made, there, strict=True)
        },
    )


async def _write(database: Database) -> None:
    number = 0
    while True:
        number += 1
        alert = replace(an_alert(f"al_{number}"), utterance_id=f"u{number}")
        async with database.write() as connection:
            await append(connection, AlertRaised(alert), utc_now())
        await asyncio.sleep(_WRITE_EVERY_S)


def _add(server: Server, url: str) -> str:
    with server.client() as client:
        made = client.post("/v1/webhooks", json={"url": url, "types": ["alert.raised"]})
        id_: str = made.raise_for_status().json()["id"]
        return id_


def _stumbling(chance: random.Random) -> Behaviour:
    """Return a receiver that sometimes answers 500, or hangs up after a request."""
    good, bad = answers(200), answers(500)

    async def behave(receiver: Receiver, call: Call, writer: Writer) -> None:
        dice = chance.random()
        if dice < 0.001:
            await bad(receiver, call, writer)
        elif dice < 0.002:
            writer.close()
        else:
            await good(receiver, call, writer)

    return behave
