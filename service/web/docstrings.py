"""Attributes in docstrings, as descriptions of properties in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

_SECTION = re.compile(r"(?:^|\n)Attributes:\n")
_FIELD = re.compile(r"^([a-z_][a-z0-9_, ]*): (.+(?:\n +.+)*)", re.MULTILINE)


def describe_properties(schema: dict[str, Any]) -> None:
    """Move the lines below `Attributes:` from a schema's description to its properties."""
    text = schema.get("description", "")
    section = _SECTION.search(text)
    if section is None:
        return
    described = _fields(dedent(text[section.end() :]))
    for name, field in schema.get("properties", {}).items():
        if name in described:
            field.setdefault("description", described[name])
    before = text[: section.start()].strip()
    if before:
        schema["description"] = before
    else:
        del schema["description"]


def _fields(section: str) -> Mapping[str, str]:
    """Return name -> description; one line may describe several names."""
    return {
        name.strip(): " ".join(text.split())
        for names, text in _FIELD.findall(section)
        for name in names.split(",")
    }
