"""Dependencies that all stays in Janus rooms share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.clock import Clock
from service.metrics import Metrics
from service.rooms.connector import RoomListener
from service.rooms.control import ActionRoute
from service.rooms.janus.server import JanusAccess
from service.rooms.notice import Notice
from service.rooms.ports import NoticeStore


@dataclass(frozen=True, slots=True)
class StayDependencies:
    """
    Attributes:
        action_route: Tells whether a webhook sends a room's actions to its room server.
        addresses: Local addresses that media may come to; None: all but loopback.
        announced: Notice that members were given and that is not on record yet, by room id.
    """

    listener: RoomListener
    access: JanusAccess
    notice: Notice
    notices: NoticeStore
    action_route: ActionRoute
    addresses: Sequence[str] | None
    metrics: Metrics
    clock: Clock
    announced: dict[str, str] = field(default_factory=dict)
