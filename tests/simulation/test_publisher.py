from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise

import pytest

from service.simulation.encoding import EncodedSpeaker, encode_speaker
from service.simulation.failed import Refused
from service.simulation.publisher import (
    Answer,
    Publisher,
    ScriptStart,
    VoiceTrack,
    is_loopback,
)
from service.simulation.script import Line, ScriptedSpeaker
from service.simulation.voice import SAMPLE_RATE
from tests.simulation.examples import CLIPS
from tests.simulation.receiver import ReceivedPacket, Receiver


def encoded_speaker(*at_s: float, until_s: float) -> EncodedSpeaker:
    lines = tuple(Line(second, CLIPS / "trudy-insult.opus", "x") for second in at_s)
    return encode_speaker(ScriptedSpeaker("ann", "Ann", lines), until_s=until_s)


@contextlib.asynccontextmanager
async def publishing(
    encoded: EncodedSpeaker,
    receiver: Receiver,
    *,
    on_sent: Callable[[int, float], None] | None = None,
) -> AsyncIterator[tuple[Publisher, float]]:
    """Make a connected publisher; also yield the monotonic time at which its script starts."""
    script_start = ScriptStart()
    publisher = Publisher(
        encoded.packets, receiver, script_start, on_sent or encoded.mark_sent, loopback=True
    )
    task = asyncio.create_task(publisher.run())
    try:
        await asyncio.wait_for(publisher.connected.wait(), 10)
        start_s = time.monotonic() + 0.1
        script_start.announce(start_s)
        yield publisher, start_s
    finally:
        task.cancel()
        await asyncio.wait([task])
        await receiver.hang_up()


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the packets come from another library
            await asyncio.sleep(0.02)


def elapsed_s(packets: Sequence[ReceivedPacket]) -> list[float]:
    """Return each packet's RTP time since the first packet, in seconds."""
    return [(p.timestamp - packets[0].timestamp) % 2**32 / SAMPLE_RATE for p in packets]


@pytest.mark.anyio
async def test_every_packet_arrives_once_in_order_with_the_silences_in_its_timestamps() -> None:
    encoded = encoded_speaker(0.2, 3.6, until_s=6)
    receiver = Receiver()
    async with publishing(encoded, receiver):
        await until(lambda: len(receiver.calls[0]) == len(encoded.packets))
    [arrived] = receiver.calls
    assert [packet.payload for packet in arrived] == [packet.payload for packet in encoded.packets]
    stamps = [packet.pts / SAMPLE_RATE for packet in encoded.packets]
    assert elapsed_s(arrived) == pytest.approx([stamp - stamps[0] for stamp in stamps])
    assert max(b - a for a, b in pairwise(stamps)) == pytest.approx(0.4), "there is a silence"
    assert {(b.sequence - a.sequence) % 2**16 for a, b in pairwise(arrived)} == {1}


class Clock:
    """A clock that only sleeping moves. Each sleep is a little too long."""

    def __init__(self) -> None:
        self.now = 100.0
        self.overslept = itertools.chain([0.37], itertools.cycle([0.0, 0.004, 0.011]))

    def now_s(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + next(self.overslept)


@pytest.mark.anyio
async def test_packets_are_paced_without_drift() -> None:
    encoded, clock, script_start = encoded_speaker(0.2, until_s=4), Clock(), ScriptStart()
    late: list[float] = []
    script_start.announce(clock.now + 0.1)

    def on_sent(pts: int, now_s: float) -> None:
        late.append(now_s - script_start.at_s - pts / SAMPLE_RATE)

    track = VoiceTrack(encoded.packets, script_start, on_sent, now_s=clock.now_s, sleep=clock.sleep)
    for _ in encoded.packets:
        await track.recv()
    track.stop()
    assert min(late) > -1e-6, "never early"
    assert max(late) < 0.37 + 1e-6, "a late packet does not delay the next ones"
    assert min(late[-10:]) < 1e-6, "it catches up"


@pytest.mark.anyio
async def test_a_line_records_when_its_sound_was_sent() -> None:
    encoded = encoded_speaker(0.3, until_s=3)
    receiver = Receiver()
    sent: dict[int, float] = {}

    def on_sent(pts: int, now_s: float) -> None:
        sent[pts] = now_s
        encoded.mark_sent(pts, now_s)

    async with publishing(encoded, receiver, on_sent=on_sent):
        [line] = encoded.lines
        await until(lambda: len(receiver.calls[0]) == len(encoded.packets))
    assert line.started is not None
    assert line.ended is not None
    assert line.first / SAMPLE_RATE == pytest.approx(0.5, abs=0.1)
    assert line.last / SAMPLE_RATE == pytest.approx(1.8, abs=0.1)
    assert line.started.monotonic_s == sent[line.first]
    assert line.ended.monotonic_s == sent[line.last]
    arrived_s = {
        packet.pts: arrived.at_s
        for packet, arrived in zip(encoded.packets, receiver.calls[0], strict=True)
    }
    assert arrived_s[line.first] > line.started.monotonic_s
    assert arrived_s[line.last] > line.ended.monotonic_s


@pytest.mark.anyio
async def test_after_a_hang_up_the_speaker_reconnects_and_the_script_has_gone_on() -> None:
    encoded = encoded_speaker(0.2, until_s=6)
    receiver = Receiver()
    sent: list[tuple[int, float]] = []
    async with publishing(
        encoded, receiver, on_sent=lambda pts, now_s: sent.append((pts, now_s))
    ) as (
        _,
        start_s,
    ):
        await until(lambda: len(receiver.calls[0]) > 10)
        receiver.refusals = [409, 503]
        await receiver.hang_up()
        await until(lambda: len(receiver.calls) == 2 and len(receiver.calls[1]) > 3)
    assert len(receiver.offers) == 4
    stamps = [pts for pts, _ in sent]
    assert stamps == sorted(set(stamps)), "no packet is sent twice"
    assert all(now_s - start_s >= pts / SAMPLE_RATE for pts, now_s in sent), "never early"
    missed = {packet.pts for packet in encoded.packets if packet.pts < stamps[-1]} - set(stamps)
    assert len(missed) > 10


@pytest.mark.anyio
async def test_a_speaker_who_leaves_deletes_its_session() -> None:
    receiver = Receiver()
    async with publishing(encoded_speaker(0.2, until_s=3), receiver):
        pass
    assert receiver.left == ["/whip/lobby/1"]


@pytest.mark.anyio
async def test_a_refusal_of_the_first_offer_ends_the_speaker() -> None:
    receiver = Receiver(refusals=[401])
    publisher = Publisher([], receiver, ScriptStart(), lambda pts, now_s: None, loopback=True)
    with pytest.raises(Refused, match="401"):
        await asyncio.wait_for(publisher.run(), 5)
    assert len(receiver.offers) == 1


@pytest.mark.anyio
async def test_a_server_that_is_not_ready_yet_is_asked_again() -> None:
    receiver = Receiver(refusals=[503, 503])
    async with publishing(encoded_speaker(0.2, until_s=2), receiver) as (publisher, _):
        assert publisher.connections == 1
    assert len(receiver.offers) == 3


@pytest.mark.anyio
async def test_a_speaker_gives_up_after_the_longest_wait() -> None:
    receiver = Receiver(refusals=[503] * 9)
    publisher = Publisher(
        [], receiver, ScriptStart(), lambda pts, now_s: None, loopback=True, patience_s=0.0
    )
    with pytest.raises(Refused, match="503"):
        await asyncio.wait_for(publisher.run(), 5)
    assert len(receiver.offers) == 2


@pytest.mark.anyio
async def test_an_invalid_answer_is_retried_and_leaves_no_connection() -> None:
    class Odd(Receiver):
        async def publish(self, offer: str) -> Answer:
            if not self.offers:
                self.offers.append(offer)
                return Answer("not sdp", "/whip/lobby/0")
            return await super().publish(offer)

    receiver = Odd()
    async with publishing(encoded_speaker(0.2, until_s=2), receiver):
        pass
    assert receiver.left == ["/whip/lobby/0", "/whip/lobby/1"]


@pytest.mark.anyio
async def test_an_offer_to_this_machine_names_only_its_loopback_address() -> None:
    receiver = Receiver(refusals=[400])
    publisher = Publisher([], receiver, ScriptStart(), lambda pts, now_s: None, loopback=True)
    with pytest.raises(Refused):
        await publisher.run()
    candidates = [line for line in receiver.offers[0].splitlines() if "candidate:" in line]
    assert candidates
    assert all(" 127.0.0.1 " in line for line in candidates)
    assert "opus/48000/2" in receiver.offers[0]
    assert "a=sendonly" in receiver.offers[0]


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.8.0.1", True),
        ("http://localhost:8080/", True),
        ("http://[::1]:8080", True),
        ("http://192.0.2.1:8080", False),
        ("https://rooms.example", False),
        ("http://localhost.example", False),
    ],
)
def test_loopback_urls_are_recognised(url: str, local: bool) -> None:
    assert is_loopback(url) is local
