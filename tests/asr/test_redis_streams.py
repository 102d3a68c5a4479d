from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from asr.redis_address import address_without_password
from asr.redis_streams import Streams, StreamsAway, StreamsRefused, job_id
from tests.asr.examples import an_utterance
from tests.asr.redis_stage import (
    Stage,
)

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


@pytest.mark.parametrize("url", ["redis//host", "http://host", "redis://host:port/0", "::"])
def test_an_invalid_redis_address_is_refused_with_the_address(url: str) -> None:
    with pytest.raises(StreamsRefused, match="use redis://host"):
        Streams(url, "m")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:secret@host/0", "redis://host:6379/0"),
        ("rediss://me:secret@[::1]:6380", "rediss://[::1]:6380"),
        ("unix:///run/redis.sock?password=secret", "unix:///run/redis.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, says: str) -> None:
    assert address_without_password(url) == says


async def test_a_redis_that_hangs_counts_as_away(stage: Stage) -> None:
    calls: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: calls.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    streams = Streams(f"redis://127.0.0.1:{port}/0", "m", answer_s=0.2)
    with pytest.raises(StreamsAway, match="does not answer within 0.2 s"):
        await streams.check()
    await streams.close()
    silent.close()
    for call in calls:
        call.close()
        await call.wait_closed()


def test_a_job_has_one_id_for_each_revision_and_model() -> None:
    utterance = an_utterance()
    ids = {
        job_id(utterance, "m"),
        job_id(replace(utterance, revision=1), "m"),
        job_id(utterance, "n"),
        job_id(replace(utterance, id="u2"), "m"),
    }
    assert len(ids) == 4
    assert job_id(replace(utterance, pcm=b"\0\0"), "m") in ids
