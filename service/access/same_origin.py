"""A cookie goes along with requests that another site makes; this tells those from our own page's.

The cookie is SameSite=Strict already. This is the second lock, for what that one does not cover:
another port or program on the same host, and browsers that do not keep to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from service.errors import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS = {"http": 80, "https": 443}


def refuse_foreign(method: str, scheme: str, headers: Mapping[str, str]) -> None:
    """Refuse a request that is to change something and does not come from our own page.

    Args:
        scheme: Of the request as it reached us: behind a proxy that ends TLS it may be http while
            the page's is https, never the other way round.
        headers: By small names.

    Raises:
        Problem: 403, with the remedy.
    """
    if method in SAFE_METHODS:
        return
    origin = headers.get("origin")
    if origin is None:
        ours = headers.get("sec-fetch-site") == "same-origin"
    else:
        ours = is_own(origin, scheme, headers.get("host", ""))
    if not ours:
        raise Problem(
            403,
            "From another site",
            "a signed-in page may only be used from this server's own address: its `Origin` must"
            " be the address that the request goes to. Open the console there; a proxy in between"
            " must pass the `Host` header on. Programs send `Authorization: Bearer KEY` instead",
        )


def is_own(origin: str, scheme: str, host: str) -> bool:
    """Whether an Origin header names the host (and port) of a Host header, as securely."""
    try:
        page = urlsplit(origin)
        # A Host without a port means the page's own: only the page's side knows of TLS in front.
        called = urlsplit(f"{page.scheme}://{host}")
        same = _place(page) == _place(called)
    except ValueError:
        return False
    return same and page.scheme in (scheme, "https")


def _place(url: SplitResult) -> tuple[str, int]:
    """Raises: ValueError where there is no host, or more than a host and a port."""
    if url.scheme not in _PORTS or not url.hostname:
        raise ValueError("no host of the web")
    if url.username is not None or url.path or url.query or url.fragment:
        raise ValueError("more than a host and a port")
    return url.hostname, url.port or _PORTS[url.scheme]
