"""JSON Schema of the `data` of every event, made from the event types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from service.feed.event import EVENT_TYPES, SUBJECTS

REF = "#/components/schemas/{model}"


def data_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of `data` by event type, and by name the schemas that these refer to."""
    of_types: dict[str, Any] = {}
    named: dict[str, Any] = {}
    for type_, kind in EVENT_TYPES.items():
        schema = TypeAdapter(kind).json_schema(mode="serialization", ref_template=REF)
        named |= schema.pop("$defs", {})
        of_types[type_] = _flat(schema)
    return of_types, named


def _flat(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the schema of the subject with that of the event, as `feed.event.data` does."""
    fields: Mapping[str, Any] = schema["properties"]
    subject = next((field for name, field in fields.items() if name in SUBJECTS), None)
    if subject is None:
        return dict(schema)
    own = {name: field for name, field in fields.items() if name not in SUBJECTS}
    if not own:
        return dict(subject)
    required = [name for name in schema["required"] if name in own]
    return {"allOf": [subject, {"type": "object", "properties": own, "required": required}]}
