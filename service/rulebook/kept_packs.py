"""Packs that stay in force from their record when files are followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from policies.finding import PackInvalid
from policies.load import Source
from policies.pack import Pack
from service.rulebook.plan import Keep
from service.rulebook.snapshot import Snapshot
from service.rulebook.version import LivePack, Origin, Version

log = structlog.get_logger()

_Load = Callable[[Source], Awaitable[Pack]]


async def load_kept(
    steps: Sequence[Keep],
    snapshot: Snapshot,
    load: _Load,
    *,
    on_refused: Callable[[Origin], None],
) -> list[LivePack]:
    """Return the packs to keep; a file replaces a text that this release refuses.

    Args:
        snapshot: Policies in force, whose packs need no loading.
        load: Loads a pack from its text on record; may raise PackInvalid.
        on_refused: Counts a refused text by its origin.
    """
    known = {each.record.id: each for each in snapshot.live}
    kept: list[LivePack] = []
    for step in steps:
        record, file = step.record, step.file
        try:
            kept.append(known.get(record.id) or LivePack(await _load_pack(step, load), record))
        except PackInvalid as invalid:
            log.error(
                "policies.record_refused",
                pack=record.pack,
                version_id=record.id,
                errors=len(invalid.errors),
                file_instead=file is not None,
            )
            on_refused(record.origin)
            if file is not None:
                kept.append(LivePack(file[0].pack, file[1]))
    return kept


def name_of_record(version: Version) -> str:
    """Return the name of a text on record in messages about its errors."""
    return f"version {version.id} of {version.pack}"


async def _load_pack(step: Keep, load: _Load) -> Pack:
    record, file = step.record, step.file
    if file is not None and file[1].digest == record.digest:
        return file[0].pack
    return await load(Source(name_of_record(record), record.source))
