"""Versions of packs: appended, never altered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.audit import Action, make_entry
from service.errors import Problem
from service.rulebook.version import (
    NewVersion,
    Origin,
    PoliciesChanged,
    Text,
    Version,
    VersionEntry,
    digest_of,
)
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.paging import cursor_of, newest_place
from service.storage.tables import audit, policy_versions

_MOST = 2**62
"""Value above every id that every database can compare with."""


_LISTED = [column for column in policy_versions.c if column.name != "source"]


class SqlPolicies:
    """`service.rulebook.ports.PolicyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, versions: Sequence[NewVersion], now: datetime) -> Sequence[Version]:
        async with self._database.write() as connection:
            return [await _add(connection, version, now) for version in versions]

    async def newest(self, origins: Collection[Origin] = tuple(Origin)) -> Sequence[Version]:
        newest = select(func.max(policy_versions.c.id)).group_by(policy_versions.c.pack)
        newest = newest.where(policy_versions.c.origin.in_([str(each) for each in origins]))
        return await self._all(policy_versions.c.id.in_(newest))

    async def find_version(self, pack: str, id_: int) -> Version | None:
        if not 0 < id_ < _MOST:
            return None
        found = await self._all(policy_versions.c.id == id_, policy_versions.c.pack == pack)
        return found[0] if found else None

    async def texts(self, pack: str) -> Sequence[Text]:
        query = select(policy_versions.c.version, policy_versions.c.digest).distinct()
        query = query.where(policy_versions.c.pack == pack)
        query = query.where(policy_versions.c.origin != str(Origin.REMOVED))
        async with self._database.read() as connection:
            return [Text(*row) for row in await connection.execute(query)]

    async def page(
        self, pack: str, *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[VersionEntry], str | None]:
        query = select(*_LISTED).order_by(policy_versions.c.id.desc())
        query = query.where(policy_versions.c.pack == pack)
        if cursor is not None:
            query = query.where(policy_versions.c.id < _id_in(cursor))
        async with self._database.read() as connection:
            found = [_entry(row) for row in await connection.execute(query.limit(limit + 1))]
        page = found[:limit]
        return page, cursor_of(page[-1].at, str(page[-1].id)) if len(found) > limit else None

    async def _all(self, *conditions: ColumnElement[bool]) -> Sequence[Version]:
        query = select(policy_versions).where(*conditions).order_by(policy_versions.c.id)
        async with self._database.read() as connection:
            return [_version(row) for row in await connection.execute(query)]


async def _add(connection: AsyncConnection, new: NewVersion, now: datetime) -> Version:
    row = {
        "pack": new.pack,
        "version": new.version,
        "source": new.source,
        "digest": digest_of(new.source),
        "origin": str(new.origin),
        "who": new.by.name,
        "at": now,
    }
    added = await connection.execute(
        insert(policy_versions).values(row).returning(policy_versions.c.id)
    )
    id_: int = added.scalar_one()
    if new.change is not None:
        event = PoliciesChanged(
            new.pack, new.version, id_, origin=new.origin, who=new.by.name, what=new.change
        )
        await append(connection, event, now)
        entry = make_entry(
            new.by.name,
            Action.POLICIES_CHANGED,
            new.pack,
            now,
            reason=f"{new.change}: version {new.version}, record {id_}, from {new.origin}",
            key_id=new.by.key_id,
            role=new.by.role,
        )
        await connection.execute(insert(audit).values(asdict(entry)))
    return Version(**{**row, "origin": new.origin}, id=id_)  # type: ignore[arg-type]


def _version(row: Row[Any]) -> Version:
    fields = row._asdict()
    return Version(**{**fields, "origin": Origin(fields["origin"])})


def _entry(row: Row[Any]) -> VersionEntry:
    fields = row._asdict()
    return VersionEntry(**{**fields, "origin": Origin(fields["origin"])})


def _id_in(cursor: str) -> int:
    place = newest_place(cursor)
    if not place.id.isdecimal() or len(place.id) > 18:
        raise Problem(
            400,
            "Bad cursor",
            "`cursor` is of another list; leave it out to begin at the newest",
        )
    return int(place.id)
