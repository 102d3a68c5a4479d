from __future__ import annotations

import pytest

from service.access.same_origin import is_own, refuse_foreign
from service.errors import Problem


@pytest.mark.parametrize(
    ("origin", "scheme", "host"),
    [
        ("http://127.0.0.1:8080", "http", "127.0.0.1:8080"),
        ("http://Earshot.example", "http", "earshot.EXAMPLE"),
        ("http://earshot.example", "http", "earshot.example:80"),
        ("https://earshot.example", "https", "earshot.example"),
        ("https://earshot.example", "https", "earshot.example:443"),
        ("https://earshot.example", "http", "earshot.example"),  # TLS ends in a proxy
        ("https://earshot.example:8443", "http", "earshot.example:8443"),
        ("http://[::1]:8080", "http", "[::1]:8080"),
    ],
)
def test_our_own_page(origin: str, scheme: str, host: str) -> None:
    assert is_own(origin, scheme, host)


@pytest.mark.parametrize(
    ("origin", "scheme", "host"),
    [
        ("http://evil.example", "http", "earshot.example"),
        ("http://127.0.0.1:3000", "http", "127.0.0.1:8080"),
        ("http://sub.earshot.example", "http", "earshot.example"),
        ("http://earshot.example", "https", "earshot.example"),
        ("https://earshot.example", "http", "earshot.example:80"),
        ("https://earshot.example:8443", "https", "earshot.example"),
        ("null", "http", "earshot.example"),
        ("", "http", "earshot.example"),
        ("null", "http", ""),
        ("http://", "http", ""),
        ("file://", "http", ""),
        ("http://earshot.example/", "http", "earshot.example/"),
        ("http://a@earshot.example", "http", "a@earshot.example"),
        ("http://earshot.example:x", "http", "earshot.example:x"),
        ("http://[earshot", "http", "[earshot"),
        ("ftp://earshot.example", "ftp", "earshot.example"),
    ],
)
def test_any_other(origin: str, scheme: str, host: str) -> None:
    assert not is_own(origin, scheme, host)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_what_changes_something_needs_our_own_page(method: str) -> None:
    for headers in (
        {},
        {"host": "a", "origin": "http://b"},
        {"host": "a", "origin": "http://b", "sec-fetch-site": "same-origin"},
        {"host": "a", "sec-fetch-site": "same-site"},
        {"host": "a", "sec-fetch-site": "none"},
    ):
        with pytest.raises(Problem, match="must pass the `Host` header on") as caught:
            refuse_foreign(method, "http", headers)
        assert caught.value.status == 403
    refuse_foreign(method, "http", {"host": "a", "origin": "http://a"})
    refuse_foreign(method, "http", {"host": "a", "sec-fetch-site": "same-origin"})


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_does_not(method: str) -> None:
    refuse_foreign(method, "http", {"host": "a", "origin": "http://b"})
