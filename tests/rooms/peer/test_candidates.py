"""Tests of trickled candidates."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.rooms.peer.incoming import BadCandidate, Candidates, Peer, parse_candidates
from tests.rooms.calls import (
    LOOPBACK,
    offered,
    publisher,
    until,
)
from tests.rooms.peer.offers import CANDIDATE, CHROMIUM, FRAGMENTS, answered, damaged, without

pytestmark = pytest.mark.anyio


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


async def test_late_candidates_do_no_harm() -> None:
    offer = CHROMIUM.replace("a=setup", "a=end-of-candidates\r\na=setup")
    async with answered(offer) as peer:
        await peer.add_candidates(Candidates(None, [CANDIDATE]))
    await peer.add_candidates(Candidates(None, [CANDIDATE]))
