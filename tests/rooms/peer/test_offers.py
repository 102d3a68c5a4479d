"""Tests of answers to offers, good, odd and damaged ones."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import threading

import pytest
from hypothesis import HealthCheck, given, settings

from service.rooms.peer.contract import CannotAnswer, describe_cause
from service.rooms.peer.incoming import BadOffer, Peer
from tests.rooms.calls import (
    LOOPBACK,
    SOON_S,
)
from tests.rooms.peer.offers import (
    CHROMIUM,
    OFFERS,
    answer,
    answered,
    damaged,
    expect_tasks_ended,
    without,
)

pytestmark = pytest.mark.anyio


DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n"


async def refusal(offer: str) -> str:
    with pytest.raises(BadOffer) as refused:
        await answer(offer)
    return str(refused.value)


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
