"""One event of each type; a test compares this list with `EVENT_TYPES`."""

from __future__ import annotations

from dataclasses import replace

from service.alerts.action import ActionDone, ActionFailed, ActionRequested, ActionState
from service.alerts.alert import (
    AlertEscalated,
    AlertRaised,
    AlertResolved,
    AlertRetracted,
    AlertState,
    AlertUpdated,
    Outcome,
)
from service.feed.event import Event, Transient
from service.rooms.room import (
    RoomJoined,
    RoomLeft,
    RoomState,
    RoomStateChanged,
    SpeakerJoined,
    SpeakerLeft,
    SpeakerLevels,
    SpeakerMuted,
    SpeakerUnmuted,
)
from service.rulebook.version import ChangeKind, Origin, PoliciesChanged
from service.verdict.overload import OverloadChanged, Pace
from tests.storage.examples import (
    NOW,
    SECOND,
    a_gap,
    a_room,
    a_speaker,
    a_transcript,
    an_action,
    an_alert,
)

STORED: tuple[Event, ...] = (
    RoomJoined(a_room()),
    RoomStateChanged(replace(a_room(), state=RoomState.LOST, reason="no packets for 10 s")),
    RoomLeft(replace(a_room(), state=RoomState.ENDED, reason="deleted")),
    SpeakerJoined(a_speaker()),
    SpeakerLeft(a_speaker(), "hung up"),
    SpeakerMuted(replace(a_speaker(), muted=True)),
    SpeakerUnmuted(a_speaker()),
    a_transcript(),
    a_gap(),
    AlertRaised(an_alert()),
    AlertUpdated(replace(an_alert(), repeats=2, owner="Mo", state=AlertState.ACKNOWLEDGED)),
    AlertEscalated(
        replace(an_alert(), escalated_at=NOW + SECOND, escalated_to="night shift"),
        "the host does not answer",
    ),
    AlertResolved(
        replace(an_alert(), state=AlertState.RESOLVED, owner="Mo", outcome=Outcome.UPHELD),
        Outcome.UPHELD,
        "as heard",
    ),
    AlertRetracted(replace(an_alert(), state=AlertState.RETRACTED)),
    ActionRequested(an_action()),
    ActionDone(
        replace(
            an_action(),
            state=ActionState.DONE,
            finished_at=NOW + SECOND,
            detail="the speaker's microphone is off",
            delivered_at=NOW + SECOND,
            confirmed_by="rooms.example",
        )
    ),
    ActionFailed(
        replace(
            an_action(),
            state=ActionState.FAILED,
            finished_at=NOW + 30 * SECOND,
            detail="no receiver confirmed it in 30 s; delivered at 12:00:01 UTC",
            delivered_at=NOW + SECOND,
        )
    ),
    OverloadChanged(Pace.BEHIND, 4.2, 17, "coalesce"),
    PoliciesChanged("scams-fraud", "1.2.0", 12, Origin.API, "Mo", ChangeKind.CHANGED),
)
LEVELS: Transient = SpeakerLevels("lobby", {"ann": -23.5, "bob": -90.0}, ("ann",))
