"""Scope of a rule: its rooms, tags and roles."""

from __future__ import annotations

from fnmatch import fnmatchcase

from policies.listen import Scope
from policies.spoken import Context


def out_of_scope(scope: Scope, context: Context) -> str:
    """Return the reason that a rule does not apply here, in words; empty if it does."""
    if context.role and context.role in scope.exempt_roles:
        return f"the role {context.role} is exempt"
    if not any(fnmatchcase(context.room_id, glob) for glob in scope.rooms):
        return "the room is none of its rooms"
    if any(fnmatchcase(context.room_id, glob) for glob in scope.exempt_rooms):
        return "the room is exempt"
    if scope.tags and context.tags.isdisjoint(scope.tags):
        return "the room has none of its tags"
    return ""
