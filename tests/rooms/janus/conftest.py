from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.conftest import left_behind
from tests.janus import ROOM_SECRET, Janus
from tests.rooms.calls import until


@pytest.fixture(scope="module")
def janus() -> Iterator[Janus]:
    with Janus() as janus:
        yield janus


@pytest.fixture
def room(janus: Janus, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make a VideoRoom for one test."""
    name = request.node.name[:60]
    janus.make_room(name)
    yield name
    janus.ask({"request": "destroy", "room": name, "secret": ROOM_SECRET})


@pytest.fixture(autouse=True)
async def settled(anyio_backend: str) -> AsyncIterator[None]:
    """Wait for aiortc's connecting task, which ends a moment after its connection is closed."""
    before = asyncio.all_tasks()
    yield
    await until(lambda: not left_behind(before))
