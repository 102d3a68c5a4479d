"""WHIP endpoint (RFC 9725), open to browsers of any origin: the bearer token guards it."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Header, Path, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.attempts import Attempts
from service.access.authenticate import refuse_in_address
from service.access.keys import digest_of
from service.clock import Clock
from service.errors import Problem
from service.provider import Provider
from service.rooms.control import RoomControl, WhipPublishing
from service.rooms.ports import TokenStore
from service.rooms.room import RoomState, Speaker
from service.rooms.routes import RoomId

PREFIX = "/whip/"
MAX_SDP_BYTES = 64 * 1024

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="PublishToken",
    description="A token of `POST /v1/rooms/{room_id}/publish-tokens`.",
)
"""Shows the lock in OpenAPI; this module checks the token itself."""

router = APIRouter(tags=["whip"])


class WhipParts(Protocol):
    @property
    def rooms(self) -> RoomControl: ...
    @property
    def tokens(self) -> TokenStore: ...
    @property
    def whip(self) -> WhipPublishing: ...
    @property
    def token_attempts(self) -> Attempts: ...
    @property
    def clock(self) -> Clock: ...


WHIP = Provider[WhipParts]()
Parts = Annotated[WhipParts, Depends(WHIP)]


class WhipCors:
    """Cross-origin headers on all responses of the WHIP paths, and on no others."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["POST", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=["location", "etag", "link"],
            max_age=7200,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whip = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (self._open if whip else self._plain)(scope, receive, send)


SessionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


async def _speaker(
    request: Request,
    parts: Parts,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Speaker:
    """Return the speaker whom the publish token admits."""
    return await _check_token(request, parts)


async def _own_speaker(
    request: Request,
    parts: Parts,
    room_id: RoomId,
    session_id: SessionId,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Speaker:
    """Return the speaker of a session.

    The token that began the session admits to it until it ends: a publisher whose token has
    expired meanwhile can still leave.
    """
    maker = parts.whip.publisher(room_id, session_id, _digest_in(request))
    return maker if maker is not None else await _check_token(request, parts)


def _digest_in(request: Request) -> str:
    """Return the digest of the request's publish token. Raises: Problem 401 without a token."""
    refuse_in_address(request.query_params.keys())
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _no_token("send the publish token in the header `Authorization: Bearer TOKEN`")
    return digest_of(token.strip())


async def _check_token(request: Request, parts: WhipParts) -> Speaker:
    """Return the speaker whom the token admits.

    A valid token is admitted whatever others at its address have guessed.

    Raises:
        Problem: 401; 429 after too many unknown tokens from the address.
    """
    digest, now = _digest_in(request), parts.clock()
    speaker = await parts.tokens.find_token(digest, now)
    if speaker is not None:
        return speaker
    address = request.client.host if request.client else ""
    wait_s = math.ceil(parts.token_attempts.wait_s(address, digest, now))
    if wait_s > 0:
        raise Problem(
            429,
            "Too many unknown tokens",
            "too many unknown or expired publish tokens came from your address; get a token from"
            f" the room server, or try again in {wait_s} s",
            headers={"Retry-After": str(wait_s)},
        )
    parts.token_attempts.failed(address, now)
    raise _no_token(
        "this publish token is unknown, revoked or has expired; ask the room server for another"
    )


Publishing = Annotated[Speaker, Depends(_speaker)]
OwnSession = Annotated[Speaker, Depends(_own_speaker)]


@router.options(PREFIX + "{room_id}", status_code=204, summary="Show what the endpoint accepts")
async def show_whip_options(room_id: RoomId) -> Response:
    return Response(status_code=204, headers={"Accept-Post": SDP})


@router.post(
    PREFIX + "{room_id}",
    status_code=201,
    summary="Publish a track into a room",
    response_class=Response,
    responses={201: {"content": {SDP: {}}, "description": "The SDP answer"}},
    openapi_extra={"requestBody": {"content": {SDP: {"schema": {"type": "string"}}}}},
)
async def publish_track(
    room_id: RoomId, request: Request, parts: Parts, speaker: Publishing
) -> Response:
    """Send the SDP offer of one sendonly audio track; 201 has the answer, `Location`, `ETag`."""
    room = await parts.rooms.find(room_id)
    if room.connector.get("kind") != parts.whip.kind:
        raise Problem(
            409, "Room of another kind", f"room {room_id!r} is not published into by WHIP"
        )
    if room.state is RoomState.ENDED:
        raise Problem(404, "No such room", f"room {room_id!r} has ended")
    _check_room(speaker, room_id)
    offer = await _read_text(request, SDP)
    await _check_token(request, parts)  # it may have been revoked while the body came slowly
    session = await parts.whip.publish(speaker, offer, _digest_in(request))
    try:
        await _check_token(request, parts)
    except BaseException:
        with suppress(Problem):  # it has ended already
            await parts.whip.end_session(speaker, session.id)
        raise
    headers = {"Location": f"{PREFIX}{room_id}/{session.id}", "ETag": session.etag}
    return Response(session.sdp, 201, media_type=SDP, headers=headers)


@router.patch(
    PREFIX + "{room_id}/{session_id}",
    status_code=204,
    summary="Add ICE candidates",
    openapi_extra={"requestBody": {"content": {FRAGMENT: {"schema": {"type": "string"}}}}},
)
async def add_candidates(
    room_id: RoomId,
    session_id: SessionId,
    request: Request,
    parts: Parts,
    speaker: OwnSession,
    if_match: Annotated[str | None, Header()] = None,
) -> None:
    _check_room(speaker, room_id)
    fragment = await _read_text(request, FRAGMENT)
    await parts.whip.trickle(speaker, session_id, fragment, if_match)


@router.delete(
    PREFIX + "{room_id}/{session_id}",
    status_code=200,
    summary="Stop publishing",
    response_class=Response,
)
async def stop_publishing(
    room_id: RoomId, session_id: SessionId, parts: Parts, speaker: OwnSession
) -> Response:
    _check_room(speaker, room_id)
    await parts.whip.end_session(speaker, session_id)
    return Response(status_code=200)


def _check_room(speaker: Speaker, room_id: str) -> None:
    if speaker.room_id != room_id:
        raise Problem(403, "Another room", f"the token does not admit to room {room_id!r}")


async def _read_text(request: Request, media_type: str) -> str:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise Problem(
            415, "Wrong content type", f"send `Content-Type: {media_type}`, not {given[:60]!r}"
        )
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "Bad SDP", "the body is not UTF-8 text") from error


def _no_token(detail: str) -> Problem:
    return Problem(401, "Publish token required", detail, headers={"WWW-Authenticate": "Bearer"})
