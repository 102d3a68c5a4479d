"""The door to Redis: what servers and workers ask of the streams, and how Redis fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from asr import redis_scripts as scripts
from asr.ladder import Rung
from asr.speech import Utterance, WorkClass
from asr.wire import VERSION

_CONNECT_S, _ANSWER_S, _BLOCK_S = 3.0, 5.0, 1.0
_AT_ONCE = 100


class StreamsAway(Exception):
    """Redis cannot be asked now; the same may succeed later. Its text says where and why."""


class StreamsRefused(StreamsAway):
    """Redis answers and does not let us in, or the address is none: somebody must change it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the work of all servers together may take in Redis.

    Attributes:
        entries, bytes: Utterances, and their sound. Beyond either, the oldest of the least urgent
            class leaves unheard.
    """

    entries: int = 1_000
    bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Handed:
    """An entry in a worker's hand.

    Attributes:
        deliveries: How often it was handed out, this time included.
        left_ms: Until nobody waits for it any more.
        rung: What was being done about overload when it was sent.
        body: The utterance, as `asr.wire` writes it.
    """

    work: str
    id: str
    deliveries: int
    job: str
    server: str
    utterance: str
    size: int
    left_ms: int
    keep_ms: int
    rung: Rung
    body: bytes


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """What a worker's last beat said."""

    model: str
    device: str
    batch: int
    busy: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """How the streams of a model stand.

    Attributes:
        waiting: Utterances that no worker has, of all servers, by class.
        behind_s: How long the oldest of them has waited, by class.
        workers: Of every model.
        bytes: Sound that Redis holds.
        claims, dead: So many entries were claimed from dead workers, and given up, ever.
    """

    waiting: Mapping[WorkClass, int]
    behind_s: Mapping[WorkClass, float]
    workers: Sequence[WorkerSeen]
    bytes: int
    claims: int
    dead: int


@dataclass(frozen=True, slots=True)
class Put:
    """What came of putting a job into its stream.

    Attributes:
        full: There is no room, and nothing less urgent to make room.
        done: What is known to have come of it already, as `asr.wire` writes it.
    """

    full: bool = False
    done: bytes | None = None


class Streams:
    """The streams of one model in one Redis.

    Attributes:
        where: The address, without its password.
        prefix: What the keys of this model begin with.

    Raises:
        StreamsRefused: the address is none.

    Every call may raise StreamsAway; whether it then took place is not known, and each may be
    repeated.
    """

    def __init__(self, url: str, model: str, *, answer_s: float = _ANSWER_S) -> None:
        self.where = shown(url)
        self._answer_s = answer_s
        self.prefix = f"earshot:{VERSION}:{model}:"
        try:
            self._redis = Redis.from_url(
                url,
                protocol=2,
                socket_connect_timeout=_CONNECT_S,
                socket_timeout=None,  # below: its own may swallow a cancellation on Python 3.11
                retry=Retry(NoBackoff(), 0),  # whoever calls knows how long to wait
            )
        except (ValueError, TypeError) as error:
            raise StreamsRefused(
                f"{self.where} is no address of a Redis; use redis://host:6379/0, rediss:// or "
                "unix:///path"
            ) from error

    async def check(self) -> None:
        """
        Raises:
            StreamsRefused: a wrong password, say.
        """
        await self._do("PING")

    async def close(self) -> None:
        await self._redis.aclose()

    # Servers

    async def enqueue(
        self,
        job: str,
        utterance: Utterance,
        body: bytes,
        *,
        server: str,
        left_ms: int,
        keep_ms: int,
        limits: Limits,
        rung: Rung = Rung.NONE,
    ) -> Put:
        answer = await self._run(
            scripts.ENQUEUE,
            *(utterance.work, job, server, utterance.id, left_ms, keep_ms),
            *(limits.entries, limits.bytes, int(rung), body),
        )
        return Put(answer[0] == b"full", answer[1] if answer[0] == b"done" else None)

    async def results(self, server: str, cursor: str) -> list[tuple[str, str, bytes]]:
        """Cursor, job and message of what is finished after `cursor`; waits a second for some."""
        answer = await self._do(
            *("XREAD", "COUNT", _AT_ONCE, "BLOCK", int(_BLOCK_S * 1000)),
            *("STREAMS", f"{self.prefix}results:{server}", cursor),
        )
        found = []
        for id_, fields in answer[0][1] if answer else ():
            named = fields if isinstance(fields, dict) else _named(fields)
            found.append((id_.decode(), named[b"job"].decode(), named[b"body"]))
        return found

    async def forget_results(self, server: str, upto: str) -> None:
        """They are in the server's hands."""
        after = upto.partition("-")
        await self._do(
            "XTRIM", f"{self.prefix}results:{server}", "MINID", f"{after[0]}-{int(after[2]) + 1}"
        )

    async def states(self, jobs: Sequence[str]) -> list[bytes | None]:
        """Of each job: None if Redis does not know it, b"" if it waits, or what came of it."""
        if not jobs:
            return []
        found = await self._do("MGET", *(f"{self.prefix}job:{job}" for job in jobs))
        return [None if state is None else state[1:] for state in found]

    async def cancel(self, jobs: Sequence[str], keep_ms: int) -> None:
        """Nobody waits for them any more."""
        if jobs:
            await self._run(scripts.CANCEL, keep_ms, *jobs)

    async def drop_results(self, server: str) -> None:
        """The server is gone for good."""
        await self._do("DEL", f"{self.prefix}results:{server}")

    async def sweep(self) -> None:
        """Have what nobody took in time leave."""
        await self._run(scripts.SWEEP)

    async def look(self) -> Overview:
        classes, workers, size, claims, dead = await self._run(scripts.LOOK)
        named = {WorkClass(name.decode()): rest for name, *rest in classes}
        return Overview(
            waiting={work: max(0, waiting) for work, (waiting, _) in named.items()},
            behind_s={work: max(0, behind) / 1000 for work, (_, behind) in named.items()},
            workers=[seen for says in workers if (seen := _seen(says)) is not None],
            bytes=size,
            claims=claims,
            dead=dead,
        )

    # Workers

    async def take(self, worker: str, free: int) -> list[Handed]:
        """At most so many entries, the most urgent first; at once."""
        return [_handed(entry) for entry in await self._run(scripts.TAKE, worker, free)]

    async def wait(self) -> None:
        """Until there is something new, a second at most."""
        await self._do("BLPOP", f"{self.prefix}bell", int(_BLOCK_S))

    async def claim(
        self, worker: str, *, idle_ms: int, most_deliveries: int, in_hand: Sequence[str]
    ) -> tuple[Handed | None, list[str]]:
        """One entry of a worker that has had it for too long, and the ids of utterances given up.

        Args:
            in_hand: Ids of entries that this worker has and works on.
        """
        answer = await self._run(scripts.CLAIM, worker, idle_ms, most_deliveries, *in_hand)
        given_up = [utterance.decode() for utterance in answer[0]]
        return (_handed(answer[1]) if len(answer) > 1 else None), given_up

    async def complete(self, entry: Handed, body: bytes, dead_letter: str = "") -> bool:
        """Tell what came of it; False: another worker has told first.

        Args:
            body: As `asr.wire` writes it.
            dead_letter: Why it is given up; empty: it is not.
        """
        first = await self._run(
            scripts.COMPLETE,
            *(entry.work, entry.id, entry.job, entry.server, entry.keep_ms),
            *(entry.utterance, entry.size, entry.deliveries, body, dead_letter),
        )
        return bool(first)

    async def give_back(self, worker: str, entries: Sequence[Handed]) -> None:
        """For others to claim, at once."""
        if entries:
            pairs = [part for entry in entries for part in (entry.work, entry.id)]
            await self._run(scripts.GIVE_BACK, worker, *pairs)

    async def beat(self, worker: str, seen: WorkerSeen, ttl_ms: int) -> None:
        """This worker lives."""
        says = {
            "model": seen.model,
            "device": seen.device,
            "batch": seen.batch,
            "busy": seen.busy,
        }
        await self._run(scripts.BEAT, worker, ttl_ms, json.dumps(says))

    async def leave(self, worker: str) -> int:
        """This worker goes. What it still has is given back: so many entries."""
        return int(await self._run(scripts.LEAVE, worker))

    async def _run(self, script: str, *arguments: str | bytes | int) -> Any:
        digest = sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return await self._do("EVALSHA", digest, 0, self.prefix, *arguments)
        except _ScriptUnknown:
            return await self._do("EVAL", script, 0, self.prefix, *arguments)

    async def _do(self, *command: str | bytes | int | float) -> Any:
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except exceptions.NoScriptError:
            raise _ScriptUnknown from None
        except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
            raise StreamsRefused(
                f"Redis at {self.where} refuses us ({_told(error)}); is the password in "
                "EARSHOT_REDIS_URL right?"
            ) from None
        except TimeoutError:
            raise StreamsAway(
                f"Redis at {self.where} does not answer within {self._answer_s:g} s"
            ) from None
        except (exceptions.RedisError, OSError) as error:
            raise StreamsAway(f"Redis at {self.where} fails: {_told(error)}") from None


class _ScriptUnknown(Exception):
    """Redis was restarted, or has never seen it."""


def job_id(utterance: Utterance, model: str) -> str:
    """The same for the same look at the same speech by the same model: 32 hexadecimal digits."""
    key = "\x1f".join((utterance.id, str(utterance.revision), model))
    return sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]


def _handed(entry: Sequence[Any]) -> Handed:
    work, id_, deliveries, job, server, utterance, size, left_ms, keep_ms, rung, body = entry
    return Handed(
        work.decode(),
        id_.decode(),
        int(deliveries),
        job.decode(),
        server.decode(),
        utterance.decode(errors="replace"),
        int(size),
        int(left_ms),
        int(keep_ms),
        _rung(rung),
        body,
    )


def _rung(told: bytes) -> Rung:
    """A later release may have others."""
    return Rung(min(int(told), max(Rung)))


def _seen(says: bytes) -> WorkerSeen | None:
    """None where a later release's worker says something else."""
    try:
        found = json.loads(says)
        return WorkerSeen(
            str(found["model"]), str(found["device"]), int(found["batch"]), bool(found["busy"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def _named(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _told(error: Exception) -> str:
    """Redis's own words, which repeat no argument but may be long."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def shown(url: str) -> str:
    """The address without its password."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        place = f"{host}:{parts.port or 6379}" if host else ""
    except ValueError:
        return "EARSHOT_REDIS_URL"
    return f"{parts.scheme}://{place}{parts.path}" if parts.scheme else "EARSHOT_REDIS_URL"
