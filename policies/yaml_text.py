"""The YAML of packs: text, lists and mappings, each with its line. The only yaml import.

A scalar stays the text that is written: people say `no`, `911`, `12:30` and `null`. Anchors,
aliases, tags, doubled keys and a second document are refused. Nothing here recurses, so that deep
nesting needs no stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from policies.finding import Finding, Location, clip, quote

MAX_DEPTH = 12
"""Most lists and mappings inside one another; the schema needs six."""

Value = str | list["Value"] | dict[str, "Value"]

_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOADER = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml where it was built in: 10 x faster


@dataclass(frozen=True, slots=True)
class Document:
    """Content of a file, with the line (from 1) of each key and list item."""

    value: Value
    lines: Mapping[Location, int]

    def line_of(self, where: Location) -> int:
        """Return the line of `where`, or of the nearest value around it."""
        while where not in self.lines:
            where = where[:-1]
        return self.lines[where]


class Unreadable(Exception):
    """The text is not a valid document. Each finding has its line."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__(f"{len(findings)} errors")


class _Open:
    """A list or mapping whose end has not come yet."""

    def __init__(self, where: Location, value: list[Value] | dict[str, Value]) -> None:
        self.where = where
        self.value = value
        self.key: str | None = None
        self.skip = False
        """The next value belongs to a doubled key."""

    def next_place(self) -> Location:
        step = len(self.value) if isinstance(self.value, list) else str(self.key)
        return (*self.where, step)

    def add(self, value: Value) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
            return
        if self.key is not None and not self.skip:
            self.value[self.key] = value
        self.key, self.skip = None, False


class _Builder:
    """Builder of a document from parser events, without recursion."""

    def __init__(self) -> None:
        self.roots: list[Value] = []
        self.lines: dict[Location, int] = {(): 1}
        self.doubled: list[Finding] = []
        self.refused: list[Finding] = []
        self._open: list[_Open] = []

    def add_event(self, event: yaml.Event) -> None:
        """Add the next event.

        Raises:
            Unreadable: The document is nested too deep, or has a key that is not text.
        """
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "anchor", None) is not None:
            self._refuse_anchor(event, line)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._refuse(line, f"has the tag {quote(str(tag))}", "write the value without it")
        match event:
            case yaml.DocumentStartEvent() if self.roots:
                self._refuse(line, "a second document starts here", "make it a file of its own")
            case yaml.AliasEvent():
                self._scalar("", line)
            case yaml.ScalarEvent():
                self._scalar(event.value, line)
            case yaml.SequenceStartEvent():
                self._start([], line)
            case yaml.MappingStartEvent():
                self._start({}, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()

    def _refuse_anchor(self, event: yaml.Event, line: int) -> None:
        kind = "alias *" if isinstance(event, yaml.AliasEvent) else "anchor &"
        name = str(getattr(event, "anchor", ""))
        self._refuse(line, f"has the YAML {kind}{clip(name)}", "write the value out in full")

    def _refuse(self, line: int, problem: str, remedy: str) -> None:
        self.refused.append(Finding(self._place(), problem, remedy, line))

    def _place(self) -> Location:
        return self._open[-1].next_place() if self._wants_value() else self._where()

    def _where(self) -> Location:
        return self._open[-1].where if self._open else ()

    def _wants_value(self) -> bool:
        if not self._open:
            return False
        top = self._open[-1]
        return isinstance(top.value, list) or top.key is not None

    def _scalar(self, text: str, line: int) -> None:
        if not self._open or self._wants_value():
            self._value(text, line)
            return
        top = self._open[-1]
        top.key = text
        top.skip = text in top.value
        where = (*top.where, text)
        if top.skip:
            problem = f"is written a second time, first on line {self.lines[where]}"
            self.doubled.append(Finding(where, problem, "keep one of the two", line))
        else:
            self.lines.setdefault(where, line)

    def _start(self, value: list[Value] | dict[str, Value], line: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._refuse(line, f"is nested more than {MAX_DEPTH} deep", "write it flatter")
            raise Unreadable(self.refused)
        if self._open and not self._wants_value():
            self._refuse(line, "has a list or mapping as a key", "use plain text as the key")
            raise Unreadable(self.refused)
        where = self._value(value, line)
        self._open.append(_Open(where, value))

    def _value(self, value: Value, line: int) -> Location:
        if not self._open:
            self.roots.append(value)
            return ()
        top = self._open[-1]
        where = top.next_place()
        if isinstance(top.value, list):
            self.lines.setdefault(where, line)
        top.add(value)
        return where


def parse_yaml(text: str) -> tuple[Document, list[Finding]]:
    """Return the document, and a finding for each doubled key, of which the first value is kept.

    Raises:
        Unreadable: The text is not YAML, or uses a refused feature.
    """
    _refuse_unprintable(text)
    builder = _Builder()
    try:
        for event in _events(text):
            builder.add_event(event)
    except yaml.YAMLError as error:
        raise Unreadable([*builder.refused, _syntax(error)]) from None
    if builder.refused:
        raise Unreadable(builder.refused)
    value = builder.roots[0] if builder.roots else ""
    return Document(value, builder.lines), builder.doubled


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
    return events


def _refuse_unprintable(text: str) -> None:
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        problem = f"contains the character U+{ord(found[0]):04X}, so it is not a text file"
        raise Unreadable([Finding((), problem, "save the pack as plain UTF-8 text", line)])


def _syntax(error: yaml.YAMLError) -> Finding:
    """Return the parser's error. It names tokens, and quotes only single characters of the file."""
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or "cannot be read")
    remedy = "check indentation, colons and quotes on this line and the one before"
    return Finding((), f"is not YAML: {problem}", remedy, mark.line + 1 if mark else 1)
