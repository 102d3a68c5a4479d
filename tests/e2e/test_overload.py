"""Overload events of a real server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx_sse

from service.clock import utc_now
from service.storage.event_log import SqlEventLog
from service.storage.schema import open_database
from service.verdict.overload import OverloadChanged, Pace
from tests.server import Server


async def _fall_behind(data: Path) -> None:
    """Record an overload, as a server does that is then killed."""
    database = await open_database(f"sqlite:///{data / 'earshot.db'}")
    try:
        await SqlEventLog(database).add(OverloadChanged(Pace.BEHIND, 12.0, 40), utc_now())
    finally:
        await database.close()


def test_the_next_run_reports_the_end_of_an_overload(tmp_path: Path) -> None:
    asyncio.run(_fall_behind(tmp_path / "data"))
    with Server(tmp_path / "data") as server, server.client() as client:
        with httpx_sse.connect_sse(client, "GET", "/v1/feed?since=1") as feed:
            told = next(event for event in feed.iter_sse() if event.data)
        assert told.event == "overload.changed"
        assert json.loads(told.data)["data"] == {
            "state": "normal",
            "behind_s": 0.0,
            "waiting": 0,
            "measure": "none",
        }
        assert "earshot_asr_behind_seconds 0.0" in client.get("/metrics").text
