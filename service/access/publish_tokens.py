"""Publish tokens: each lets one speaker publish into one room until it expires.

The room, the speaker and the expiry are stored beside the digest of the token. The token itself
holds nothing that its holder could change.
"""

from __future__ import annotations

import secrets

PREFIX = "pt_"


def make_token() -> str:
    """Make a token of 256 random bits. It is shown once."""
    return PREFIX + secrets.token_urlsafe(32)
