"""Earlier words and matches, which rules refer to, after a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from service.app import create_app
from service.clock import utc_now
from service.server import run_roles
from service.settings import Settings
from service.storage.alerts import SqlAlerts
from service.storage.schema import open_database
from tests.storage.examples import SECOND, a_transcript
from tests.storage.test_rule_hits import a_hit

pytestmark = pytest.mark.anyio


async def test_earlier_words_and_matches_count_after_a_restart(tmp_path: Path) -> None:
    now = utc_now()
    database = await open_database(f"sqlite:///{tmp_path}/earshot.db")
    alerts = SqlAlerts(database)
    for id_, ago in (("u1", timedelta(hours=2)), ("u2", 20 * SECOND)):
        await alerts.commit(a_transcript(id_, now - ago, text=f"words of {id_}"), [], [a_hit()])
    await database.close()
    async with run_roles(create_app(), Settings(data_dir=tmp_path)) as parts:
        recent = parts.ingest.recent
        at_s = now.timestamp()
        (earlier,) = recent.earlier("lobby", at_s)
        assert (earlier.text, earlier.speaker_id, round(earlier.ago_s)) == (
            "words of u2",
            "ann",
            20,
        )
        hits = recent.hits("lobby", at_s)
        assert [(hit.pack, hit.rule_id, round(hit.ago_s)) for hit in hits] == [
            ("scams", "gift-cards", 7200),
            ("scams", "gift-cards", 20),
        ]
