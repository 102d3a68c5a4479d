"""Address of a Redis: what may be shown of it, and what is wrong with it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SETTING = "EARSHOT_REDIS_URL"
ENCODE = (
    "percent-encode the password and the user name: one of : / ? # [ ] @ or % stands in the "
    "address as itself; write %40 for @, %2F for /, %3A for :, %23 for #, %3F for ? and %25 for %"
)
_DELIMITERS = frozenset(":/?#[]@")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def has_raw_delimiters(url: str) -> bool:
    """Return whether a password may stand in the address as it is, so that it is ambiguous."""
    _, _, rest = url.partition("://")
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    userinfo = authority.rpartition("@")[0]
    user, _, password = userinfo.partition(":")
    return (
        "#" in rest
        or "@" in rest[len(authority) :]
        or bool(_DELIMITERS & {*user, *password})
        or _BAD_ESCAPE.search(rest) is not None
    )


def address_without_password(url: str) -> str:
    """Return the address for a message: scheme, host, port and path."""
    if has_raw_delimiters(url):
        return SETTING
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        place = f"{host}:{parts.port or 6379}" if host else ""
    except ValueError:
        return SETTING
    return f"{parts.scheme}://{place}{parts.path}" if parts.scheme else SETTING
