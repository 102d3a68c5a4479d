"""Publish tokens: each lets exactly one speaker publish into one room until it expires.

What a token admits to (room, speaker, expiry) is stored beside its digest, so that it can carry
nothing that its holder could change.
"""

from __future__ import annotations

import secrets

PREFIX = "pt_"


def make_token() -> str:
    """256 random bits, shown once."""
    return PREFIX + secrets.token_urlsafe(32)
