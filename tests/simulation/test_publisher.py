from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise

import pytest

from service.simulation.failed import Refused
from service.simulation.publisher import Answer, Curtain, Publisher, is_loopback
from service.simulation.rehearsal import Part, rehearse
from service.simulation.script import Line, ScriptedSpeaker
from service.simulation.voice import SAMPLE_RATE
from tests.simulation.examples import CLIPS
from tests.simulation.receiver import Arrived, Receiver

LATE_S = 0.25
"""How late a packet may be on a busy test machine."""


def a_part(*at_s: float, until_s: float) -> Part:
    lines = tuple(Line(second, CLIPS / "trudy-insult.opus", "x") for second in at_s)
    return rehearse(ScriptedSpeaker("ann", "Ann", lines), until_s=until_s)


@contextlib.asynccontextmanager
async def publishing(
    part: Part, receiver: Receiver, *, on_sent: Callable[[int, float], None] | None = None
) -> AsyncIterator[tuple[Publisher, float]]:
    """A publisher that is connected, and the moment at which its script starts."""
    curtain = Curtain()
    publisher = Publisher(part.packets, receiver, curtain, on_sent or part.sent, loopback=True)
    task = asyncio.create_task(publisher.run())
    try:
        await asyncio.wait_for(publisher.connected.wait(), 10)
        start_s = time.monotonic() + 0.1
        curtain.rise(start_s)
        yield publisher, start_s
    finally:
        task.cancel()
        await asyncio.wait([task])
        await receiver.hang_up()


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for are a foreign stack's packets
            await asyncio.sleep(0.02)


def elapsed_s(packets: Sequence[Arrived]) -> list[float]:
    """Each packet's RTP time since the first."""
    return [(p.timestamp - packets[0].timestamp) % 2**32 / SAMPLE_RATE for p in packets]


@pytest.mark.anyio
async def test_every_packet_arrives_once_in_order_with_the_silences_in_its_timestamps() -> None:
    part = a_part(0.2, 3.6, until_s=6)
    receiver = Receiver()
    async with publishing(part, receiver):
        await until(lambda: len(receiver.calls[0]) == len(part.packets))
    [arrived] = receiver.calls
    assert [packet.payload for packet in arrived] == [packet.payload for packet in part.packets]
    stamps = [packet.pts / SAMPLE_RATE for packet in part.packets]
    assert elapsed_s(arrived) == pytest.approx([stamp - stamps[0] for stamp in stamps])
    assert max(b - a for a, b in pairwise(stamps)) == pytest.approx(0.4), "there is a silence"
    assert {(b.sequence - a.sequence) % 2**16 for a, b in pairwise(arrived)} == {1}


@pytest.mark.anyio
async def test_packets_are_paced_in_real_time_without_drift() -> None:
    part = a_part(0.2, until_s=4)
    receiver = Receiver()
    async with publishing(part, receiver) as (_, start_s):
        await until(lambda: len(receiver.calls[0]) == len(part.packets))
    late = [
        packet.at_s - start_s - sent.pts / SAMPLE_RATE
        for packet, sent in zip(receiver.calls[0], part.packets, strict=True)
    ]
    assert min(late) > -0.01, "never early"
    assert max(late) < LATE_S
    assert sorted(late[-10:])[5] < 0.1, "lateness does not add up"


@pytest.mark.anyio
async def test_a_line_records_when_its_sound_was_sent() -> None:
    part = a_part(0.3, until_s=3)
    receiver = Receiver()
    async with publishing(part, receiver) as (_, start_s):
        [line] = part.lines
        await until(lambda: line.ended is not None)
        await asyncio.sleep(0.05)
    assert line.started is not None
    assert line.ended is not None
    assert line.started.monotonic_s - start_s == pytest.approx(0.5, abs=LATE_S)
    assert line.ended.monotonic_s - start_s == pytest.approx(1.8, abs=LATE_S)
    lasted_s = (line.ended.at - line.started.at).total_seconds()
    assert lasted_s == pytest.approx(line.ended.monotonic_s - line.started.monotonic_s, abs=0.02)
    last = [
        p for p, sent in zip(receiver.calls[0], part.packets, strict=False) if sent.pts == line.last
    ]
    assert last[0].at_s - line.ended.monotonic_s < 0.05


@pytest.mark.anyio
async def test_after_a_hang_up_the_speaker_comes_back_and_the_script_has_run_on() -> None:
    part = a_part(0.2, until_s=6)
    receiver = Receiver()
    sent: list[tuple[int, float]] = []
    async with publishing(part, receiver, on_sent=lambda pts, now_s: sent.append((pts, now_s))) as (
        _,
        start_s,
    ):
        await until(lambda: len(receiver.calls[0]) > 10)
        receiver.refusals = [409, 503]
        await receiver.hang_up()
        await until(lambda: len(receiver.calls) == 2 and len(receiver.calls[1]) > 3)
    assert len(receiver.offers) == 4
    stamps = [pts for pts, _ in sent]
    assert stamps == sorted(set(stamps)), "nothing is said twice"
    assert all(abs(now_s - start_s - pts / SAMPLE_RATE) < LATE_S for pts, now_s in sent)
    missed = {packet.pts for packet in part.packets if packet.pts < stamps[-1]} - set(stamps)
    assert len(missed) > 10


@pytest.mark.anyio
async def test_a_speaker_who_leaves_deletes_its_session() -> None:
    receiver = Receiver()
    async with publishing(a_part(0.2, until_s=3), receiver):
        pass
    assert receiver.left == ["/whip/lobby/1"]


@pytest.mark.anyio
async def test_a_refusal_of_the_first_offer_ends_the_speaker() -> None:
    receiver = Receiver(refusals=[401])
    publisher = Publisher([], receiver, Curtain(), lambda pts, now_s: None, loopback=True)
    with pytest.raises(Refused, match="401"):
        await asyncio.wait_for(publisher.run(), 5)
    assert len(receiver.offers) == 1


@pytest.mark.anyio
async def test_a_server_that_is_not_ready_yet_is_asked_again() -> None:
    receiver = Receiver(refusals=[503, 503])
    async with publishing(a_part(0.2, until_s=2), receiver) as (publisher, _):
        assert publisher.connections == 1
    assert len(receiver.offers) == 3


@pytest.mark.anyio
async def test_a_speaker_gives_up_once_their_patience_is_over() -> None:
    receiver = Receiver(refusals=[503] * 9)
    publisher = Publisher(
        [], receiver, Curtain(), lambda pts, now_s: None, loopback=True, patience_s=0.0
    )
    with pytest.raises(Refused, match="503"):
        await asyncio.wait_for(publisher.run(), 5)
    assert len(receiver.offers) == 2


@pytest.mark.anyio
async def test_an_answer_that_is_none_is_tried_again_and_leaves_no_connection() -> None:
    class Odd(Receiver):
        async def publish(self, offer: str) -> Answer:
            if not self.offers:
                self.offers.append(offer)
                return Answer("not sdp", "/whip/lobby/0")
            return await super().publish(offer)

    receiver = Odd()
    async with publishing(a_part(0.2, until_s=2), receiver):
        pass
    assert receiver.left == ["/whip/lobby/0", "/whip/lobby/1"]


@pytest.mark.anyio
async def test_an_offer_to_this_machine_names_its_loopback_address_alone() -> None:
    receiver = Receiver(refusals=[400])
    publisher = Publisher([], receiver, Curtain(), lambda pts, now_s: None, loopback=True)
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
def test_loopback_urls_are_known(url: str, local: bool) -> None:
    assert is_loopback(url) is local
