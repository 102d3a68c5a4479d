"""`/v1/policies`: the packs in force, without their phrases.

Reads `app.state`: `policies` (a `LivePolicies`), `policy_folder` (a `PolicyFolder` or None).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import Role
from service.rulebook.folder import PolicyFolder
from service.rulebook.live import LivePolicies
from service.rulebook.refusals import shown_errors
from service.rulebook.shown import Policies, ShownFile, shown_pack

router = APIRouter(tags=["policies"])


@router.get("/v1/policies", summary="What is listened for")
async def list_policies(
    request: Request, caller: Annotated[Caller, Depends(allow(*Role))]
) -> Policies:
    """Without phrases. For admins also the changed files that are refused, with every error."""
    live: LivePolicies = request.app.state.policies
    folder: PolicyFolder | None = request.app.state.policy_folder
    refused = folder.refused() if folder is not None and caller.role is Role.ADMIN else ()
    return Policies(
        [shown_pack(each) for each in live.snapshot.live],
        None,
        [ShownFile(each.path, shown_errors(each.errors)) for each in refused],
    )
