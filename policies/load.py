"""Pack files in, packs out; or every error of every file at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from policies.checks import STRUCTURE, inline_tests
from policies.collector import without_collector
from policies.finding import Finding, PackError, PackInvalid, field_name
from policies.pack import MAX_RULES, Pack, Rule
from policies.schema_errors import schema_findings
from policies.yaml_text import Document, Unreadable, Value, parse

MAX_BYTES = 1_000_000
"""The largest pack file that is read."""
MAX_ERRORS = 100
"""The most errors shown of one file; a last one says so if there are more."""
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class _Loaded:
    path: str
    document: Document
    pack: Pack

    def error(self, finding: Finding) -> PackError:
        return _located(self.path, finding, self.document)


def load_text(text: str, name: str) -> Pack:
    """A pack from its YAML; in errors, `name` stands for the file.

    Raises:
        PackInvalid: With every error.
    """
    return _load(name, text).pack


def load_pack(path: Path) -> Pack:
    """One pack.

    Raises:
        PackInvalid: With every error, or because the file cannot be read.
    """
    return _load(str(path), _read(path)).pack


def load_folder(path: Path) -> list[Pack]:
    """All packs directly in a folder, in the order of their file names.

    Raises:
        PackInvalid: With every error of every file; no folder and no files are errors too.
    """
    return load_files(pack_files(path))


def load_files(paths: Sequence[Path]) -> list[Pack]:
    """Packs that are to be used together: names and ids doubled across them are refused.

    Raises:
        PackInvalid: With every error of every file.
    """
    loaded: list[_Loaded] = []
    errors: list[PackError] = []
    for path in dict.fromkeys(paths):
        try:
            loaded.append(_load(str(path), _read(path)))
        except PackInvalid as invalid:
            errors.extend(invalid.errors)
    errors.extend(_doubled(loaded))
    if errors:
        raise PackInvalid(errors)
    return [each.pack for each in loaded]


def load_drafts(texts: Sequence[str], live: Sequence[Pack]) -> list[Pack]:
    """The live packs with drafts in place of those of the same name, or beside them.

    In errors, `packs[0]` stands for the first text.

    Raises:
        PackInvalid: With every error of every draft; ids doubled across the packs are errors too.
    """
    loaded: list[_Loaded] = []
    errors: list[PackError] = []
    for number, text in enumerate(texts):
        try:
            loaded.append(_load(f"packs[{number}]", text))
        except PackInvalid as invalid:
            errors.extend(invalid.errors)
    drafts = {each.pack.pack: each.pack for each in loaded}
    kept = [pack for pack in live if pack.pack not in drafts]
    errors.extend(_doubled(loaded, kept))
    if errors:
        raise PackInvalid(errors)
    return [*kept, *drafts.values()]


def pack_files(folder: Path) -> list[Path]:
    """The packs directly in a folder, in the order of their names.

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


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise _refused(path, "is not a file", "name a pack file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise _refused(path, problem, "check the name and the permissions") from error
    if len(content) > MAX_BYTES:
        raise _too_large(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"is not UTF-8 text (byte {error.start})"
        raise _refused(path, problem, "save it as UTF-8", line) from None


def _load(path: str, text: str) -> _Loaded:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _too_large(path)
    with without_collector():
        return _read_and_checked(path, text)


def _read_and_checked(path: str, text: str) -> _Loaded:
    try:
        document, findings = parse(text)
    except Unreadable as unreadable:
        raise PackInvalid(_limited(path, unreadable.findings, None)) from None
    pack: Pack | None = None
    try:
        pack = Pack.model_validate(document.value)
    except ValidationError as error:
        findings.extend(islice(schema_findings(error), MAX_ERRORS + 1))
    findings.extend(_checked(document.value))
    if findings or pack is None:
        raise PackInvalid(_limited(path, findings, document))
    return _Loaded(path, document, pack)


def _checked(value: Value) -> Iterator[Finding]:
    """Runs the checks on the rules that fit the schema, so that one bad rule hides no other's."""
    rules = _valid_rules(value)
    faulty: set[object] = set()
    for check in STRUCTURE:
        for finding in check(rules):
            faulty.add(finding.where[1])
            yield finding
    yield from inline_tests({i: rule for i, rule in rules.items() if i not in faulty})


def _valid_rules(value: Value) -> Mapping[int, Rule]:
    listed = value.get("policies") if isinstance(value, dict) else None
    rules: dict[int, Rule] = {}
    for index, each in enumerate(listed[:MAX_RULES] if isinstance(listed, list) else []):
        try:
            rules[index] = Rule.model_validate(each)
        except ValidationError:
            continue  # reported with the whole document
    return rules


def _doubled(loaded: Iterable[_Loaded], beside: Iterable[Pack] = ()) -> Iterator[PackError]:
    """Within a file the checks have seen to it. `beside` are packs that stay as they are."""
    packs: dict[str, str] = {}
    rules = {rule.id: f"the pack {pack.pack}" for pack in beside for rule in pack.policies}
    for each in loaded:
        name = each.pack.pack
        if packs.setdefault(name, each.path) != each.path:
            problem = f"'{name}' is the pack of {packs[name]} too"
            yield each.error(Finding(("pack",), problem, "give each pack a name of its own"))
        for index, rule in enumerate(each.pack.policies):
            if rules.setdefault(rule.id, each.path) != each.path:
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
