"""Part an utterance's matches into new alerts and repeats. Pure: history and time are arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.handling import Handling, handling_of
from policies.match import Match
from service.alerts.alert import Alert, AlertMatch, AlertState
from service.alerts.ports import Hit
from service.listening.events import TranscriptHeard


@dataclass(frozen=True, slots=True)
class Triage:
    """
    Attributes:
        fresh: Matches for a new alert.
        repeated: Ids of earlier alerts whose rules were hit again within their cool-down.
    """

    fresh: Sequence[Match]
    repeated: Sequence[str]


def triage(matches: Sequence[Match], history: Sequence[Hit], now: datetime) -> Triage:
    """Part the matches into new ones and repeats of an earlier alert within its cool-down.

    Two kinds are new within the cool-down, too: a hit whose severity repetition has just raised,
    and an alarm after alerts that were for review only.

    Args:
        matches: Matches in any order.
        history: Hits of the same speaker and room, latest first.
    """
    fresh: list[Match] = []
    repeated: list[str] = []
    for match in sorted(matches, key=_gravest_first):
        since = now - timedelta(seconds=match.cooldown_s)
        earlier = next(
            (
                hit
                for hit in history
                if (hit.pack, hit.rule_id) == (match.pack, match.rule_id)
                and hit.raised_at > since
                and (match.review or not hit.review)
            ),
            None,
        )
        if earlier is None or match.reached:
            fresh.append(match)
        elif earlier.alert_id not in repeated:
            repeated.append(earlier.alert_id)
    return Triage(fresh, repeated)


def longest_cooldown(matches: Sequence[Match]) -> timedelta:
    """Return how far back triage of these matches needs the speaker's history."""
    return timedelta(seconds=max((match.cooldown_s for match in matches), default=0.0))


def alert_id(utterance_id: str) -> str:
    """Return the id of the one alert that an utterance may have."""
    return f"al_{utterance_id}"


def raise_alert(
    heard: TranscriptHeard, excerpt: str, matches: Sequence[Match], now: datetime
) -> Alert:
    """Return an utterance's alert; severity, category and handling are of the gravest match.

    Of two equally grave ones, that of somebody who may need help comes first: nobody is treated as
    an offender for words of despair.

    Args:
        excerpt: Text that the matches' spans point into.
        matches: At least one match.
    """
    ordered = sorted(matches, key=_gravest_first)
    gravest = ordered[0]
    return Alert(
        id=alert_id(heard.utterance_id),
        room_id=heard.room_id,
        speaker_id=heard.speaker_id,
        speaker_name=heard.speaker_name,
        utterance_id=heard.utterance_id,
        severity=gravest.severity,
        category=gravest.category,
        state=AlertState.OPEN,
        provisional=heard.provisional,
        repeats=0,
        raised_at=now,
        speech_started_at=heard.started_at,
        speech_ended_at=heard.ended_at,
        excerpt=excerpt,
        matches=tuple(map(AlertMatch.from_match, ordered)),
        handling=handling_of(gravest.category, gravest.subcategory),
    )


def _gravest_first(match: Match) -> tuple[int, bool, str, str]:
    offence = handling_of(match.category, match.subcategory) is Handling.OFFENCE
    return -match.severity.rank, offence, match.pack, match.rule_id
