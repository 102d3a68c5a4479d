"""Packs and their versions in the form that the API shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.fields import LanguageCode
from policies.languages import CODES
from policies.match import RuleStatus
from policies.pack import Pack, Rule
from policies.severity import Severity
from policies.taxonomy import Category
from service.clock import Timestamp
from service.rulebook.refusals import ShownError
from service.rulebook.version import LivePack, Origin, VersionEntry


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class ShownRule:
    id: str
    version: str
    status: RuleStatus
    title: str
    description: str
    category: Category
    subcategory: str | None
    severity: Severity
    languages: Sequence[LanguageCode]
    translations: Mapping[LanguageCode, Words]


@dataclass(frozen=True, slots=True)
class ShownPack:
    """
    Attributes:
        version_id: Id of the record that is in force; its ETag is this number in quotes.
    """

    pack: str
    version: str
    version_id: int
    title: str
    description: str
    translations: Mapping[LanguageCode, Words]
    policies: Sequence[ShownRule]


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A refused file of the policy folder; its pack stays as it was."""

    path: str
    errors: Sequence[ShownError]


@dataclass(frozen=True, slots=True)
class Policies:
    """
    Attributes:
        refused: Refused files; empty unless the caller is an admin.
    """

    items: Sequence[ShownPack]
    next_cursor: str | None
    refused: Sequence[ShownFile] = ()


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version of a pack; one of origin `removed` has no text and ends the pack."""

    id: int
    version: str
    origin: Origin
    who: str
    at: Timestamp
    live: bool


def shown_pack(live: LivePack) -> ShownPack:
    pack = live.pack
    return ShownPack(
        pack=pack.pack,
        version=pack.version,
        version_id=live.record.id,
        title=pack.title,
        description=pack.description,
        translations=_translations(pack),
        policies=[_rule(pack, rule) for rule in pack.policies],
    )


def shown_version(version: VersionEntry, live: LivePack | None) -> ShownVersion:
    return ShownVersion(
        id=version.id,
        version=version.version,
        origin=version.origin,
        who=version.who,
        at=version.at,
        live=live is not None and live.record.id == version.id,
    )


def _rule(pack: Pack, rule: Rule) -> ShownRule:
    return ShownRule(
        id=rule.id,
        version=rule.version or pack.version,
        status=rule.status,
        title=rule.title,
        description=rule.description,
        category=rule.category,
        subcategory=rule.subcategory,
        severity=rule.severity,
        languages=rule.languages,
        translations=_translations(rule),
    )


def _translations(named: Pack | Rule) -> dict[str, Words]:
    found = ((code, named.translations.in_language(code)) for code in CODES)
    return {code: Words(words.title, words.description) for code, words in found if words}
