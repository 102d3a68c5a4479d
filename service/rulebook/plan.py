"""Which text of each pack is in force, by its files and by what is on record: the newest change.

A file counts as changed when its text is not the one that was last taken from a file. An unchanged
file is older than whatever came after it over the API; a file that was there and is gone takes its
pack with it; a pack that never had a file lives on from the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.load import Loaded
from service.rulebook.version import ChangeKind, Origin, Version, digest_of


@dataclass(frozen=True, slots=True)
class Adopt:
    """A file that is new or has changed."""

    file: Loaded
    change: ChangeKind | None


@dataclass(frozen=True, slots=True)
class Keep:
    """What is on record stays in force.

    Attributes:
        file: Of the pack, if it has one, and the record of that file's text.
    """

    record: Version
    file: tuple[Loaded, Version] | None


@dataclass(frozen=True, slots=True)
class Remove:
    """The file has gone. `last` is what was in force."""

    last: Version


Step = Adopt | Keep | Remove


def plan(
    files: Mapping[str, Loaded], newest: Mapping[str, Version], filed: Mapping[str, Version]
) -> list[Step]:
    """
    Args:
        files: Packs by name.
        newest: By pack, the newest record.
        filed: By pack, the newest record that came from files: a text, or that it was removed.
    """
    steps = (
        _step(files.get(name), newest.get(name), filed.get(name), first=not newest)
        for name in sorted({*files, *newest})
    )
    return [step for step in steps if step is not None]


def _step(
    file: Loaded | None, last: Version | None, filed: Version | None, *, first: bool
) -> Step | None:
    had_file = filed is not None and filed.origin is not Origin.REMOVED
    if file is not None:
        digest = digest_of(file.source.text)
        if last is None or filed is None or not had_file or filed.digest != digest:
            return Adopt(file, None if first else _change_kind(last, digest))
        return Keep(last, (file, filed))
    if last is None or last.origin is Origin.REMOVED:
        return None
    return Remove(last) if had_file else Keep(last, None)


def _change_kind(last: Version | None, digest: str) -> ChangeKind | None:
    if last is None or last.origin is Origin.REMOVED:
        return ChangeKind.ADDED
    return ChangeKind.CHANGED if last.digest != digest else None
