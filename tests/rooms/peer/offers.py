"""Offers and trickled fragments of browsers, also damaged ones, and our answers to them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hypothesis import strategies as st

from service.rooms.peer.incoming import Peer
from tests.rooms.calls import CORPUS, LOOPBACK, corpus, until

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


def without(pattern: str, offer: str = CHROMIUM) -> str:
    return re.sub(pattern, "", offer, flags=re.MULTILINE)


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
