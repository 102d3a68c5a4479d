"""A worker's results on their way to Redis."""

from __future__ import annotations

import asyncio

import structlog

from asr.batch_runner import NoMemory, Outcome, Refused
from asr.reasons import NOT_TRANSCRIBED
from asr.redis_streams import Streams, StreamsAway
from asr.speech import Transcript
from asr.stream_records import StreamEntry
from asr.wire import Lost, WireError, encode

log = structlog.get_logger()

RETRY_S = (0.1, 0.3, 1.0, 2.0)
"""Waits before Redis is tried again, in seconds; the last one repeats."""


class ResultWriter:
    """Writes the results of entries to Redis.

    Args:
        farewell_s: Longest wait for Redis after `stop`, in seconds.
    """

    def __init__(self, streams: Streams, *, farewell_s: float) -> None:
        self._streams = streams
        self._farewell_s = farewell_s
        self._stopped_at: float | None = None

    def stop(self) -> None:
        """Shorten the attempts from now on: the worker stops."""
        self._stopped_at = asyncio.get_running_loop().time()

    async def write_outcome(self, entry: StreamEntry, outcome: Outcome) -> bool:
        """Write an entry's outcome; False: it has no result, and must be given back."""
        match outcome:
            case Transcript():
                try:
                    message = encode(outcome)
                except WireError as error:
                    log.error("worker.transcript_malformed", utterance=entry.utterance)
                    await self.write_lost(entry, f"its transcript cannot be sent: {error}")
                else:
                    await self._write(entry, message)
            case Refused():
                log.error("worker.dead_letter", utterance=entry.utterance)
                await self.write_lost(entry, NOT_TRANSCRIBED)
            case NoMemory():
                return False
        return True

    async def write_lost(self, entry: StreamEntry, reason: str) -> None:
        """Give an entry up as a dead letter, with this reason."""
        await self._write(entry, encode(Lost(reason)), reason)

    async def _write(self, entry: StreamEntry, message: bytes, dead_letter: str = "") -> None:
        """Write a result. Try until Redis has it or the server stops waiting for it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + entry.left_ms / 1000
        waits = iter(RETRY_S)
        while True:
            try:
                if not await self._streams.complete_entry(entry, message, dead_letter):
                    log.info("worker.told_by_another", utterance=entry.utterance)
                return
            except StreamsAway as error:
                wait_s = next(waits, RETRY_S[-1])
                if self._stopped_at is not None:
                    until = min(until, self._stopped_at + self._farewell_s)
                if loop.time() + wait_s > until:
                    log.error("worker.could_not_tell", utterance=entry.utterance)
                    return
                log.warning("worker.redis_away", reason=str(error))
            await asyncio.sleep(wait_s)
