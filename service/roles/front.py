"""The front role: HTTP, feed, webhooks, policies, expiry and the model's queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from asr.models import MICRO, MICRO_NOTICE
from policies.finding import PackInvalid
from policies.load import Loaded
from service.access.answers import Answers
from service.access.attempts import Attempts
from service.access.ports import AuditStore, KeyStore, SessionStore
from service.access.sealing import Seal
from service.alerts.helplines import Helpline, load_helplines
from service.alerts.ports import ActionRequests, ActionStore, AlertStore
from service.clock import Clock
from service.errors import ConfigurationError
from service.feed.broadcaster import Broadcaster
from service.feed.static import ConsoleFiles
from service.listening.ports import HearingStore
from service.metrics import Metrics
from service.roles.common import Common
from service.roles.ports import ForFront, ForIngest
from service.roles.stores import Stores
from service.roles.transcription import OwnModel, Workers
from service.rooms.control import (
    ActionControl,
    LiveSpeakers,
    RoomControl,
    RuleCoverage,
    WhipPublishing,
)
from service.rooms.janus.routes import JanusEvents
from service.rooms.opening_policy import Wanted
from service.rooms.ports import RoomStore, TokenStore
from service.rulebook.backtesting import Backtesting
from service.rulebook.folder import PolicyFolder
from service.rulebook.live import LivePolicies
from service.rulebook.ports import PolicyStore, PolicyWorker, RuleHitStore
from service.rulebook.rules_page import Kept
from service.rulebook.version import Origin
from service.settings import Settings
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.verdict.overload import OverloadWatch, VerdictLag
from service.webhooks.address import parse_allowed
from service.webhooks.inbound import Hooks, HookStore
from service.webhooks.ports import ActionResults, WebhookStore
from service.webhooks.relay import Relay
from service.webhooks.sender import HttpSender


@dataclass(frozen=True, slots=True)
class PolicyWorkers:
    """Workers for policies: a change of a pack never waits for a back-test."""

    checks: PolicyWorker
    backtests: PolicyWorker


@dataclass(frozen=True, slots=True)
class Services:
    """Parts of the front that ingest needs; none of them needs ingest.

    Attributes:
        policy_folder: Folder that is followed; None for the shipped packs, which never change.
    """

    recogniser: OwnModel | Workers
    policies: LivePolicies
    policy_folder: PolicyFolder | None
    backtesting: Backtesting
    broadcaster: Broadcaster
    webhook_sender: HttpSender
    relay: Relay

    def for_ingest(self) -> ForIngest:
        return ForIngest(
            queue=self.recogniser.queue,
            close_queue=self.recogniser.close,
            matcher=self.policies.matcher,
            show_levels=self.broadcaster.send_live,
            action_route=self.relay.delivers_actions,
        )


@dataclass(frozen=True, slots=True)
class Front:
    """Parts of the front role; the routers read them by their names.

    Attributes:
        notice: Notice to people about the model in use; empty for none.
        kept: Retention of words.
        helplines: Helplines that the operator names.
        action_timeout: Time in which a room server confirms an action.
        token_attempts: Rate limit on unknown publish tokens. It is apart from that of keys: a
            listener whose token has expired must not keep a moderator at the same address out.
        public_url: EARSHOT_PUBLIC_URL; empty if it is not set.
    """

    clock: Clock
    metrics: Metrics
    database: Database
    notice: str
    kept: Kept
    action_timeout: timedelta
    seal: Seal
    attempts: Attempts
    helplines: Sequence[Helpline]
    token_attempts: Attempts
    public_url: str
    answers: Answers
    console: ConsoleFiles
    # Stores
    keys: KeyStore
    sessions: SessionStore
    audit: AuditStore
    room_store: RoomStore
    tokens: TokenStore
    hearing: HearingStore
    alerts: AlertStore
    actions: ActionStore
    rule_hits: RuleHitStore
    policy_store: PolicyStore
    webhooks: WebhookStore
    hook_store: HookStore
    events: SqlEventLog
    # Services
    recogniser: OwnModel | Workers
    policies: LivePolicies
    policy_folder: PolicyFolder | None
    backtesting: Backtesting
    broadcaster: Broadcaster
    webhook_sender: HttpSender
    relay: Relay
    hooks: Hooks
    overload: OverloadWatch
    # Ports to ingest
    rooms: RoomControl
    room_actions: ActionControl
    speakers: LiveSpeakers
    rule_coverage: RuleCoverage
    whip: WhipPublishing
    janus: JanusEvents
    action_requests: ActionRequests
    action_results: ActionResults
    verdict_lag: VerdictLag


async def build_services(
    settings: Settings,
    stores: Stores,
    recogniser: OwnModel | Workers,
    files: Sequence[Loaded],
    workers: PolicyWorkers,
    common: Common,
    *,
    most_feeds: int,
) -> Services:
    """Bring the policies into force and wire what ingest is given; nothing runs yet.

    Raises:
        ConfigurationError: A setting or the policies are unusable.
    """
    metrics, clock = common.metrics, common.clock
    policies = LivePolicies(
        stores.policies,
        workers.checks,
        corpus=settings.corpus_dir,
        metrics=metrics,
        clock=clock,
    )
    folder = settings.policy_dir
    await _follow(policies, files, Origin.SHIPPED if folder is None else Origin.FILE)
    try:
        allowed = parse_allowed(settings.webhook_allow)
    except ValueError as error:
        raise ConfigurationError(f"EARSHOT_WEBHOOK_ALLOW: {error}") from error
    broadcaster = Broadcaster(
        stores.events, dropped=metrics.feed_dropped.inc, most_subscriptions=most_feeds
    )
    sender = HttpSender(allowed)
    return Services(
        recogniser=recogniser,
        policies=policies,
        policy_folder=(
            None if folder is None else PolicyFolder(folder, files, policies, metrics=metrics)
        ),
        backtesting=Backtesting(stores.said, workers.backtests),
        broadcaster=broadcaster,
        webhook_sender=sender,
        relay=Relay(
            stores.webhooks, broadcaster, sender, common.seal, metrics=metrics, clock=clock
        ),
    )


async def _follow(policies: LivePolicies, files: Sequence[Loaded], origin: Origin) -> None:
    try:
        await policies.follow(files, origin)
    except PackInvalid as error:
        raise ConfigurationError(
            "EARSHOT_POLICY_DIR: the policies cannot be used beside those that were sent to "
            f"`PUT /v1/policies`:\n{error}"
        ) from error


def build_front(
    settings: Settings,
    database: Database,
    stores: Stores,
    services: Services,
    ingest: ForFront,
    common: Common,
) -> Front:
    """Wire the parts; nothing runs yet."""
    metrics, clock = common.metrics, common.clock
    return Front(
        clock=clock,
        metrics=metrics,
        database=database,
        notice=MICRO_NOTICE if settings.asr_model == MICRO else "",
        kept=Kept(settings.talk_hours, settings.alert_days),
        action_timeout=timedelta(seconds=settings.action_timeout_s),
        seal=common.seal,
        attempts=Attempts(),
        helplines=load_helplines(settings.helplines),
        token_attempts=Attempts(),
        public_url=settings.public_url or "",
        answers=Answers(stores.answers, common.seal, clock),
        console=ConsoleFiles(),
        keys=stores.keys,
        sessions=stores.sessions,
        audit=stores.audit,
        room_store=stores.rooms,
        tokens=stores.tokens,
        hearing=stores.hearing,
        alerts=stores.alerts,
        actions=stores.actions,
        rule_hits=stores.rule_hits,
        policy_store=stores.policies,
        webhooks=stores.webhooks,
        hook_store=stores.hooks,
        events=stores.events,
        recogniser=services.recogniser,
        policies=services.policies,
        policy_folder=services.policy_folder,
        backtesting=services.backtesting,
        broadcaster=services.broadcaster,
        webhook_sender=services.webhook_sender,
        relay=services.relay,
        hooks=Hooks(
            stores.hooks,
            common.seal,
            ingest.rooms,
            ingest.speakers,
            policies=services.policies,
            wanted=Wanted(settings.listen_to),
            audit=stores.audit,
            metrics=metrics,
            clock=clock,
        ),
        overload=OverloadWatch(
            ingest.verdict_lag.lag, stores.events.add, measure=metrics.behind.set, clock=clock
        ),
        rooms=ingest.rooms,
        room_actions=ingest.room_actions,
        speakers=ingest.speakers,
        rule_coverage=ingest.rule_coverage,
        whip=ingest.whip,
        janus=ingest.janus,
        action_requests=ingest.action_requests,
        action_results=ingest.action_results,
        verdict_lag=ingest.verdict_lag,
    )
