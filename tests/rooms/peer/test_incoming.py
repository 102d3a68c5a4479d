"""Tests of publishers: the behaviour of aiortc we rely on, and odd offers and candidates."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.metadata
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.listening.ear import Ear
from service.rooms.peer.contract import TESTED, CannotAnswer, describe_cause
from service.rooms.peer.incoming import BadCandidate, BadOffer, Candidates, Peer, parse_candidates
from tests.listening.sound import loud
from tests.rooms.calls import (
    CORPUS,
    LOOPBACK,
    SOON_S,
    calling,
    corpus,
    offered,
    publisher,
    until,
    voice,
)

pytestmark = pytest.mark.anyio

CHROMIUM = corpus("chromium.sdp")
OFFERS = tuple(corpus(path.name) for path in sorted(CORPUS.glob("*.sdp")))
FRAGMENTS = tuple(corpus(path.name) for path in sorted(CORPUS.glob("*.sdpfrag")))
CANDIDATE = "1 1 udp 2122260223 127.0.0.1 9 typ host"


async def answer(offer: str, addresses: Sequence[str] | None = LOOPBACK) -> Peer:
    def unexpected(what: object) -> None:
        raise AssertionError(f"nobody is there: {what}")

    return await Peer.answer(offer, on_packet=unexpected, on_ended=unexpected, addresses=addresses)


@contextlib.asynccontextmanager
async def answered(offer: str, addresses: Sequence[str] | None = LOOPBACK) -> AsyncIterator[Peer]:
    """Answer an offer; close the peer at the end and check that it leaves no task."""
    before = asyncio.all_tasks()
    peer = await answer(offer, addresses)
    try:
        yield peer
    finally:
        await peer.close()
        await expect_tasks_ended(before)


async def expect_tasks_ended(before: set[asyncio.Task[Any]]) -> None:
    """Wait for new tasks: aiortc's connecting task ends a moment after its connection is closed."""
    await until(lambda: all(task.done() for task in asyncio.all_tasks() - before))


async def refusal(offer: str) -> str:
    with pytest.raises(BadOffer) as refused:
        await answer(offer)
    return str(refused.value)


@pytest.mark.parametrize("library", TESTED)
def test_the_tested_version_is_installed(library: str) -> None:
    assert importlib.metadata.version(library).startswith(f"{TESTED[library]}.")


async def test_aiortc_counts_packets_for_its_reports_where_we_count_them() -> None:
    async with calling() as call:
        [transceiver] = call.peer._link.connection.getTransceivers()
        stats = (await transceiver.receiver.getStats()).values()
        [counted] = [one for one in stats if one.type == "inbound-rtp"]
        assert counted.ssrc == call.packets[0].ssrc
        assert counted.packetsReceived >= 3
        assert counted.packetsLost == 0


async def test_packets_arrive_one_by_one_in_order_as_they_were_encoded() -> None:
    async with calling() as call:
        await until(lambda: len(call.packets) >= 60)
        assert call.ended == []
        packets = list(call.packets)
    assert {(b.sequence - a.sequence) % 65536 for a, b in pairwise(packets)} == {1}
    assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(packets)} == {960}
    assert all(a.arrived_s <= b.arrived_s for a, b in pairwise(packets))
    sent = [packet.payload for packet in voice()]
    first = sent.index(packets[0].payload)
    assert [packet.payload for packet in packets] == [
        sent[(first + n) % len(sent)] for n in range(len(packets))
    ]


async def test_no_decoder_runs_and_the_track_holds_no_frames() -> None:
    async with calling() as call:
        await until(lambda: len(call.packets) >= 100)
        assert [thread.name for thread in threading.enumerate() if "decoder" in thread.name] == []
        (transceiver,) = call.peer._link.connection.getTransceivers()
        track: Any = transceiver.receiver.track
        assert track._queue.qsize() <= 1, "the mark of its end"


async def test_reports_tell_the_sender_how_many_packets_were_lost() -> None:
    """Without these reports browsers and libopus send no redundancy (FEC)."""
    async with calling() as call:
        dropped = dropping(call.sender, every=5)
        await until(lambda: dropped() >= 20)
        before = dropped()
        reports = await stats(call.sender, "remote-inbound-rtp")
        while reports["packetsLost"] < before:
            await asyncio.sleep(0.05)
            reports = await stats(call.sender, "remote-inbound-rtp")
        assert before <= reports["packetsLost"] <= dropped()


def dropping(sender: Any, *, every: int) -> Callable[[], int]:
    """Drop every nth media packet of a sender; return a function that counts the dropped ones."""
    transport = sender.transport
    send: Callable[[bytes], Awaitable[None]] = transport._send_rtp
    sent = 0

    async def lossy(data: bytes) -> None:
        nonlocal sent
        if not 192 <= data[1] <= 223:  # RTCP (RFC 5761)
            sent += 1
            if sent % every == 0:
                return
        await send(data)

    transport._send_rtp = lossy
    return lambda: sent // every


async def stats(sender: Any, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(SOON_S):
        while True:
            report = await sender.getStats()
            for one in report.values():
                if one.type == kind:
                    return dict(vars(one))
            await asyncio.sleep(0.05)


async def test_an_ear_conceals_lost_packets() -> None:
    """Covers the whole path from a publisher's packets to samples."""
    async with calling() as call:
        dropped = dropping(call.sender, every=7)
        await until(lambda: len(call.packets) >= 80 and dropped() >= 8)
    now = datetime.now(UTC)
    ear = Ear("room", "ann", vad=loud, now=now)
    items = []
    for packet in call.packets:
        items += ear.tick(packet.arrived_s, now) + ear.push(packet, now)
    items += ear.close(now)
    assert ear.counters.lost >= 8
    assert items


async def test_closing_leaves_no_task_and_no_socket() -> None:
    before = asyncio.all_tasks()
    async with calling() as call:
        await until(lambda: len(call.packets) >= 10)
    await expect_tasks_ended(before)
    await call.peer.close()  # a second close does nothing


async def test_a_publisher_that_leaves_is_reported_once() -> None:
    async with calling() as call:
        await call.publisher.close()
        await until(lambda: bool(call.ended))
        await asyncio.sleep(0.05)
        assert call.ended == ["the connection was lost"]


async def test_a_connection_that_we_close_is_not_reported() -> None:
    async with calling() as call:
        await call.peer.close()
        await asyncio.sleep(0.05)
        assert call.ended == []


@pytest.mark.parametrize("offer", OFFERS)
async def test_the_answer_asks_for_fec_and_dtx_and_offers_only_the_given_addresses(
    offer: str,
) -> None:
    async with answered(offer) as peer:
        (number,) = re.findall(r"a=rtpmap:(\d+) opus/48000/2\r\n", peer.sdp, re.I)
        assert f"a=fmtp:{number} useinbandfec=1;usedtx=1\r\n" in peer.sdp
        assert "a=recvonly" in peer.sdp
        hosts = re.findall(r"^a=candidate:\S+ \S+ \S+ \S+ (\S+)", peer.sdp, re.MULTILINE)
        assert set(hosts) == {"127.0.0.1"}
        assert re.findall(r"^a=ice-ufrag:(\S+)", peer.sdp, re.MULTILINE)[0] == peer.ufrag
        assert "PCMU" not in peer.sdp


async def test_without_given_addresses_the_answer_has_candidates() -> None:
    async with answered(CHROMIUM, addresses=None) as peer:
        assert "a=candidate:" in peer.sdp


def without(pattern: str, offer: str = CHROMIUM) -> str:
    return re.sub(pattern, "", offer, flags=re.MULTILINE)


VIDEO = CHROMIUM[CHROMIUM.index("m=audio") :].replace("m=audio", "m=video")
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n"


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        ("", "one audio section; it has 0"),
        ("rubbish", "it has 0"),
        ("\x00" * 500, "it has 0"),
        ("v=0\r\nm=audio\r\n", "not an SDP offer"),
        (CHROMIUM.replace("m=audio", "m=video").replace("opus/48000/2", "VP8/90000"), "has 0"),
        (CHROMIUM + CHROMIUM[CHROMIUM.index("m=audio") :], "it has 2"),
        (CHROMIUM + DATA, "no data channel"),
        (CHROMIUM.replace("a=sendonly", "a=recvonly"), "must be sendonly"),
        (CHROMIUM.replace("a=sendonly", "a=inactive"), "must be sendonly"),
        (CHROMIUM.replace("opus/48000/2", "speex/16000"), "must offer opus"),
        (without(r"^a=ice-ufrag.*\r\n"), "lacks its ICE credentials"),
        (without(r"^a=ice-pwd.*\r\n"), "lacks its ICE credentials"),
        (without(r"^a=fingerprint.*\r\n"), "fingerprint"),
        (without(r"^a=setup.*\r\n"), ""),
    ],
)
async def test_an_offer_that_cannot_be_answered_is_refused_with_a_reason(
    offer: str, says: str
) -> None:
    before = asyncio.all_tasks()
    assert says in await refusal(offer)
    await expect_tasks_ended(before)


async def test_an_invalid_local_address_is_our_fault_and_not_the_offers() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(CannotAnswer) as failed:
        await answer(CHROMIUM, ["not..one"])
    assert failed.value.missing == []
    assert "Error" in describe_cause(failed.value)
    await expect_tasks_ended(before)


@st.composite
def damaged(draw: st.DrawFn, texts: Sequence[str] = OFFERS) -> str:
    """Draw a text that is cut off, or has lines dropped, doubled, moved or changed."""
    whole = draw(st.sampled_from(texts))
    if draw(st.booleans()):
        return whole[: draw(st.integers(0, len(whole)))]
    lines = whole.split("\r\n")
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(("drop", "double", "move", "change", "number", "cut"))):
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "change":
                place = draw(st.integers(0, len(lines[at])))
                odd = draw(st.text(st.characters(max_codepoint=1_000), max_size=3))
                lines[at] = lines[at][:place] + odd + lines[at][place + 1 :]
            case "number":
                lines[at] = re.sub(r"\d+", str(draw(st.integers(-1, 1 << 33))), lines[at], count=1)
            case _:
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
        if not lines:
            break
    return "\r\n".join(lines)


@given(damaged())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_damaged_offer_is_answered_or_refused_and_leaves_nothing(offer: str) -> None:
    before = asyncio.all_tasks()
    threads = threading.active_count()
    try:
        peer = await Peer.answer(
            offer, on_packet=lambda packet: None, on_ended=lambda reason: None, addresses=LOOPBACK
        )
    except BadOffer:
        pass
    else:
        await asyncio.sleep(0)
        async with asyncio.timeout(SOON_S):
            await peer.close()
    await expect_tasks_ended(before)
    assert threading.active_count() <= threads


async def test_offers_that_are_cut_off_leave_no_sockets() -> None:
    gc.collect()
    for cut in range(200, len(CHROMIUM), len(CHROMIUM) // 30):
        with contextlib.suppress(BadOffer):
            async with answered(CHROMIUM[:cut]):
                pass
    gc.collect()  # an unclosed socket would warn here, and warnings are errors


async def test_a_trickled_candidate_makes_the_connection() -> None:
    """The offer has no candidate, like that of a browser that trickles."""
    connection, _ = publisher()
    packets: list[Any] = []
    peer: Peer | None = None
    try:
        offer = await offered(connection)
        bare = without(r"^a=(candidate|end-of-candidates).*\r\n", offer)
        peer = await Peer.answer(
            bare, on_packet=packets.append, on_ended=lambda reason: None, addresses=LOOPBACK
        )
        description: Any = type(connection.localDescription)(peer.sdp, "answer")
        await connection.setRemoteDescription(description)
        lines = "".join(re.findall(r"^a=(?:candidate|ice-ufrag).*\r\n", offer, re.MULTILINE))
        candidates = parse_candidates(lines)
        assert candidates.lines
        assert not peer.restarts(candidates)
        await peer.add_candidates(candidates)
        await until(lambda: len(packets) > 3)
    finally:
        await connection.close()
        if peer is not None:
            await peer.close()


def test_a_fragment_is_parsed_with_its_credentials_and_candidates() -> None:
    fragment = (
        "a=ice-ufrag:Xf3q\r\na=ice-pwd:x\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        f"a=candidate:{CANDIDATE}\r\na=candidate:2 1 tcp 1 10.0.0.1 9 typ host tcptype active\r\n"
        "a=end-of-candidates\r\n"
    )
    parsed = parse_candidates(fragment)
    assert parsed.ufrag == "Xf3q"
    assert parsed.lines == [CANDIDATE, "2 1 tcp 1 10.0.0.1 9 typ host tcptype active"]
    assert parse_candidates("a=end-of-candidates\r\n") == Candidates(None, [])
    with pytest.raises(BadCandidate):
        parse_candidates("hello")


@given(
    st.lists(
        st.sampled_from(
            (
                "a=ice-ufrag:Xf3q",
                "a=ice-pwd:x",
                "m=audio 9 RTP/AVP 0",
                "a=mid:0",
                f"a=candidate:{CANDIDATE}",
                "a=candidate:",
                "a=end-of-candidates",
                "a=ice-ufrag:",
            )
        )
        | st.text(max_size=40),
        max_size=12,
    ),
    st.sampled_from(("\r\n", "\n", "\r", "")),
)
async def test_any_fragment_is_parsed_or_refused(lines: list[str], end: str) -> None:
    try:
        parsed = parse_candidates(end.join(lines))
    except BadCandidate:
        return
    assert all(line and "\n" not in line and "\r" not in line for line in parsed.lines)
    assert parsed.ufrag != ""


@given(damaged(FRAGMENTS))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_damaged_fragment_of_a_browser_is_added_or_refused(fragment: str) -> None:
    async with answered(CHROMIUM) as peer:
        with contextlib.suppress(BadCandidate):
            await peer.add_candidates(parse_candidates(fragment))


@pytest.mark.parametrize("fragment", FRAGMENTS)
async def test_the_candidates_of_browsers_are_added(fragment: str) -> None:
    parsed = parse_candidates(fragment)
    assert (parsed.ufrag, len(parsed.lines)) == ("HI7W", 1)
    async with answered(CHROMIUM) as peer:
        await peer.add_candidates(parsed)


async def test_other_credentials_than_the_offers_are_an_ice_restart() -> None:
    async with answered(CHROMIUM) as peer:
        assert peer.restarts(Candidates("other", []))
        assert not peer.restarts(Candidates("Xf3q", []))
        assert not peer.restarts(Candidates(None, []))


@pytest.mark.parametrize(
    "line",
    [
        "rubbish",
        "1 1 udp x 127.0.0.1 9 typ host",
        "1 1 udp 1 127.0.0.1 99999 typ host",
        "1 1 udp 1 127.0.0.1 0 typ host",
        "1 x udp 1 127.0.0.1 9 typ host",
        "1 1 udp 1 127.0.0.1 9 typ host rport x",
    ],
)
async def test_an_invalid_candidate_line_is_refused_and_none_is_added(line: str) -> None:
    async with answered(CHROMIUM) as peer:
        with pytest.raises(BadCandidate):
            await peer.add_candidates(Candidates(None, [CANDIDATE, line]))


@given(
    st.lists(
        st.text(max_size=60)
        | st.builds(
            "1 1 {} {} {} {} typ {}".format,
            st.sampled_from(("udp", "UDP", "tcp", "x")),
            st.integers(-1, 1 << 33),
            st.sampled_from(
                (
                    "127.0.0.1",
                    "::1",
                    "0.0.0.0",
                    "255.255.255.255",
                    "example.invalid",
                    "",
                    "é",
                    "1.2.3",
                )
            ),
            st.integers(-1, 70_000),
            st.sampled_from(("host", "srflx", "relay", "x", "")),
        ),
        max_size=4,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_candidates_of_any_kind_are_added_or_refused(lines: list[str]) -> None:
    async with answered(CHROMIUM) as peer:
        with contextlib.suppress(BadCandidate):
            await peer.add_candidates(Candidates(None, lines))


async def test_candidates_after_the_end_or_the_close_do_no_harm() -> None:
    offer = CHROMIUM.replace("a=setup", "a=end-of-candidates\r\na=setup")
    async with answered(offer) as peer:
        await peer.add_candidates(Candidates(None, [CANDIDATE]))
    await peer.add_candidates(Candidates(None, [CANDIDATE]))
