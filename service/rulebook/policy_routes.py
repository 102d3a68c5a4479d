"""List the packs in force over HTTP: `/v1/policies`."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends

from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import Role
from service.provider import Provider
from service.rulebook.folder import PolicyFolder
from service.rulebook.live import LivePolicies
from service.rulebook.policy_views import Policies, ShownFile, shown_pack
from service.rulebook.refusals import shown_errors

router = APIRouter(tags=["policies"])


class PolicyParts(Protocol):
    @property
    def policies(self) -> LivePolicies: ...
    @property
    def policy_folder(self) -> PolicyFolder | None: ...


POLICIES = Provider[PolicyParts]()
Parts = Annotated[PolicyParts, Depends(POLICIES)]


@router.get("/v1/policies", summary="List the packs in force")
async def list_policies(parts: Parts, caller: Annotated[Caller, Depends(allow(*Role))]) -> Policies:
    """Rules are listed without their phrases. Admins also see refused files with every error."""
    folder = parts.policy_folder
    refused = folder.refused() if folder is not None and caller.role is Role.ADMIN else ()
    return Policies(
        [shown_pack(each) for each in parts.policies.snapshot.live],
        None,
        [ShownFile(each.path, shown_errors(each.errors)) for each in refused],
    )
