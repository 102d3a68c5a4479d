"""Trickled candidates of a WHIP session."""

from __future__ import annotations

import pytest

from service.errors import Problem
from service.rooms.peer.incoming import Candidates
from service.rooms.whip_session import add_candidates
from tests.rooms.fakes import a_speaker
from tests.rooms.house import connecting

pytestmark = pytest.mark.anyio

CANDIDATE = "1 1 udp 2122260223 127.0.0.1 9 typ host"


@pytest.mark.parametrize(
    ("if_match", "ufrag", "lines", "status"),
    [
        (None, None, [CANDIDATE], 428),
        ("*", None, [CANDIDATE], 422),
        ("ETAG", "other", [CANDIDATE], 422),
        ('"stale"', None, [CANDIDATE], 412),
        ("ETAG", "Xf3q", ["rubbish"], 400),
        ("ETAG", "Xf3q", [CANDIDATE] * 101, 400),
    ],
)
async def test_candidates_of_another_session_or_form_are_refused(
    if_match: str | None, ufrag: str | None, lines: list[str], status: int
) -> None:
    async with connecting() as house:
        session = await house.publish(a_speaker())
        given = session.etag if if_match == "ETAG" else if_match
        with pytest.raises(Problem) as problem:
            await add_candidates(session, Candidates(ufrag, lines), given)
        assert problem.value.status == status


async def test_candidates_of_this_session_are_added() -> None:
    async with connecting() as house:
        session = await house.publish(a_speaker())
        await add_candidates(session, Candidates("Xf3q", [CANDIDATE]), session.etag)
        await add_candidates(session, Candidates(None, []), f'"other", {session.etag}')
