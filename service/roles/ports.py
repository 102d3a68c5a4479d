"""Ports between the two roles: the only things a process boundary has to carry.

    front (HTTP, feed, webhooks, policies, the model's queue)
        │  ForIngest: words, policies in force, live levels, action webhooks
        ▼
    ingest (supervisor, connectors, ears, verdicts)
        │  ForFront: rooms, speakers, WHIP sessions, actions and results, Janus events, verdict lag
        ▼
    front

Both roles also share the stores: the front reads commits from the event log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from asr.work_queue import WorkQueue
from policies.matcher import Matcher
from service.alerts.ports import ActionRequests
from service.rooms.control import (
    ActionControl,
    ActionRoute,
    LevelsDisplay,
    LiveSpeakers,
    RoomControl,
    RuleCoverage,
    WhipPublishing,
)
from service.rooms.janus.routes import JanusEvents
from service.verdict.overload import VerdictLag
from service.webhooks.ports import ActionResults


@dataclass(frozen=True, slots=True)
class ForIngest:
    """Ports that the front gives to ingest.

    Attributes:
        matcher: Returns the matcher of the packs in force; called for every transcript.
        close_queue: Ends the recogniser and the queue's results; called after the last `put`.
    """

    queue: WorkQueue
    close_queue: Callable[[], Awaitable[None]]
    matcher: Callable[[], Matcher]
    show_levels: LevelsDisplay
    action_route: ActionRoute


@dataclass(frozen=True, slots=True)
class ForFront:
    """Ports that ingest gives to the front."""

    rooms: RoomControl
    room_actions: ActionControl
    speakers: LiveSpeakers
    rule_coverage: RuleCoverage
    whip: WhipPublishing
    janus: JanusEvents
    action_requests: ActionRequests
    action_results: ActionResults
    verdict_lag: VerdictLag
