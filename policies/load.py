"""Loading of pack files: packs, or every error of every file at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from policies.checks import STRUCTURE, try_examples
from policies.collector import without_collector
from policies.finding import Finding, PackError, PackInvalid, field_name, quote
from policies.pack import MAX_RULES, Pack, Rule
from policies.schema_errors import schema_findings
from policies.yaml_text import Document, Unreadable, Value, parse_yaml

MAX_BYTES = 1_000_000
"""Largest size of a pack file, in bytes."""
MAX_ERRORS = 100
"""Most errors shown per file; a last one says so if there are more."""
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Source:
    """Text of a pack file, with the name that errors call it."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pack and the file that it was read from."""

    source: Source
    pack: Pack
    document: Document

    def error(self, finding: Finding) -> PackError:
        """Return a finding as an error of this file."""
        return _located(self.source.path, finding, self.document)


@dataclass(frozen=True, slots=True)
class Place:
    """Destination of a pack.

    Attributes:
        name: Name that the pack must have; None for any.
        beside: Packs in force together with it, whose rule ids it may not use. A pack of its own
            name is replaced, and does not count.
        versions: Versions that belong to another text, by the name of the pack.
    """

    name: str | None = None
    beside: Sequence[Pack] = ()
    versions: Mapping[str, Collection[str]] = field(default_factory=dict)

    def findings(self, value: Value) -> Iterator[Finding]:
        """Yield the errors of a pack at this destination; the pack itself may have errors too."""
        if not isinstance(value, dict):
            return
        name = value.get("pack")
        if self.name is not None and isinstance(name, str) and name != self.name:
            problem = f"{quote(name)} is not the pack that this is sent as, '{self.name}'"
            yield Finding(("pack",), problem, f"write `pack: {self.name}`, or send it as its own")
        version = value.get("version")
        if isinstance(name, str) and version in self.versions.get(name, ()):
            problem = f"'{version}' is the version of another text of this pack"
            remedy = "raise it, because alerts say by which version they were raised"
            yield Finding(("version",), problem, remedy)
        yield from self._doubled(value, self.name or name)

    def _doubled(self, value: Mapping[str, Value], name: Value | None) -> Iterator[Finding]:
        taken = {
            rule.id: pack.pack
            for pack in self.beside
            if pack.pack != name
            for rule in pack.policies
        }
        listed = value.get("policies")
        for index, rule in enumerate(listed[:MAX_RULES] if isinstance(listed, list) else []):
            id_ = rule.get("id") if isinstance(rule, dict) else None
            if isinstance(id_, str) and id_ in taken:
                problem = f"'{id_}' is the id of a rule in the pack '{taken[id_]}' too"
                yield Finding(("policies", index, "id"), problem, "give each rule an id of its own")


_ANYWHERE = Place()


def load_text(text: str, name: str) -> Pack:
    """Load a pack from YAML; errors call the file `name`.

    Raises:
        PackInvalid: With every error.
    """
    return load_source(Source(name, text)).pack


def load_source(source: Source, place: Place = _ANYWHERE) -> Loaded:
    """Load one pack, and check that it fits its destination.

    Raises:
        PackInvalid: With every error.
    """
    return _load(source, place)


def decode_source(content: bytes, name: str) -> Source:
    """Decode the bytes of a pack file; errors call the file `name`.

    Raises:
        PackInvalid: It is too large, or not UTF-8.
    """
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    try:
        return Source(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"is not UTF-8 text (byte {error.start})"
        raise _refused(name, problem, "save it as UTF-8", line) from None


def load_pack(path: Path) -> Pack:
    """Load one pack file.

    Raises:
        PackInvalid: With every error, or because the file cannot be read.
    """
    return load_source(read_source(path)).pack


def load_folder(path: Path) -> list[Pack]:
    """Load all packs directly in a folder, in the order of their file names.

    Raises:
        PackInvalid: With every error of every file; no folder and no files are errors too.
    """
    return load_files(pack_files(path))


def load_files(paths: Sequence[Path]) -> list[Pack]:
    """Load packs for use together: names and ids doubled across them are refused.

    Raises:
        PackInvalid: With every error of every file.
    """
    return [each.pack for each in load_together(paths)]


def load_together(paths: Sequence[Path]) -> list[Loaded]:
    """Load packs like `load_files`, and return them with their files.

    Raises:
        PackInvalid: With every error of every file.
    """
    loaded: list[Loaded] = []
    errors: list[PackError] = []
    for path in dict.fromkeys(paths):
        try:
            loaded.append(load_source(read_source(path)))
        except PackInvalid as invalid:
            errors.extend(invalid.errors)
    errors.extend(find_doubled(loaded))
    if errors:
        raise PackInvalid(errors)
    return loaded


def load_drafts(texts: Sequence[str], live: Sequence[Pack]) -> list[Pack]:
    """Return the live packs, with drafts beside them or in place of those of the same name.

    Errors call the first draft `packs[0]`.

    Raises:
        PackInvalid: With every error of every draft; ids doubled across the packs are errors too.
    """
    loaded: list[Loaded] = []
    errors: list[PackError] = []
    for number, text in enumerate(texts):
        try:
            loaded.append(load_source(Source(f"packs[{number}]", text)))
        except PackInvalid as invalid:
            errors.extend(invalid.errors)
    drafts = {each.pack.pack: each.pack for each in loaded}
    kept = [pack for pack in live if pack.pack not in drafts]
    errors.extend(find_doubled(loaded, kept))
    if errors:
        raise PackInvalid(errors)
    return [*kept, *drafts.values()]


def pack_files(folder: Path) -> list[Path]:
    """List the pack files directly in a folder, in the order of their names.

    Raises:
        PackInvalid: There is no such folder, or no pack in it.
    """
    try:
        paths = sorted(each for each in folder.iterdir() if each.suffix in SUFFIXES)
    except OSError as error:
        remedy = "name a folder with packs in it"
        raise _refused(folder, f"cannot be listed ({error.strerror})", remedy) from error
    if not paths:
        raise _refused(folder, "has no packs in it", "add a .yaml file, or name another folder")
    return paths


def read_source(path: Path) -> Source:
    """Read a pack file.

    Raises:
        PackInvalid: It cannot be read, is too large, or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise _refused(path, "is not a file", "name a pack file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise _refused(path, problem, "check the name and the permissions") from error
    return decode_source(content, str(path))


def _load(source: Source, place: Place) -> Loaded:
    if len(source.text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _too_large(source.path)
    with without_collector():
        return _read_and_checked(source, place)


def _read_and_checked(source: Source, place: Place) -> Loaded:
    path = source.path
    try:
        document, findings = parse_yaml(source.text)
    except Unreadable as unreadable:
        raise PackInvalid(_limited(path, unreadable.findings, None)) from None
    pack: Pack | None = None
    try:
        pack = Pack.model_validate(document.value)
    except ValidationError as error:
        findings.extend(islice(schema_findings(error), MAX_ERRORS + 1))
    findings.extend(_checked(document.value))
    findings.extend(place.findings(document.value))
    if findings or pack is None:
        raise PackInvalid(_limited(path, findings, document))
    return Loaded(source, pack, document)


def _checked(value: Value) -> Iterator[Finding]:
    """Check the rules that fit the schema, so that a bad rule does not hide others' errors."""
    rules = _valid_rules(value)
    faulty: set[object] = set()
    for check in STRUCTURE:
        for finding in check(rules):
            faulty.add(finding.where[1])
            yield finding
    yield from try_examples({i: rule for i, rule in rules.items() if i not in faulty})


def _valid_rules(value: Value) -> Mapping[int, Rule]:
    listed = value.get("policies") if isinstance(value, dict) else None
    rules: dict[int, Rule] = {}
    for index, each in enumerate(listed[:MAX_RULES] if isinstance(listed, list) else []):
        try:
            rules[index] = Rule.model_validate(each)
        except ValidationError:
            continue  # reported with the whole document
    return rules


def find_doubled(loaded: Iterable[Loaded], beside: Iterable[Pack] = ()) -> Iterator[PackError]:
    """Yield names and ids that are in several files. Within one file the checks find them.

    Args:
        loaded: Packs to check.
        beside: Packs that stay in force beside them.
    """
    packs: dict[str, str] = {}
    rules = {rule.id: f"the pack {pack.pack}" for pack in beside for rule in pack.policies}
    for each in loaded:
        name = each.pack.pack
        if packs.setdefault(name, each.source.path) != each.source.path:
            problem = f"'{name}' is the pack of {packs[name]} too"
            yield each.error(Finding(("pack",), problem, "give each pack a name of its own"))
        for index, rule in enumerate(each.pack.policies):
            if rules.setdefault(rule.id, each.source.path) != each.source.path:
                problem = f"'{rule.id}' is the id of a rule in {rules[rule.id]} too"
                where = ("policies", index, "id")
                yield each.error(Finding(where, problem, "give each rule an id of its own"))


def _limited(
    path: str, findings: Sequence[Finding], document: Document | None
) -> Iterator[PackError]:
    errors = [_located(path, finding, document) for finding in findings]
    errors.sort(key=lambda error: error.line or 0)
    yield from errors[:MAX_ERRORS]
    if len(errors) > MAX_ERRORS:
        remedy = "correct these and check again"
        yield PackError(path, None, "", "has more errors than are shown", remedy)


def _located(path: str, finding: Finding, document: Document | None) -> PackError:
    line = finding.line
    if line is None and document is not None:
        line = document.line_of(finding.where)
    return PackError(path, line, field_name(finding.where), finding.problem, finding.remedy)


def _too_large(path: Path | str) -> PackInvalid:
    return _refused(path, f"is larger than {MAX_BYTES} bytes", "split it into several packs")


def _refused(path: Path | str, problem: str, remedy: str, line: int | None = None) -> PackInvalid:
    return PackInvalid([PackError(str(path), line, "", problem, remedy)])
