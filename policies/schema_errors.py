"""pydantic's errors about a document, in our words and with a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policies.fields import UNKNOWN_LANGUAGE, Translation
from policies.finding import Finding, Location, quote
from policies.listen import Before, Escalation, Except, Group, Near, Scope, When
from policies.pack import Example, Pack, Rule, Tests

_MODELS: Mapping[str, type[BaseModel]] = {
    "": Pack,
    "translations.*": Translation,
    "policies": Rule,
    "policies.translations.*": Translation,
    "policies.match.*": Group,
    "policies.when": When,
    "policies.when.near": Near,
    "policies.except": Except,
    "policies.scope": Scope,
    "policies.context": Before,
    "policies.escalate": Escalation,
    "policies.tests": Tests,
    "policies.tests.must_match": Example,
    "policies.tests.must_not_match": Example,
    "policies.tests.must_excuse": Example,
}
_KEY = "[key]"
"""Step that pydantic adds to the location of a mapping's key."""


def schema_findings(error: ValidationError) -> Iterator[Finding]:
    """Yield a finding for each of pydantic's errors."""
    for details in error.errors(include_url=False):
        if _long_enough(details):
            continue
        where = tuple(step for step in details["loc"] if step != _KEY)
        problem, remedy = _words(where, details)
        yield Finding(where, problem, remedy)


def _long_enough(details: ErrorDetails) -> bool:
    """Return whether pydantic calls a list too short because it counts valid items only."""
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
        case "model_type" | "model_attributes_type" | "dict_type":
            found = _kind(details["input"])
            return f"must be a mapping, not {found}", "write its fields indented below it"
        case "tuple_type":
            return f"must be a list, not {_kind(details['input'])}", "write each item after a '-'"
        case "too_short":
            size, least = len(details["input"]), context["min_length"]
            return f"has {size} of the {least} items it needs", f"give at least {least}"
        case "too_long":
            return f"has more than {context['max_length']} items", "split it up"
        case "greater_than_equal":
            return f"is less than {context['ge']:g}", f"write {context['ge']:g} or more"
        case "greater_than":
            return f"is not more than {context['gt']:g}", f"write more than {context['gt']:g}"
        case "less_than_equal":
            return f"is more than {context['le']:g}", f"write {context['le']:g} or less"
        case "string_too_short":
            return "is empty", "fill it in"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters", "shorten it"
        case "enum" | "literal_error":
            known = str(context["expected"]).replace("'", "").replace(" or ", ", ")
            return f"{_value(details['input'])} is not known here", f"use one of {known}"
        case error if error == UNKNOWN_LANGUAGE:
            problem = f"{_value(details['input'])} is not a language with a plug-in"
            return problem, f"use one of {context['known']}"
        case _:
            return details["msg"], "correct it"


def _fields(where: Location) -> str:
    steps = [step for step in where[:-1] if isinstance(step, str)]
    for number, step in enumerate(steps[:-1]):
        if step in ("match", "translations"):  # a name follows, of a group or a language
            steps[number + 1] = "*"
    model = _MODELS.get(".".join(steps))
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
