"""The ingest role: from the rooms' packets to committed verdicts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from policies.fields import MAX_COOLDOWN_S
from policies.recent import LONGEST_BEFORE_S, Recent
from service.alerts.action_runner import ActionRunner
from service.errors import ConfigurationError, StoreAway
from service.listening.ear import Ear
from service.listening.interim_schedule import InterimSchedule
from service.listening.segmenter import SegmenterSettings
from service.listening.silero import load_silero
from service.listening.vad import webrtc_vad
from service.roles.common import Common
from service.roles.loops import cancel_all, run_again
from service.roles.ports import ForFront, ForIngest
from service.roles.stores import Stores
from service.rooms.ears import Ears
from service.rooms.janus.connector import JanusConnector
from service.rooms.janus.dependencies import StayDependencies
from service.rooms.janus.hook import JanusHook
from service.rooms.janus.identity import SPEAKER_ID_PATTERN
from service.rooms.janus.server import JanusAccess, JanusServer, parse_servers
from service.rooms.listener import Listener
from service.rooms.notice import Notice
from service.rooms.opening_policy import Wanted
from service.rooms.peer.poller import get_poller
from service.rooms.room_actions import RoomActions
from service.rooms.supervisor import Supervisor
from service.rooms.whip import WhipConnector
from service.rulebook.ports import RuleHitStore
from service.settings import Settings
from service.verdict.judge import Judge
from service.verdict.pipeline import Pipeline
from service.verdict.provisional_alerts import ProvisionalAlerts
from service.verdict.recent_matches import Heat
from service.verdict.transcript_matches import TranscriptMatcher, restore_recent
from service.verdict.unmatched_languages import UnmatchedLanguages

log = structlog.get_logger()

_MOST_RESTORED = 20_000
"""Utterances read back at a restart, in all rooms together; and hits; the newest of each."""


@dataclass(frozen=True, slots=True)
class Ingest:
    """Parts of the ingest role.

    Attributes:
        recent: Recent words and hits of each room, for rules that look back.
        pipeline: Verdicts, in one lane per room.
    """

    recent: Recent
    ears: Ears
    provisional: ProvisionalAlerts
    pipeline: Pipeline
    unmatched_languages: UnmatchedLanguages
    whip: WhipConnector
    supervisor: Supervisor
    room_actions: RoomActions
    action_runner: ActionRunner
    janus_hook: JanusHook

    def for_front(self) -> ForFront:
        return ForFront(
            rooms=self.supervisor,
            room_actions=self.room_actions,
            speakers=self.ears,
            rule_coverage=self.unmatched_languages,
            whip=self.whip,
            janus=self.janus_hook,
            action_requests=self.action_runner,
            action_results=self.action_runner,
            verdict_lag=self.pipeline,
        )


def build_ingest(settings: Settings, stores: Stores, front: ForIngest, common: Common) -> Ingest:
    """Wire the parts; nothing runs yet.

    Raises:
        ConfigurationError: A setting about rooms is unusable.
    """
    metrics, clock = common.metrics, common.clock
    recent, heat = Recent(), Heat()
    transcripts = TranscriptMatcher(front.matcher, recent)
    provisional = ProvisionalAlerts(
        queue=front.queue,
        transcripts=transcripts,
        alerts=stores.alerts,
        heat=heat,
        confirm_soon=Listener.confirm_interim,
        metrics=metrics,
        clock=clock,
    )
    unmatched_languages = UnmatchedLanguages(front.matcher, metrics)
    judge = Judge(
        transcripts=transcripts,
        provisional=provisional,
        heat=heat,
        alerts=stores.alerts,
        unmatched_languages=unmatched_languages,
        metrics=metrics,
        clock=clock,
    )
    pipeline = Pipeline(
        queue=front.queue,
        judge=judge,
        provisional=provisional,
        heat=heat,
        metrics=metrics,
        clock=clock,
    )
    ears = Ears(
        make_ear=_ear_maker(settings),
        on_utterance=pipeline.queue_utterance,
        on_interim=provisional.queue_interim,
        show_levels=front.show_levels,
        rooms=stores.rooms,
        hearing=stores.hearing,
        metrics=metrics,
        clock=clock,
        read_until=lambda now_s: get_poller().read_until_s(now_s),
    )
    servers = _janus_servers(settings)
    notice = Notice(settings.rules_url(), spoken=settings.notice)
    whip = WhipConnector(
        ears,
        stores.tokens,
        addresses=settings.local_addresses(),
        action_route=front.action_route,
        metrics=metrics,
    )
    janus = JanusConnector(
        servers,
        StayDependencies(
            listener=ears,
            access=_janus_access(settings),
            notice=notice,
            notices=stores.rooms,
            action_route=front.action_route,
            addresses=settings.ice_addresses or None,
            metrics=metrics,
            clock=clock,
        ),
    )
    metrics.peers.set_function(lambda: whip.peers() + janus.peers())
    supervisor = Supervisor(
        stores.rooms,
        stores.actions,
        [whip, janus],
        ears,
        seal=common.seal,
        notice=notice,
        metrics=metrics,
        clock=clock,
    )
    room_actions = RoomActions(stores.rooms, supervisor)
    janus_hook = JanusHook(
        settings.janus_hook_secret,
        servers,
        supervisor,
        Wanted(settings.listen_to),
        audit=stores.audit,
        metrics=metrics,
        clock=clock,
    )
    return Ingest(
        recent=recent,
        ears=ears,
        provisional=provisional,
        pipeline=pipeline,
        unmatched_languages=unmatched_languages,
        whip=whip,
        supervisor=supervisor,
        room_actions=room_actions,
        action_runner=ActionRunner(stores.actions, room_actions, metrics=metrics, clock=clock),
        janus_hook=janus_hook,
    )


@asynccontextmanager
async def run_ingest(
    ingest: Ingest, stores: Stores, front: ForIngest, common: Common
) -> AsyncIterator[None]:
    """Resume the rooms of the run before, and run. At the end, settle every utterance."""
    await _restore_recent(ingest.recent, stores.rule_hits, common.clock())
    await ingest.ears.resume()
    await ingest.provisional.resume()
    async with asyncio.TaskGroup() as tasks:
        verdicts = tasks.create_task(ingest.pipeline.run(ingest.ears), name="pipeline")
        loops = [
            tasks.create_task(ingest.ears.run(), name="ears"),
            tasks.create_task(ingest.supervisor.run(), name="rooms"),
            tasks.create_task(
                run_again("actions", ingest.action_runner.run, common.metrics), name="actions"
            ),
        ]
        await ingest.supervisor.started.wait()
        try:
            yield
        finally:
            await cancel_all(loops)
            await ingest.ears.finish()
            ingest.pipeline.hurry()
            await front.close_queue()
            await asyncio.wait([verdicts])
            try:
                await ingest.ears.flush()
            except StoreAway:  # the next run reports a longer gap
                log.warning("server.stopped_without_database")


async def _restore_recent(recent: Recent, store: RuleHitStore, now: datetime) -> None:
    """Read back what rules look back at: the last words of each room, and a day of hits."""
    past = await store.past_utterances(
        words_since=now - timedelta(seconds=LONGEST_BEFORE_S),
        hits_since=now - timedelta(seconds=MAX_COOLDOWN_S),
        limit=_MOST_RESTORED,
    )
    restore_recent(recent, past)


def _janus_servers(settings: Settings) -> Mapping[str, JanusServer]:
    try:
        return parse_servers(settings.janus)
    except ValueError as error:
        raise ConfigurationError(f"EARSHOT_JANUS: {error}") from error


def _janus_access(settings: Settings) -> JanusAccess:
    if not re.fullmatch(SPEAKER_ID_PATTERN, settings.janus_speaker_id):
        raise ConfigurationError(
            f"EARSHOT_JANUS_SPEAKER_ID: {settings.janus_speaker_id!r} says no place; use feed, "
            "display, display.FIELD or metadata.FIELD"
        )
    return JanusAccess(
        api_secret=settings.janus_api_secret,
        token=settings.janus_token,
        room_secret=settings.janus_room_secret,
        room_pin=settings.janus_room_pin,
        speaker_id=settings.janus_speaker_id,
    )


def _ear_maker(settings: Settings) -> Callable[[str, str, datetime, datetime | None], Ear]:
    segmenter = SegmenterSettings(silence_ms=settings.silence_ms)
    second = load_silero()  # loaded at start, so that no track waits for it

    def make(room_id: str, speaker_id: str, now: datetime, cut_off_at: datetime | None) -> Ear:
        return Ear(
            room_id,
            speaker_id,
            vad=webrtc_vad(),
            now=now,
            interrupted_at=cut_off_at,
            settings=segmenter,
            interims=InterimSchedule() if settings.provisional else None,
            second=second.listen(),
        )

    return make
