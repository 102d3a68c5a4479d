"""Cursors and numbers that are too large, in every call that the OpenAPI document describes."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from service.app import create_app
from tests.blackbox.scoped_server import OURS, Tenants

LARGE = ("9223372036854775808", "-9223372036854775809", "2147483648" * 3, "9" * 30, "9" * 100)


def encoded(*forms: str) -> list[str]:
    """Return cursors of these forms, each with each large number."""
    texts = [form.format(number) for form in forms for number in LARGE]
    return [urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in texts]


BAD_CURSORS = (*LARGE, *encoded("{} a", "severity {} 1 a", "severity 1 {} a"))
TEXT_CURSORS = encoded("1 {}")
"""Cursors that are bad in a list whose ids are numbers, and far away in any other."""
METHODS = ("get", "post", "put", "patch", "delete")


def parameters() -> Iterator[tuple[str, str, str, str]]:
    """Return method, path, place and name of each parameter that is a cursor or a number."""
    for path, operations in create_app().openapi()["paths"].items():
        for method in METHODS:
            for one in operations.get(method, {}).get("parameters", []):
                if is_cursor(one["name"]) or "'integer'" in str(one["schema"]):
                    yield method, path, one["in"], one["name"]


def is_cursor(name: str) -> bool:
    return name == "cursor" or name.lower() == "last-event-id"


@pytest.mark.parametrize(("method", "path", "place", "name"), list(parameters()))
def test_a_number_that_is_too_large_is_refused_with_a_remedy(
    unscoped: Tenants, method: str, path: str, place: str, name: str
) -> None:
    ids = {"room_id": OURS, "webhook_id": unscoped.webhooks[OURS], "pack": "demo"}
    for value in BAD_CURSORS if is_cursor(name) else LARGE:
        answer = _call(unscoped.admin, method, path, {**ids, name: value}, place)
        assert answer.status_code == (400 if is_cursor(name) else 422), (value, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    for value in TEXT_CURSORS if name == "cursor" else ():
        answer = _call(unscoped.admin, method, path, {**ids, name: value}, place)
        assert answer.status_code in (200, 400), (value, answer.text)


def _call(
    client: httpx.Client, method: str, path: str, values: Mapping[str, str], place: str
) -> httpx.Response:
    name = list(values)[-1]
    target = re.sub(r"{([a-z_]+)}", lambda found: values.get(found[1], "nowhere"), path)
    sent: dict[str, Any] = {}
    if place == "query":
        sent["params"] = {name: values[name]}
    elif place == "header":
        sent["headers"] = {name: values[name]}
    return client.request(method, target, **sent)


@pytest.mark.parametrize("order", ["newest", "severity"])
def test_every_large_number_in_a_cursor_of_alerts_is_a_bad_cursor(
    unscoped: Tenants, order: str
) -> None:
    for cursor in BAD_CURSORS:
        query = {"cursor": cursor, "order": order}
        answer = unscoped.admin.get("/v1/alerts", params=query)
        assert answer.status_code == 400, (cursor, answer.text)


def test_the_feed_refuses_a_cursor_that_no_event_has(unscoped: Tenants) -> None:
    for value in LARGE:
        assert unscoped.admin.get("/v1/feed", params={"since": value}).status_code == 400
        resumed = unscoped.admin.get("/v1/feed", headers={"Last-Event-ID": value})
        assert resumed.status_code == 400
