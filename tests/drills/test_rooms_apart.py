"""While the store fails for one room, the words of all others are committed as fast as before."""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from policies.match import Match
from policies.matcher import Matcher
from service.alerts.ports import AlertChange
from service.clock import utc_now
from service.errors import StoreAway
from service.listening.ear import Ear
from service.listening.events import TranscriptHeard
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.listener import Listener
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.hearing import SqlHearing
from service.storage.rooms import SqlRooms
from service.storage.schema import open_database
from service.verdict.judge import Judge
from service.verdict.pipeline import Pipeline
from service.verdict.provisional_alerts import ProvisionalAlerts
from service.verdict.recent_matches import Heat
from service.verdict.transcript_matches import TranscriptMatcher
from service.verdict.unmatched_languages import UnmatchedLanguages
from tests.listening.sound import loud
from tests.policies.writing import pack, rule
from tests.rooms.fakes import a_room, a_speaker
from tests.verdict.floor import Queue, spoken

pytestmark = [pytest.mark.anyio, pytest.mark.drill]

BAD = "bad"
OTHERS = [f"room-{number}" for number in range(50)]
AWAY_S = 30.0
EACH_S = 1.0
"""Time between two utterances of a room."""


class AwayForOne(SqlAlerts):
    """Real store that raises `StoreAway` for one room while `away` is set."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.away = False
        self.committed: dict[str, float] = {}
        self.refused = 0

    async def commit(
        self,
        heard: TranscriptHeard,
        alerts: Sequence[AlertChange],
        hits: Sequence[Match] = (),
    ) -> bool:
        if self.away and heard.room_id == BAD:
            self.refused += 1
            raise StoreAway("the database does not answer for this room")
        done = await super().commit(heard, alerts, hits)
        self.committed[heard.utterance_id] = asyncio.get_running_loop().time()
        return done


@dataclass
class Talk:
    """Utterances of one stretch of the drill, and the times of their transcripts."""

    said: dict[str, float] = field(default_factory=dict)

    def p95_ms(self, committed: dict[str, float]) -> float:
        took = [committed[id_] - at for id_, at in self.said.items()]
        return statistics.quantiles(took, n=20)[-1] * 1000


@pytest.mark.timeout(300)
async def test_thirty_seconds_without_a_store_for_one_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/earshot.db")
    alerts, queue, metrics = AwayForOne(database), Queue(), Metrics()
    matcher = Matcher([pack(rule("insult", en=["you fool"], cooldown="30s"))])
    transcripts, heat = TranscriptMatcher(lambda: matcher), Heat()
    provisional = ProvisionalAlerts(
        queue=queue,
        transcripts=transcripts,
        alerts=alerts,
        heat=heat,
        confirm_soon=Listener.confirm_interim,
        metrics=metrics,
        clock=utc_now,
    )
    judge = Judge(
        transcripts=transcripts,
        provisional=provisional,
        heat=heat,
        alerts=alerts,
        unmatched_languages=UnmatchedLanguages(lambda: matcher, metrics),
        metrics=metrics,
        clock=utc_now,
    )
    pipeline = Pipeline(
        queue=queue,
        judge=judge,
        provisional=provisional,
        heat=heat,
        metrics=metrics,
        clock=utc_now,
    )
    rooms = SqlRooms(database)
    ears = Ears(
        make_ear=lambda room, speaker, now, cut: Ear(room, speaker, vad=loud, now=now),
        on_utterance=pipeline.queue_utterance,
        show_levels=lambda levels, at: None,
        rooms=rooms,
        hearing=SqlHearing(database),
        metrics=metrics,
        clock=utc_now,
    )
    listeners: dict[str, Listener] = {}
    for id_ in (BAD, *OTHERS):
        await rooms.add(a_room(id_))
        speaker = a_speaker("ann", id_)
        listeners[id_] = Listener(Ear(id_, "ann", vad=loud, now=utc_now()), speaker, a_room(id_))

    async def talk(name: str, seconds: float) -> Talk:
        """Let every room speak once a second, the bad room first."""
        loop, heard = asyncio.get_running_loop(), Talk()
        began = loop.time()
        for turn in range(int(seconds / EACH_S)):
            for place, id_ in enumerate((BAD, *OTHERS)):
                at = began + turn * EACH_S + place * EACH_S / (len(OTHERS) + 1)
                await asyncio.sleep(max(0.0, at - loop.time()))
                utterance = spoken(f"{name}-{turn}-{id_}", id_, "ann", utc_now())
                text = "you fool" if (turn + place) % 10 == 0 else "good evening"
                queue.says[utterance.id] = text
                listeners[id_].unsettled[utterance.id] = utterance.started_at
                if id_ != BAD:
                    heard.said[utterance.id] = loop.time()
                pipeline.queue_utterance(listeners[id_], utterance)
        return heard

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.run(ears), name="pipeline")
        before = await talk("before", AWAY_S)
        alerts.away = True
        during = await talk("during", AWAY_S)
        missing = set(during.said) - set(alerts.committed)
        alerts.away = False
        pipeline.hurry()
        queue.out.put_nowait(None)
    await ears.flush()
    gaps = await SqlHearing(database).gaps(BAD, 1000)
    await database.close()
    without_ms, with_ms = before.p95_ms(alerts.committed), during.p95_ms(alerts.committed)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(OTHERS)} rooms, transcript to commit, p95: {without_ms:.1f} ms with a store "
            f"for all, {with_ms:.1f} ms while one room has none for {AWAY_S:.0f} s "
            f"({with_ms - without_ms:+.1f} ms; bar 50)\n"
        )
    assert alerts.refused > 1
    assert len(missing) <= 1, "the others' words were committed while the store was away for one"
    bad = [id_ for id_ in alerts.committed if id_.endswith(f"-{BAD}")]
    assert len(bad) + len(gaps) == 2 * AWAY_S / EACH_S, "each is on record, or a gap"
    assert all(gap.to_at - gap.from_at == timedelta(seconds=1) for gap in gaps)
