"""Versions of packs on record, and the event of a change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from policies.pack import Pack
from service.access.audit import SERVER
from service.clock import Timestamp


class Origin(StrEnum):
    """Origin of a version."""

    SHIPPED = "shipped"
    FILE = "file"
    API = "api"
    ROLL_BACK = "roll_back"
    REMOVED = "removed"
    """The pack's file has gone, and the pack with it; the version has no text."""


FROM_FILES = (Origin.SHIPPED, Origin.FILE, Origin.REMOVED)


class ChangeKind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Author:
    """Author of a change: the holder of a key, or the server."""

    name: str = SERVER
    key_id: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A text that is about to come into force.

    Attributes:
        source: Text of the pack, as YAML.
        change: Kind of change for the event; None for no event: the text was in force already, or
            it is a pack of the server's first start.
    """

    pack: str
    version: str
    source: str
    origin: Origin
    by: Author
    change: ChangeKind | None


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """A version in the list of a pack's versions, without its text.

    Attributes:
        id: Number that grows with every change of any pack.
        version: Version in the text.
        who: Name of the author.
    """

    id: int
    pack: str
    version: str
    digest: str
    origin: Origin
    who: str
    at: Timestamp


@dataclass(frozen=True, slots=True)
class Version(VersionEntry):
    """A version with its text, which may be long."""

    source: str


@dataclass(frozen=True, slots=True)
class Text:
    """Digest of a text, and the version in the text."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class LivePack:
    """A pack in force, and the record of its text."""

    pack: Pack
    record: Version


@dataclass(frozen=True, slots=True)
class PoliciesChanged:
    """A pack came into force, was changed, or is no longer in force. It belongs to no room.

    Attributes:
        version_id: Id of the record, in `GET /v1/policies/{pack}/versions`.
        who: Name on the key; `server` for changes of files.
    """

    type: ClassVar[str] = "policies.changed"
    pack: str
    version: str
    version_id: int
    origin: Origin
    who: str
    what: ChangeKind


def digest_of(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
