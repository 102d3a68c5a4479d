"""The server's path from a publisher to utterances, with a database on disk and no model.

The parts are those that `service.server` wires.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from asr.speech import Utterance
from benchmarks.ingest.receiver import LOOPBACK
from service.clock import utc_now
from service.errors import Failed
from service.listening.ear import Ear
from service.listening.events import AudioGap
from service.listening.interim_schedule import InterimSchedule
from service.listening.opus import OpusDecoder
from service.listening.silero import load_silero
from service.listening.vad import webrtc_vad
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.rooms.peer.contract import CannotAnswer
from service.rooms.peer.incoming import BadOffer, Peer
from service.rooms.room import Room, RoomState, Speaker, SpeakerLevels
from service.storage.hearing import SqlHearing
from service.storage.rooms import SqlRooms
from service.storage.schema import open_database

_ROOM = "bench"
_MOST_GAPS = 10_000
_PACKET_S = 0.02

Decoders = Callable[[str], OpusDecoder]
"""Factory of a speaker's decoder."""


class Ours:
    """Receiver made of the server's own parts. Made by `ours`."""

    def __init__(self, rooms: SqlRooms, hearing: SqlHearing, decoders: Decoders) -> None:
        self.utterances: list[Utterance] = []
        """Utterances in the order of their ends; settled at once."""
        self._decoders = decoders
        self._hearing = hearing
        self._heard: list[Ear] = []
        self._peers: list[Peer] = []
        self._settling: set[asyncio.Task[None]] = set()
        self._ears = Ears(
            make_ear=self._make_ear,
            on_utterance=self._cut,
            on_interim=_pass_over,
            show_levels=_show,
            rooms=rooms,
            hearing=hearing,
            metrics=Metrics(),
            clock=utc_now,
        )

    async def answer(self, speaker: str, offer: str) -> str:
        await self._ears.speaker_joined(Speaker(_ROOM, speaker, speaker))
        try:
            peer = await Peer.answer(
                offer,
                on_packet=partial(self._ears.push, _ROOM, speaker),
                on_ended=_ignore,
                addresses=LOOPBACK,
            )
        except BadOffer as error:
            raise Failed(f"the benchmark's own offer was refused: {error}") from error
        except CannotAnswer as error:
            missing = "; ".join(error.missing) or str(error)
            raise Failed(f"the benchmark's own offer cannot be answered: {missing}") from error
        self._peers.append(peer)
        return peer.sdp

    def heard_s(self) -> float:
        return sum(ear.counters.packets - ear.counters.bad for ear in self._heard) * _PACKET_S

    def lost(self) -> int:
        return sum(ear.counters.lost for ear in self._heard)

    async def gaps(self) -> Sequence[AudioGap]:
        """Return the gaps that were reported."""
        return await self._hearing.gaps(_ROOM, _MOST_GAPS)

    async def run(self) -> None:
        await self._ears.run()

    async def close(self) -> None:
        await asyncio.gather(*(peer.close() for peer in self._peers))
        await self._ears.room_left(_ROOM, "the bench is over")
        if self._settling:
            await asyncio.wait(self._settling)

    def _make_ear(
        self, room_id: str, speaker_id: str, now: datetime, interrupted_at: datetime | None
    ) -> Ear:
        ear = Ear(
            room_id,
            speaker_id,
            vad=webrtc_vad(),
            now=now,
            interrupted_at=interrupted_at,
            decoder=partial(self._decoders, speaker_id),
            interims=InterimSchedule(),
            second=load_silero().listen(),
        )
        self._heard.append(ear)
        return ear

    def _cut(self, listener: Listener, utterance: Utterance) -> None:
        self.utterances.append(utterance)
        settling = asyncio.create_task(
            self._ears.settle(listener, utterance.id), name="bench settles"
        )
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)


@asynccontextmanager
async def ours(decoders: Decoders = lambda speaker: OpusDecoder()) -> AsyncIterator[Ours]:
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
        database = await open_database(f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}")
        try:
            rooms = SqlRooms(database)
            here = {"kind": "whip"}
            await rooms.add(Room(_ROOM, "Bench", here, (), (), RoomState.LISTENING, utc_now()))
            side = Ours(rooms, SqlHearing(database), decoders)
            running = asyncio.create_task(side.run(), name="bench ears")
            try:
                yield side
                await side.close()
            finally:
                running.cancel()
                await asyncio.wait([running])
        finally:
            await database.close()


def _pass_over(listener: Listener, interim: Utterance) -> None:
    """Looking costs here what it costs the server; the model is not there."""


def _show(levels: SpeakerLevels, at: datetime) -> None:
    """Ignore the levels."""


def _ignore(reason: str) -> None:
    """Ignore the end of a connection: the benchmark closes them itself."""
