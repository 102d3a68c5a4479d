"""Redis for the tests of recognition."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.asr.redis_stage import (
    Stage,
    staged,
)
from tests.redis import RedisServer


@pytest.fixture
async def stage(redis: RedisServer) -> AsyncIterator[Stage]:
    async with staged(redis) as stage:
        yield stage


@pytest.fixture
async def own_stage(own_redis: RedisServer) -> AsyncIterator[Stage]:
    async with staged(own_redis) as stage:
        yield stage
