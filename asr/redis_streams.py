"""The door to Redis: the streams that servers and workers share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha1, sha256
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from asr import redis_scripts as scripts
from asr.overload_ladder import Rung
from asr.redis_address import ENCODE, address_without_password, has_raw_delimiters
from asr.speech import Utterance, WorkClass
from asr.stream_records import (
    Enqueued,
    Overview,
    StreamEntry,
    StreamLimits,
    WorkerStatus,
    format_worker,
    parse_entry,
    parse_worker,
)
from asr.wire import VERSION

_CONNECT_S, _ANSWER_S, _BLOCK_S = 3.0, 5.0, 1.0
_RESULTS_AT_ONCE = 100


class StreamsAway(Exception):
    """Redis fails now; a later attempt may succeed. The text says where and why."""


class StreamsRefused(StreamsAway):
    """Redis refuses access, or the address is invalid: an operator must change a setting."""


class Streams:
    """The streams of one model in one Redis.

    Every call may raise StreamsAway. Redis may or may not have run it then; each call may be
    repeated.

    Attributes:
        where: Address without its password.
        prefix: Beginning of this model's keys.

    Raises:
        StreamsRefused: The address is invalid.
    """

    def __init__(self, url: str, model: str, *, answer_s: float = _ANSWER_S) -> None:
        self.where = address_without_password(url)
        if has_raw_delimiters(url):
            raise StreamsRefused(ENCODE)
        self._answer_s = answer_s
        self.prefix = f"earshot:{VERSION}:{model}:"
        try:
            self._redis = Redis.from_url(
                url,
                protocol=2,
                socket_connect_timeout=_CONNECT_S,
                socket_timeout=None,  # `_do` has one: redis's may swallow a cancellation on 3.11
                retry=Retry(NoBackoff(), 0),  # the caller knows how long to wait
            )
        except (ValueError, TypeError):  # the error's text may contain the password
            raise StreamsRefused(
                f"{self.where} is no address of a Redis; use redis://host:6379/0, rediss:// or "
                "unix:///path"
            ) from None

    async def check(self) -> None:
        """Ask Redis for an answer.

        Raises:
            StreamsRefused: The password is wrong, for example.
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
        limits: StreamLimits,
        rung: Rung = Rung.NONE,
    ) -> Enqueued:
        """Add a job to the stream of its class. A job that Redis knows is not added again."""
        answer = await self._run(
            scripts.ENQUEUE,
            *(utterance.work, job, server, utterance.id, left_ms, keep_ms),
            *(limits.entries, limits.bytes, int(rung), body),
        )
        return Enqueued(answer[0] == b"full", answer[1] if answer[0] == b"done" else None)

    async def read_results(self, server: str, cursor: str) -> list[tuple[str, str, bytes]]:
        """Wait up to a second for results after `cursor`; return each cursor, job and message."""
        answer = await self._do(
            *("XREAD", "COUNT", _RESULTS_AT_ONCE, "BLOCK", int(_BLOCK_S * 1000)),
            *("STREAMS", f"{self.prefix}results:{server}", cursor),
        )
        found = []
        for id_, fields in answer[0][1] if answer else ():
            named = fields if isinstance(fields, dict) else _pair_up(fields)
            found.append((id_.decode(), named[b"job"].decode(), named[b"body"]))
        return found

    async def forget_results(self, server: str, upto: str) -> None:
        """Delete the results up to this cursor: the server has them."""
        after = upto.partition("-")
        await self._do(
            "XTRIM", f"{self.prefix}results:{server}", "MINID", f"{after[0]}-{int(after[2]) + 1}"
        )

    async def read_states(self, jobs: Sequence[str]) -> list[bytes | None]:
        """Return each job's result; b"" while it waits, None where Redis does not know it."""
        if not jobs:
            return []
        found = await self._do("MGET", *(f"{self.prefix}job:{job}" for job in jobs))
        return [None if state is None else state[1:] for state in found]

    async def cancel_jobs(self, jobs: Sequence[str], keep_ms: int) -> None:
        """Mark jobs as too late, so that no worker begins them."""
        if jobs:
            await self._run(scripts.CANCEL, keep_ms, *jobs)

    async def drop_results(self, server: str) -> None:
        """Delete the results of a server that will not come back."""
        await self._do("DEL", f"{self.prefix}results:{server}")

    async def sweep_expired(self) -> None:
        """Remove the entries that no worker took in time."""
        await self._run(scripts.SWEEP)

    async def read_overview(self) -> Overview:
        classes, workers, size, claims, dead = await self._run(scripts.OVERVIEW)
        named = {WorkClass(name.decode()): rest for name, *rest in classes}
        return Overview(
            waiting={work: max(0, waiting) for work, (waiting, _) in named.items()},
            behind_s={work: max(0, behind) / 1000 for work, (_, behind) in named.items()},
            workers=[status for each in workers if (status := parse_worker(each)) is not None],
            bytes=size,
            claims=claims,
            dead=dead,
        )

    # Workers

    async def fetch_entries(self, worker: str, free: int) -> list[StreamEntry]:
        """Return up to `free` entries, the most urgent first. Does not wait for any."""
        return [parse_entry(entry) for entry in await self._run(scripts.FETCH, worker, free)]

    async def wait_for_entries(self) -> None:
        """Wait for a new entry, a second at most."""
        await self._do("BLPOP", f"{self.prefix}bell", int(_BLOCK_S))

    async def claim_entry(
        self, worker: str, *, idle_ms: int, most_deliveries: int, in_hand: Sequence[str]
    ) -> tuple[StreamEntry | None, list[str]]:
        """Claim one entry whose lease is older than `idle_ms`.

        Args:
            most_deliveries: Deliveries after which an entry is given up instead.
            in_hand: Ids of entries that this worker has itself.

        Returns:
            The entry, and the ids of utterances given up.
        """
        answer = await self._run(scripts.CLAIM, worker, idle_ms, most_deliveries, *in_hand)
        given_up = [utterance.decode() for utterance in answer[0]]
        return (parse_entry(answer[1]) if len(answer) > 1 else None), given_up

    async def complete_entry(self, entry: StreamEntry, body: bytes, dead_letter: str = "") -> bool:
        """Write an entry's result; False: another worker has written one first.

        Args:
            body: The result, encoded by `asr.wire`.
            dead_letter: Reason for giving the entry up; empty for a transcript.
        """
        first = await self._run(
            scripts.COMPLETE,
            *(entry.work, entry.id, entry.job, entry.server, entry.keep_ms),
            *(entry.utterance, entry.size, entry.deliveries, body, dead_letter),
        )
        return bool(first)

    async def give_back_entries(self, worker: str, entries: Sequence[StreamEntry]) -> None:
        """End the leases, so that other workers may claim the entries at once."""
        if entries:
            pairs = [part for entry in entries for part in (entry.work, entry.id)]
            await self._run(scripts.GIVE_BACK, worker, *pairs)

    async def send_heartbeat(self, worker: str, status: WorkerStatus, ttl_ms: int) -> None:
        """List this worker as alive for `ttl_ms`."""
        await self._run(scripts.BEAT, worker, ttl_ms, format_worker(status))

    async def remove_worker(self, worker: str) -> int:
        """Give back all that this worker has and unlist it; return how many entries it had."""
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
                f"Redis at {self.where} refuses us ({_first_line(error)}); is the password in "
                "EARSHOT_REDIS_URL right?"
            ) from None
        except TimeoutError:
            raise StreamsAway(
                f"Redis at {self.where} does not answer within {self._answer_s:g} s"
            ) from None
        except (exceptions.RedisError, OSError) as error:
            raise StreamsAway(f"Redis at {self.where} fails: {_first_line(error)}") from None


class _ScriptUnknown(Exception):
    """Redis has restarted since it was sent the script, or never was sent it."""


def job_id(utterance: Utterance, model: str) -> str:
    """Return the id of one utterance, one revision and one model: 32 hexadecimal digits."""
    key = "\x1f".join((utterance.id, str(utterance.revision), model))
    return sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]


def _pair_up(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _first_line(error: Exception) -> str:
    """Return Redis's own words, cut short. They repeat no argument."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
