"""A text of a pack that was in force once, and the event that tells of a change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from policies.pack import Pack
from service.access.audit import SERVER
from service.clock import Timestamp


class Origin(StrEnum):
    """Where a version came from."""

    SHIPPED = "shipped"
    FILE = "file"
    API = "api"
    ROLL_BACK = "roll_back"
    REMOVED = "removed"
    """No text: the pack's file has gone, and the pack with it."""


FROM_FILES = (Origin.SHIPPED, Origin.FILE, Origin.REMOVED)


class ChangeKind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change: the holder of a key, or the server by itself."""

    name: str = SERVER
    key_id: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A text that is to come into force.

    Attributes:
        told: None where it changes nothing for those who listen: the same text again, or the packs
            of a server's first start.
    """

    pack: str
    version: str
    source: str
    origin: Origin
    by: Author
    change: ChangeKind | None


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """A version as it stands in the history.

    Attributes:
        id: Grows with every change of any pack.
        version: As the text says.
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
    """The same with its text, which may be long."""

    source: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text, by its digest, and the version that it calls itself."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class LivePack:
    """A pack in force, and the record that its text is from."""

    pack: Pack
    record: Version


@dataclass(frozen=True, slots=True)
class PoliciesChanged:
    """A pack came into force, was changed, or is no longer in force. Of no room.

    Attributes:
        version_id: Of the record, in `GET /v1/policies/{pack}/versions`.
        who: The name on the key, or `server` for what its files say.
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
