"""Helplines that the operator names in a file. earshot ships none of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.finding import Finding, field_name, quote
from policies.yaml_text import Document, Unreadable, Value, parse_yaml
from service.errors import ConfigurationError

MOST = 100
"""Most helplines in the file."""
MAX_BYTES = 200_000
_LONGEST = 200
_FIELDS = ("name", "contact", "languages", "hours")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_EXAMPLE = "a list of entries such as `- {name: ..., contact: ..., languages: [en]}`"


@dataclass(frozen=True, slots=True)
class Helpline:
    """
    Attributes:
        contact: Telephone number, text number or URL, as people use it.
        languages: Codes of the languages that it speaks; empty if the operator names none.
        hours: Hours at which it answers, in words; empty if the operator names none.
    """

    name: str
    contact: str
    languages: Sequence[str] = ()
    hours: str = ""

    def speaks(self, languages: Iterable[str]) -> bool:
        own = {_base(code) for code in self.languages}
        return any(_base(code) in own for code in languages)


def load_helplines(path: Path | None) -> Sequence[Helpline]:
    """Read the operator's file, YAML or JSON; without one there are no helplines.

    Raises:
        ConfigurationError: It names the file, the line and the remedy.
    """
    if path is None:
        return ()
    try:
        content = path.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _refusal(f"{path}: cannot be read ({why})", "name a YAML or JSON file") from error
    if len(content) > MAX_BYTES:
        raise _refusal(f"{path}: is larger than {MAX_BYTES} bytes", "name a list of helplines")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(f"{path}:{line}: is not UTF-8", "save the file as UTF-8 text") from error
    if path.suffix == ".json":  # a tab is white space there, and refused in YAML
        text = text.replace("\t", " ")
    return parse_helplines(text, str(path))


def parse_helplines(text: str, name: str) -> Sequence[Helpline]:
    """Return the helplines of a file called `name`.

    Raises:
        ConfigurationError: It names the file, the line and the remedy of the first error.
    """
    try:
        document, doubled = parse_yaml(text)
    except Unreadable as error:
        raise _located(name, error.findings[0]) from None
    for finding in [*doubled, *_errors(document.value)]:
        raise _located(name, finding, document)
    assert isinstance(document.value, list)
    return tuple(map(_helpline, document.value))


def sort_helplines(helplines: Sequence[Helpline], languages: Sequence[str]) -> Sequence[Helpline]:
    """Put the helplines that speak one of the languages first; the order stays otherwise."""
    return sorted(helplines, key=lambda each: not each.speaks(languages))


def _errors(value: Value) -> Iterator[Finding]:
    if not isinstance(value, list) or not value:
        yield Finding((), "is not a list of helplines", f"write {_EXAMPLE}")
        return
    if len(value) > MOST:
        yield Finding((MOST,), f"is more than {MOST} helplines", "keep those that people call")
    for index, entry in enumerate(value):
        yield from _entry_errors(index, entry)


def _entry_errors(index: int, entry: Value) -> Iterator[Finding]:
    if not isinstance(entry, dict):
        yield Finding((index,), "is not a helpline", f"write {_EXAMPLE}")
        return
    for key in entry:
        if key not in _FIELDS:
            remedy = f"use {', '.join(_FIELDS[:-1])} or {_FIELDS[-1]}"
            yield Finding((index, key), "is not a field of a helpline", remedy)
    for key in ("name", "contact"):
        if key not in entry:
            yield Finding((index,), f"has no {key}", f"add `{key}: ...`")
    for key in ("name", "contact", "hours"):
        if key in entry and not _is_line(entry[key]):
            remedy = f"write 1 to {_LONGEST} characters on one line"
            yield Finding((index, key), "is not a line of text", remedy)
    if "languages" in entry:
        yield from _language_errors(index, entry["languages"])


def _language_errors(index: int, languages: Value) -> Iterator[Finding]:
    where = (index, "languages")
    if not isinstance(languages, list):
        yield Finding(where, "is not a list", "write a list of codes such as [en, zh]")
        return
    for number, code in enumerate(languages):
        if not isinstance(code, str) or not _LANGUAGE.fullmatch(code):
            shown = quote(code) if isinstance(code, str) else "this"
            remedy = "write a code such as en, zh or pt-BR"
            yield Finding((*where, number), f"{shown} is not a language code", remedy)


def _is_line(value: Value) -> bool:
    return isinstance(value, str) and value.isprintable() and 1 <= len(value.strip()) <= _LONGEST


def _helpline(entry: Value) -> Helpline:
    assert isinstance(entry, dict)
    name, contact, hours = (str(entry.get(key, "")).strip() for key in ("name", "contact", "hours"))
    languages = entry.get("languages", [])
    assert isinstance(languages, list)
    return Helpline(name, contact, tuple(map(str, languages)), hours)


def _base(code: str) -> str:
    return code.split("-")[0].lower()


def _located(name: str, finding: Finding, document: Document | None = None) -> ConfigurationError:
    line = finding.line
    if line is None and document is not None:
        line = document.line_of(finding.where)
    place = name if line is None else f"{name}:{line}"
    field = field_name(finding.where)
    return _refusal(
        f"{place}: {field + ' ' if field else ''}{finding.problem}",
        finding.remedy.replace("save the pack", "save the file"),
    )


def _refusal(problem: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"EARSHOT_HELPLINES: {problem}; {remedy}")
