"""WHIP session of one speaker (RFC 9725)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from service.errors import Problem
from service.rooms.peer.contract import CannotAnswer
from service.rooms.peer.incoming import BadCandidate, Candidates, Peer
from service.rooms.room import Speaker


@dataclass(slots=True)
class WhipSession:
    """A speaker's WHIP session.

    Attributes:
        heard_s: Arrival of the last packet, or begin of the session, in monotonic seconds.
        token: Digest of the publish token that the session began with.
        joined: Set once the room's listener was told that the speaker joined, or that failed.
    """

    id: str
    speaker: Speaker
    peer: Peer
    heard_s: float
    token: str = ""
    joined: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def etag(self) -> str:
        """ETag of the ICE session, which never restarts here."""
        return f'"{self.peer.ufrag}"'


async def add_candidates(
    session: WhipSession, candidates: Candidates, if_match: str | None
) -> None:
    """Add trickled candidates.

    Raises:
        Problem: 428 without an If-Match header, 412 for another ICE session, 422 for an ICE
            restart, 400 for a line that is no candidate, 500 where no candidate can be read.
    """
    if if_match is None:
        raise Problem(428, "If-Match missing", "send the ETag of the 201 response in If-Match")
    if if_match == "*" or session.peer.restarts(candidates):
        raise Problem(422, "No ICE restart", "ICE restarts are not supported: DELETE and POST anew")
    if session.etag not in [tag.strip() for tag in if_match.split(",")]:
        raise Problem(412, "Stale ETag", "If-Match is not the ETag of this ICE session")
    try:
        await session.peer.add_candidates(candidates)
    except BadCandidate as error:
        raise Problem(400, "Bad candidate", str(error)) from error
    except CannotAnswer as error:
        error.log(session=session.id)
        raise Problem(500, "Cannot answer", str(error)) from error
