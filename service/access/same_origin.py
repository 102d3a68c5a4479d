"""Check that a request with a cookie comes from our own page, at our own address.

The first guards against cross-site request forgery, the second against DNS rebinding.

The cookie is SameSite=Strict already. This second check covers other ports and programs on the
same host, and browsers that do not honour SameSite.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from service.errors import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS = {"http": 80, "https": 443}


def refuse_foreign(method: str, scheme: str, headers: Mapping[str, str]) -> None:
    """Refuse a changing request that does not come from our own page.

    Args:
        scheme: Scheme of the request as it arrived. Behind a proxy that ends TLS it may be http
            although the page has https; the opposite cannot happen.
        headers: Headers of the request, with lower-case names.

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
            "a signed-in page works only from this server's own address: its `Origin` must be the"
            " address that the request goes to. Open the console there; a proxy in between must"
            " pass the `Host` header on. Programs send `Authorization: Bearer KEY` instead",
        )


def refuse_other_host(public_url: str, headers: Mapping[str, str]) -> None:
    """Refuse a call of a page under another host than the server's public one.

    A page of another site whose name was pointed at this server (DNS rebinding) has the same
    origin as its calls, so that only the `Host` header gives it away.

    Args:
        public_url: EARSHOT_PUBLIC_URL; empty: nothing is refused.
        headers: Headers of the request, with lower-case names.

    Raises:
        Problem: 403, with the remedy.
    """
    if not public_url:
        return
    public = urlsplit(public_url)
    try:
        ours = _place(urlsplit(f"{public.scheme}://{headers.get('host', '')}")) == _place(
            urlsplit(f"{public.scheme}://{public.netloc}")
        )
    except ValueError:
        ours = False
    if not ours:
        raise Problem(
            403,
            "Another address",
            f"a page may use this server only at {public.scheme}://{public.hostname}"
            f"{'' if public.port is None else f':{public.port}'}, its EARSHOT_PUBLIC_URL: open the"
            " console there, and let a proxy in between pass the `Host` header on",
        )


def is_own(origin: str, scheme: str, host: str) -> bool:
    """Return whether Origin names the host and port of Host, over http only if the request is."""
    try:
        page = urlsplit(origin)
        # A Host without a port means the page's port: only the page knows whether a proxy ends TLS.
        called = urlsplit(f"{page.scheme}://{host}")
        same = _place(page) == _place(called)
    except ValueError:
        return False
    return same and page.scheme in (scheme, "https")


def _place(url: SplitResult) -> tuple[str, int]:
    """Return the host and port.

    Raises:
        ValueError: The URL has no host, or more than a host and a port.
    """
    if url.scheme not in _PORTS or not url.hostname:
        raise ValueError("not a web address")
    if url.username is not None or url.path or url.query or url.fragment:
        raise ValueError("more than a host and a port")
    return url.hostname, url.port or _PORTS[url.scheme]
