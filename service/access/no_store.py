"""FastAPI dependency for answers with a secret: no cache may keep them (RFC 9111, 5.2.2.5)."""

from __future__ import annotations

from fastapi import Depends, Response


def _forbid_storing(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


NO_STORE = Depends(_forbid_storing)
"""`@router.post(..., dependencies=[NO_STORE])`"""
