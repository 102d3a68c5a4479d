"""Check of query parameters: an unknown or empty one is refused with the remedy.

Otherwise a mistyped filter would return a list without the filter. A dependency of every route;
it checks those under `/v1/`.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from service.access.authenticate import QUERY_NAMES
from service.errors import Problem

_PREFIX = "/v1/"
_SHOWN = 60
"""Longest part of a client's parameter name that a refusal repeats, in characters."""


async def refuse_unknown_query(request: Request) -> None:
    """Refuse a parameter that the route does not take, and one without a value.

    Raises:
        Problem: 422.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.path.startswith(_PREFIX):
        return
    anonymous = "authorization" not in request.headers and not request.cookies
    if anonymous or any(name.lower() in QUERY_NAMES for name in request.query_params):
        return  # authentication refuses these
    known = _names(route.dependant)
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise Problem(422, "Unknown parameter", _unknown(name, known))
        if not value:
            raise Problem(
                422,
                "Empty parameter",
                f"`{name}=` has no value; give it one, or leave the parameter out",
            )


def _names(dependant: Dependant) -> list[str]:
    own = [field.alias for field in dependant.query_params]
    return own + [name for deeper in dependant.dependencies for name in _names(deeper)]


def _unknown(name: str, known: Collection[str]) -> str:
    shown = repr(name[:_SHOWN])
    if not known:
        return f"this path takes no query parameters; leave {shown} out"
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    meant = f"did you mean `{near[0]}`? " if near else ""
    listed = ", ".join(f"`{one}`" for one in known)
    return f"this path has no query parameter {shown}; {meant}It takes {listed}"
