"""Where the server is wired: every part is made here and handed what it needs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute
from starlette.datastructures import State

from asr.models import MICRO, MICRO_NOTICE
from asr.work_queue import WorkQueue
from policies.fields import MAX_COOLDOWN_S
from policies.finding import PackInvalid
from policies.load import Loaded
from policies.recent import LONGEST_BEFORE_S, Recent
from service import operations, policy_routes, report_routes, rules_page
from service.access import audit_routes, key_routes
from service.access import routes as access_routes
from service.access.attempts import Attempts
from service.access.first_admin import ensure_admin
from service.access.sealing import make_seal
from service.alerts import action_routes
from service.alerts import routes as alerts_routes
from service.alerts.acting import Acting
from service.alerts.action import ActionRequested
from service.alerts.ports import RuleHitStore
from service.backtesting import Backtesting
from service.body_limit import BodyLimit
from service.clock import utc_now
from service.errors import ConfigurationError, StoreAway
from service.feed import routes as feed_routes
from service.feed import static
from service.feed.broadcaster import Broadcaster
from service.heat import Heat
from service.listening.ear import Ear
from service.listening.looks import Looks
from service.listening.overload import OverloadChanged, OverloadWatch, Pace
from service.listening.segmenter import SegmenterSettings
from service.listening.silero import silero
from service.listening.vad import webrtc_vad
from service.metrics import Metrics
from service.openapi import DescribedApp
from service.pipeline import Pipeline
from service.problems import install_problems
from service.provisional import Provisional
from service.queries import refuse_unknown_query
from service.reading import Reader, recall
from service.rooms import routes as rooms_routes
from service.rooms import whip_routes
from service.rooms.ears import Ears
from service.rooms.janus import routes as janus_routes
from service.rooms.janus.connector import JanusConnector
from service.rooms.janus.hook import JanusHook
from service.rooms.janus.identity import SPEAKER_ID_PATTERN
from service.rooms.janus.server import JanusAccess, JanusServer, parse_servers
from service.rooms.janus.stay import Surroundings
from service.rooms.notice import Notice
from service.rooms.supervisor import Supervisor
from service.rooms.wanted import Wanted
from service.rooms.whip import WhipConnector
from service.rulebook import routes as rulebook_routes
from service.rulebook import trial_routes
from service.rulebook.child_process import ChildProcess
from service.rulebook.folder import PolicyFolder, load_policies
from service.rulebook.live import LivePolicies
from service.rulebook.version import Origin
from service.settings import Settings
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.expiry import expire
from service.storage.hearing import SqlHearing
from service.storage.hooks import SqlHooks
from service.storage.keys import SqlKeys
from service.storage.one_server import for_one_server
from service.storage.policies import SqlPolicies
from service.storage.rooms import SqlRooms, SqlTokens
from service.storage.rule_hits import SqlRuleHits
from service.storage.said import SqlSaid
from service.storage.schema import open_database
from service.storage.sessions import SqlSessions
from service.storage.webhooks import SqlWebhooks
from service.transcribing import recogniser
from service.webhooks import hook_routes, inbound, openapi
from service.webhooks import routes as webhooks_routes
from service.webhooks.address import parse_allowed
from service.webhooks.relay import Relay
from service.webhooks.sender import HttpSender

log = structlog.get_logger()

_PACKED_BYTES, _PACKING = 2048, 5
"""Long lists shrink to a fifth of their size; the feed's events leave unpacked, at once."""

_EXPIRE_EVERY_S = 600.0
_RETRY_S = 1.0
_MOST_RECALLED = 20_000
"""Utterances, and hits, that a restart looks back at in all rooms together; the newest."""
_LIMITS = {
    whip_routes.PREFIX: whip_routes.MAX_SDP_BYTES,
    hook_routes.PATH: inbound.MAX_BYTES,
    report_routes.BACKTEST: report_routes.MAX_BYTES,
    rulebook_routes.PREFIX: rulebook_routes.MAX_BODY,
}


def create_app(settings: Settings) -> FastAPI:
    """The server. Its lifespan opens the database, loads model and policies, and owns every task.

    After start-up `app.state.first_key` is the secret of the admin key made at this start, if one
    was made, and `app.state.notice` says when the model is only for demonstrations.

    Raises (on start-up):
        ConfigurationError: a setting, file or model is unusable.
    """
    app = DescribedApp(
        title="earshot",
        description="Real-time moderation for social audio rooms.",
        version="1",
        lifespan=lambda app: _lifespan(app, settings),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_route_name,
    )
    install_problems(app)
    openapi.describe(app)
    app.add_middleware(BodyLimit, exceptions=_LIMITS)
    app.add_middleware(whip_routes.WhipCors)
    app.add_middleware(GZipMiddleware, minimum_size=_PACKED_BYTES, compresslevel=_PACKING)
    for part in (
        static,
        rules_page,
        operations,
        report_routes,
        policy_routes,
        trial_routes,
        rulebook_routes,
        access_routes,
        key_routes,
        audit_routes,
        rooms_routes,
        whip_routes,
        feed_routes,
        alerts_routes,
        action_routes,
        webhooks_routes,
        hook_routes,
        janus_routes,
    ):
        app.include_router(part.router, dependencies=[Depends(refuse_unknown_query)])
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    files = load_policies(settings.policy_dir, demo=settings.asr_model == MICRO)
    app.state.metrics = Metrics()
    async with for_one_server(settings.database()) as hold:
        app.state.hold = hold
        database = await open_database(settings.database(), may_write=hold.why_not)
        app.state.database = database
        try:
            async with _serving(app, settings, database, files):
                yield
        finally:
            await database.close()


@asynccontextmanager
async def _serving(
    app: FastAPI, settings: Settings, database: Database, files: Sequence[Loaded]
) -> AsyncIterator[None]:
    app.state.recogniser = words = recogniser(settings, app.state.metrics)
    app.state.notice = MICRO_NOTICE if settings.asr_model == MICRO else ""
    app.state.policy_child = ChildProcess("policies")
    app.state.backtest_child = ChildProcess("backtest")
    try:
        await _bring_policies(app.state, settings, database, files)
        _wire(app, settings, database, words.queue)
        app.state.model = await words.start()
        app.state.first_key = await ensure_admin(
            app.state.keys, app.state.audit, settings.admin_key, utc_now()
        )
        async with _running(app, settings, database):
            yield
    finally:
        for child in (app.state.policy_child, app.state.backtest_child):
            await asyncio.to_thread(child.stop)
        await words.close()


async def _bring_policies(
    state: State, settings: Settings, database: Database, files: Sequence[Loaded]
) -> None:
    state.policy_store = SqlPolicies(database)
    state.policies = live = LivePolicies(
        state.policy_store,
        state.policy_child,
        corpus=settings.corpus_dir,
        metrics=state.metrics,
        clock=utc_now,
    )
    folder = settings.policy_dir
    try:
        await live.follow(files, Origin.SHIPPED if folder is None else Origin.FILE)
    except PackInvalid as error:
        raise ConfigurationError(
            "EARSHOT_POLICY_DIR: the policies cannot be used beside those that were sent to "
            f"`PUT /v1/policies`:\n{error}"
        ) from error
    state.policy_folder = (
        None if folder is None else PolicyFolder(folder, files, live, metrics=state.metrics)
    )


def _wire(app: FastAPI, settings: Settings, database: Database, queue: WorkQueue) -> None:
    state, metrics = app.state, app.state.metrics
    state.clock = utc_now
    state.kept = rules_page.Kept(settings.talk_hours, settings.alert_days)
    state.keys = SqlKeys(database)
    state.audit = SqlAudit(database)
    state.sessions = SqlSessions(database)
    state.attempts = Attempts()
    state.rooms = SqlRooms(database)
    state.tokens = SqlTokens(database)
    state.hearing = SqlHearing(database)
    state.alerts = SqlAlerts(database)
    state.rule_hits = SqlRuleHits(database)
    state.backtesting = Backtesting(SqlSaid(database), state.backtest_child)
    state.events = SqlEventLog(database)
    state.broadcaster = Broadcaster(state.events, dropped=metrics.feed_dropped.inc)
    state.console = static.ConsoleFiles()
    state.recent, heat = Recent(), Heat()
    reader = Reader(state.policies.matcher, state.recent)
    state.provisional = Provisional(
        queue=queue,
        reader=reader,
        alerts=state.alerts,
        heat=heat,
        look_again=lambda listener: state.ears.look_again(listener),
        metrics=metrics,
        clock=utc_now,
    )
    state.pipeline = Pipeline(
        queue=queue,
        reader=reader,
        provisional=state.provisional,
        heat=heat,
        alerts=state.alerts,
        metrics=metrics,
        clock=utc_now,
    )
    state.ears = Ears(
        make_ear=_ear_maker(settings),
        on_utterance=state.pipeline.heard,
        on_glimpse=state.provisional.look,
        show_levels=lambda levels: state.broadcaster.show(levels, utc_now()),
        rooms=state.rooms,
        hearing=state.hearing,
        metrics=metrics,
        clock=utc_now,
    )
    state.seal = make_seal(settings.secret, settings.data_dir)
    state.actions = SqlActions(database)
    _wire_rooms(state, settings)
    state.acting = Acting(state.actions, state.supervisor, metrics=metrics, clock=utc_now)
    state.overload = OverloadWatch(
        state.pipeline.lag, state.events.add, measure=metrics.behind.set, clock=utc_now
    )
    _wire_webhooks(state, settings, database)
    metrics.tasks.set_function(lambda: len(asyncio.all_tasks()))


def _wire_rooms(state: State, settings: Settings) -> None:
    def told(room_id: str) -> bool:
        relay: Relay = state.relay
        return relay.tells(ActionRequested.type, room_id)

    state.whip = WhipConnector(
        state.ears,
        state.tokens,
        addresses=settings.local_addresses(),
        told=told,
        metrics=state.metrics,
    )
    servers = _janus_servers(settings)
    notice = Notice(settings.rules_url(), spoken=settings.notice)
    state.janus = JanusConnector(
        servers,
        Surroundings(
            listener=state.ears,
            access=_janus_access(settings),
            notice=notice,
            notices=state.rooms,
            told=told,
            addresses=settings.ice_addresses or None,
            metrics=state.metrics,
            clock=utc_now,
        ),
    )
    state.supervisor = Supervisor(
        state.rooms,
        state.actions,
        [state.whip, state.janus],
        state.ears,
        seal=state.seal,
        notice=notice,
        metrics=state.metrics,
        clock=utc_now,
    )
    state.janus_hook = JanusHook(
        settings.janus_hook_secret,
        servers,
        state.supervisor,
        Wanted(settings.listen_to),
        audit=state.audit,
        metrics=state.metrics,
        clock=utc_now,
    )
    state.metrics.peers.set_function(lambda: state.whip.peers() + state.janus.peers())


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


def _wire_webhooks(state: State, settings: Settings, database: Database) -> None:
    try:
        allowed = parse_allowed(settings.webhook_allow)
    except ValueError as error:
        raise ConfigurationError(f"EARSHOT_WEBHOOK_ALLOW: {error}") from error
    state.webhooks = SqlWebhooks(database)
    state.webhook_sender = HttpSender(allowed)
    state.hook_store = SqlHooks(database)
    state.hooks = inbound.Hooks(
        state.hook_store,
        state.seal,
        state.supervisor,
        state.ears,
        packs=lambda: state.policies.packs,
        wanted=Wanted(settings.listen_to),
        audit=state.audit,
        metrics=state.metrics,
        clock=utc_now,
    )
    state.relay = Relay(
        state.webhooks,
        state.broadcaster,
        state.webhook_sender,
        state.seal,
        metrics=state.metrics,
        clock=utc_now,
    )


@asynccontextmanager
async def _running(app: FastAPI, settings: Settings, database: Database) -> AsyncIterator[None]:
    """Listen again to the rooms of the run before; at the end nothing heard is lost in silence."""
    state = app.state
    await _resume_policies(state)
    await state.ears.resume()
    await state.provisional.resume()
    await _resume_overload(state)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(state.pipeline.run(state.ears), name="pipeline")
        loops = [
            tasks.create_task(loop, name=name)
            for name, loop in (
                ("ears", state.ears.run()),
                ("rooms", state.supervisor.run()),
                ("actions", _again(app, "actions", state.acting.run)),
                ("feed", _again(app, "feed", state.broadcaster.run)),
                ("overload", _again(app, "overload", state.overload.run)),
                ("webhooks", _again(app, "webhooks", state.relay.run)),
                ("policies", _again(app, "policies", lambda: _watching(state))),
                ("expiry", _again(app, "expiry", lambda: _expiring(state, database, settings))),
            )
        ]
        await state.supervisor.started.wait()
        try:
            yield
        finally:
            state.broadcaster.close()
            for loop in loops:
                loop.cancel()
            await asyncio.wait(loops)
            await state.webhook_sender.close()
            await state.ears.finish()
            state.pipeline.hurry()
            await state.recogniser.close()
            await asyncio.wait([reading])
            try:
                await state.ears.flush()
            except StoreAway:  # the next run tells of a longer gap
                log.warning("server.stopped_without_database")


async def _resume_policies(state: State) -> None:
    """What rules look back at: the last words of each room, and a day of what was hit."""
    store: RuleHitStore = state.rule_hits
    now = utc_now()
    said = await store.said_before(
        words_since=now - timedelta(seconds=LONGEST_BEFORE_S),
        hits_since=now - timedelta(seconds=MAX_COOLDOWN_S),
        limit=_MOST_RECALLED,
    )
    recall(state.recent, said)


async def _resume_overload(state: State) -> None:
    """Whoever was told that we are behind is told once we are not, by whichever run."""
    last = await state.events.last(OverloadChanged.type)
    if last is not None:
        state.overload.resume(Pace(last.data["state"]), last.data.get("measure", "none"))


async def _again(app: FastAPI, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Keep a loop running: a failure (a database that is away) is logged, counted and outlived."""
    while True:
        try:
            await run()
        except StoreAway:
            app.state.metrics.failures.labels(name).inc()
            log.warning("loop.store_away", loop=name)
        except Exception:
            app.state.metrics.failures.labels(name).inc()
            log.exception("loop.failed", loop=name)
        await asyncio.sleep(_RETRY_S)


async def _watching(state: State) -> None:
    """The shipped packs change with the release alone."""
    folder: PolicyFolder | None = state.policy_folder
    await (asyncio.Event().wait() if folder is None else folder.run())


async def _expiring(state: State, database: Database, settings: Settings) -> None:
    while True:
        await state.webhooks.expire(utc_now() - timedelta(days=settings.alert_days))
        await state.hook_store.forget(utc_now() - inbound.REMEMBERED_FOR)
        gone = await expire(
            database, utc_now(), talk_hours=settings.talk_hours, alert_days=settings.alert_days
        )
        log.info("words.expired", talk=gone.talk, alerts=gone.alerts, events=gone.events)
        await asyncio.sleep(_EXPIRE_EVERY_S)


def _ear_maker(settings: Settings) -> Callable[[str, str, datetime, datetime | None], Ear]:
    segmenter = SegmenterSettings(silence_ms=settings.silence_ms)
    second = silero()  # loaded now, while nobody waits

    def make(room_id: str, speaker_id: str, now: datetime, cut_off_at: datetime | None) -> Ear:
        return Ear(
            room_id,
            speaker_id,
            vad=webrtc_vad(),
            now=now,
            interrupted_at=cut_off_at,
            settings=segmenter,
            looks=Looks() if settings.provisional else None,
            second=second.listen(),
        )

    return make


def _route_name(route: APIRoute) -> str:
    return route.name
