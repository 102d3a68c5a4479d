"""Choice of the text of each pack: the newest change of its file or of its record.

A file counts as changed if its text differs from the one last applied from a file. A change over
the API is newer than an unchanged file. A file that is gone removes its pack. A pack that never had
a file stays in force from the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from policies.load import Loaded
from service.rulebook.version import (
    Author,
    ChangeKind,
    NewVersion,
    Origin,
    Version,
    digest_of,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Adopt:
    """Bring a new or changed file into force.

    Attributes:
        change: Kind of change for the event; None for no event.
    """

    file: Loaded
    change: ChangeKind | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep the text on record in force.

    Attributes:
        file: File of the pack and the record of the file's text; None for a pack without a file.
    """

    record: Version
    file: tuple[Loaded, Version] | None


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a pack whose file has gone.

    Attributes:
        last: Version that was in force.
    """

    last: Version


Step = Adopt | Keep | Remove


def plan(
    files: Mapping[str, Loaded], newest: Mapping[str, Version], filed: Mapping[str, Version]
) -> list[Step]:
    """Return a step for each pack.

    Args:
        files: Files by the name of their pack.
        newest: Newest record of each pack.
        filed: Newest record of each pack that came from files: a text or a removal.
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


def new_version(step: Step, origin: Origin) -> NewVersion | None:
    """Return the version that a step stores; None for a pack that is kept."""
    match step:
        case Adopt(file, kind):
            pack = file.pack
            return NewVersion(pack.pack, pack.version, file.source.text, origin, Author(), kind)
        case Remove(last):
            removed = Origin.REMOVED
            return NewVersion(last.pack, last.version, "", removed, Author(), ChangeKind.REMOVED)
        case Keep():
            return None


def warn_of_same_versions(adopted: Sequence[Adopt], newest: Mapping[str, Version]) -> None:
    """Warn of files that changed under the same version; over HTTP the answer warns."""
    for step in adopted:
        pack, last = step.file.pack, newest.get(step.file.pack.pack)
        if step.change is ChangeKind.CHANGED and last is not None and last.version == pack.version:
            log.warning("policies.version_not_raised", pack=pack.pack, version=pack.version)
