"""The OpenAPI document; `tests/e2e/test_schemathesis.py` calls the operations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from service.app import create_app
from service.feed.event import EVENT_TYPES, Event, body, data
from service.web.openapi import BY_OPERATION, operations
from service.webhooks.message import LOGGED, PING, RESET
from tests.feed.examples import STORED
from tests.storage.examples import NOW

IMPERATIVES = frozenset(
    """Acknowledge Add Assign Back-test Bring Change Check Create Delete Deliver Enable Escalate
    Export List Match Publish Receive Reopen Report Request Resolve Revoke Rotate Send Show Sign
    Start Stop Stream""".split()
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def test_every_refusal_is_a_problem_document(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (path, method)
                assert response["description"]
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert not [name for name in schemas if "__" in name], "a name with a module's in it"


def test_only_named_schemas_have_a_title_and_it_is_their_name(document: dict[str, Any]) -> None:
    named = document["components"]["schemas"]
    assert {name: schema["title"] for name, schema in named.items()} == {
        name: name for name in named
    }
    inline = [*named.values(), document["paths"], document["webhooks"]]
    assert not [title for node in inline for title in titles_within(node)]


def titles_within(node: Any) -> Iterator[str]:
    """Yield the titles of the schemas inside a schema or an operation."""
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in children:
        if key in ("example", "examples") or not isinstance(child, dict | list):
            continue
        if isinstance(child, dict) and isinstance(child.get("title"), str):
            yield child["title"]
        yield from titles_within(child)


def test_attributes_of_a_docstring_describe_the_properties_of_its_schema(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert "Attributes:" not in schema.get("description", ""), name
    assert schemas["RotatedSecret"]["properties"]["old_secret_until"]["description"]
    assert schemas["Status"]["description"] == "State of the server."
    waiting = schemas["Status"]["properties"]["waiting"]
    assert waiting["description"] == "Utterances that wait for their transcript."


def test_each_operation_has_an_id_of_its_own_and_an_imperative_summary(
    document: dict[str, Any],
) -> None:
    described = [operation for _, _, operation in operations(document)]
    described += [path["post"] for path in document["webhooks"].values()]
    names = [operation["operationId"] for operation in described]
    assert len(set(names)) == len(names)
    for name, operation in zip(names, described, strict=True):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", name)
        assert operation["summary"].split()[0] in IMPERATIVES, operation["summary"]


def test_refusals_are_listed_for_operations_that_exist(document: dict[str, Any]) -> None:
    assert set(BY_OPERATION) <= {
        operation["operationId"] for _, _, operation in operations(document)
    }


def test_the_webhooks_section_has_every_event_with_an_example(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == LOGGED | {PING, RESET}
    for type_, path in document["webhooks"].items():
        media = path["post"]["requestBody"]["content"]["application/json"]
        assert media["example"]["type"] == type_
        assert not list(validator(document, type_).iter_errors(media["example"])), type_


@pytest.mark.parametrize("event", STORED, ids=lambda event: event.type)
def test_every_event_is_as_its_schema_says(event: Event, document: dict[str, Any]) -> None:
    sent = body(event.type, NOW, data(event))
    assert not list(validator(document, event.type).iter_errors(sent))
    lacking = {**sent, "data": dict(list(sent["data"].items())[1:])}
    assert list(validator(document, event.type).iter_errors(lacking)), "the first field is needed"


def test_the_example_of_an_event_type_cannot_be_forgotten() -> None:
    assert {event.type for event in STORED} == LOGGED <= set(EVENT_TYPES)


def validator(document: dict[str, Any], type_: str) -> jsonschema_rs.Validator:
    media = document["webhooks"][type_]["post"]["requestBody"]["content"]["application/json"]
    whole = {**media["schema"], "components": document["components"]}
    return jsonschema_rs.validator_for(whole)
