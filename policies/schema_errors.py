"""What pydantic says about a document, in our words and with a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policies.finding import Finding, Location, quote
from policies.pack import Listen, Pack, Phrases, Rule, Tests, Translation, Translations

_MODELS: Mapping[str, type[BaseModel]] = {
    "": Pack,
    "translations": Translations,
    "translations.en": Translation,
    "translations.zh": Translation,
    "policies": Rule,
    "policies.translations": Translations,
    "policies.translations.en": Translation,
    "policies.translations.zh": Translation,
    "policies.match": Listen,
    "policies.match.phrases": Phrases,
    "policies.tests": Tests,
}


def schema_findings(error: ValidationError) -> Iterator[Finding]:
    for details in error.errors(include_url=False):
        if _long_enough(details):
            continue
        where = tuple(details["loc"])
        problem, remedy = _words(where, details)
        yield Finding(where, problem, remedy)


def _long_enough(details: ErrorDetails) -> bool:
    """Whether a list is called too short only because pydantic counts its valid items."""
    least = details.get("ctx", {}).get("min_length", 0)
    return details["type"] == "too_short" and len(details["input"]) >= least


def _words(where: Location, details: ErrorDetails) -> tuple[str, str]:
    context = details.get("ctx", {})
    match details["type"]:
        case "refused":
            return str(context["problem"]), str(context["remedy"])
        case "missing":
            return "is missing", "add it"
        case "extra_forbidden":
            return "is not a field known here", _fields(where)
        case "string_type":
            return f"must be text, not {_kind(details['input'])}", "write it on one line"
        case "model_type" | "model_attributes_type":
            found = _kind(details["input"])
            return f"must be a mapping, not {found}", "write its fields indented below it"
        case "tuple_type":
            return f"must be a list, not {_kind(details['input'])}", "write each item after a '-'"
        case "too_short":
            size, least = len(details["input"]), context["min_length"]
            return f"has {size} of the {least} items it needs", f"give at least {least}"
        case "too_long":
            return f"has more than {context['max_length']} items", "split it up"
        case "string_too_short":
            return "is empty", "fill it in"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters", "shorten it"
        case "enum" | "literal_error":
            known = str(context["expected"]).replace("'", "").replace(" or ", ", ")
            return f"{_value(details['input'])} is not known here", f"use one of {known}"
        case _:
            return details["msg"], "correct it"


def _fields(where: Location) -> str:
    model = _MODELS.get(".".join(step for step in where[:-1] if isinstance(step, str)))
    if model is None:
        return "remove it"
    names = [field.alias or name for name, field in model.model_fields.items()]
    near = get_close_matches(str(where[-1])[:60], names, n=1)
    if near:
        return f"write {near[0]}, or remove it"
    return f"remove it; the fields are {', '.join(names)}"


def _value(value: object) -> str:
    return quote(value) if isinstance(value, str) else _kind(value)


def _kind(value: object) -> str:
    match value:
        case "":
            return "nothing"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"
