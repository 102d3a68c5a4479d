"""Change a pack over HTTP, list its versions, roll back: `/v1/policies/{pack}`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from policies.load import MAX_BYTES
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute
from service.access.keys import Role
from service.errors import Problem
from service.provider import Provider
from service.rulebook.live import Change, LivePolicies
from service.rulebook.policy_views import ShownPack, ShownVersion, shown_pack, shown_version
from service.rulebook.ports import PolicyStore
from service.rulebook.refusals import NoSuchPack, NoSuchVersion
from service.rulebook.version import Author, LivePack, Origin

router = APIRouter(tags=["policies"], route_class=IdempotentRoute)


class RulebookParts(Protocol):
    @property
    def policies(self) -> LivePolicies: ...
    @property
    def policy_store(self) -> PolicyStore: ...


RULEBOOK = Provider[RulebookParts]()
Parts = Annotated[RulebookParts, Depends(RULEBOOK)]

PREFIX = "/v1/policies"
MAX_BODY = MAX_BYTES
YAML = ("application/yaml", "text/yaml", "application/x-yaml")
_PACK = {"type": "object", "description": "A policy pack, as docs/policies.md shows it."}
YAML_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": _PACK} for kind in YAML},
    }
}

Manages = Annotated[Caller, Depends(allow(Role.ADMIN))]
PackName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$", max_length=64)]
VersionId = Annotated[int, Path(ge=1, le=2**53)]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="ETag of the version that you changed; 412 if another is in force.",
    ),
]


class RollBack(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version_id: int = Field(ge=1, le=2**53, description="Id of one of the pack's versions.")


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    Attributes:
        version_id: Id of the record that is in force now.
        changed: False if this text was in force already.
        warnings: Checks that could not be made.
    """

    pack: ShownPack
    version_id: int
    changed: bool
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Versions:
    items: Sequence[ShownVersion]
    next_cursor: str | None


@router.put(PREFIX + "/{pack}", summary="Bring a pack into force", openapi_extra=YAML_BODY)
async def put_pack(
    pack: PackName,
    request: Request,
    response: Response,
    parts: Parts,
    caller: Manages,
    if_match: IfMatch = None,
) -> Accepted:
    """The body is the pack as YAML, up to 1 MB; its `pack` must be the one in the path.

    It is in force from the next utterance on, or refused whole with every error in `errors` (422).
    A text that is in force already changes nothing.
    """
    content = await yaml_body(request)
    change = await parts.policies.put(pack, content, _by(caller), _ids(if_match))
    return _accepted(change, response)


@router.get(
    PREFIX + "/{pack}",
    summary="Show the text of a pack in force",
    response_class=Response,
    responses={200: {"content": {YAML[0]: {"schema": _PACK}}}},
)
async def show_pack(pack: PackName, parts: Parts, _: Manages) -> Response:
    """The answer is YAML. Send its `ETag` in `If-Match` with a change."""
    live = _live(parts.policies, pack)
    headers = {"ETag": _etag(live), "Cache-Control": "no-store"}
    return Response(live.record.source, media_type=YAML[0], headers=headers)


@router.get(PREFIX + "/{pack}/versions", summary="List the versions of a pack, newest first")
async def list_pack_versions(
    pack: PackName,
    parts: Parts,
    _: Manages,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Versions:
    """All texts that were ever in force, from files and over HTTP; none is ever deleted."""
    page, next_cursor = await parts.policy_store.page(pack, limit=limit, cursor=cursor)
    if not page and cursor is None:
        raise NoSuchPack(pack)
    live = parts.policies.snapshot.find_pack(pack)
    return Versions([shown_version(each, live) for each in page], next_cursor)


@router.get(
    PREFIX + "/{pack}/versions/{version_id}",
    summary="Show the text of a version",
    response_class=Response,
    responses={200: {"content": {YAML[0]: {"schema": _PACK}}}},
)
async def show_pack_version(
    pack: PackName, version_id: VersionId, parts: Parts, _: Manages
) -> Response:
    version = await parts.policy_store.find_version(pack, version_id)
    if version is None or version.origin is Origin.REMOVED:
        raise NoSuchVersion(pack, version_id)
    return Response(version.source, media_type=YAML[0], headers={"Cache-Control": "no-store"})


@router.post(PREFIX + "/{pack}/roll-back", summary="Bring an earlier version back into force")
async def roll_back_pack(
    pack: PackName,
    body: RollBack,
    parts: Parts,
    response: Response,
    caller: Manages,
    if_match: IfMatch = None,
) -> Accepted:
    """The text is checked like a new one and becomes a new version."""
    change = await parts.policies.roll_back(pack, body.version_id, _by(caller), _ids(if_match))
    return _accepted(change, response)


async def yaml_body(request: Request) -> bytes:
    """Return the body. Raises: Problem, 415 if it is not sent as YAML."""
    sent_as = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent_as not in YAML:
        detail = f"the pack is not sent as YAML; send `Content-Type: {YAML[0]}`"
        raise Problem(415, "Wrong content type", detail)
    return await request.body()


def _accepted(change: Change, response: Response) -> Accepted:
    response.headers["ETag"] = _etag(change.live)
    id_ = change.live.record.id
    return Accepted(shown_pack(change.live), id_, change.changed, change.warnings)


def _live(policies: LivePolicies, pack: str) -> LivePack:
    live = policies.snapshot.find_pack(pack)
    if live is None:
        raise NoSuchPack(pack)
    return live


def _etag(live: LivePack) -> str:
    return f'"{live.record.id}"'


def _ids(if_match: str | None) -> Sequence[str] | None:
    """Return the record ids in an `If-Match` header, `*` among them; None without the header."""
    if if_match is None:
        return None
    return [tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")]


def _by(caller: Caller) -> Author:
    return Author(caller.name, caller.key_id, caller.role)
