"""Packs, their versions and verdicts as clients are shown them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.language import Language
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
    languages: Sequence[Language]
    translations: Mapping[Language, Words]


@dataclass(frozen=True, slots=True)
class ShownPack:
    """
    Attributes:
        version_id: Of the record that is in force: its ETag is this in quotes.
    """

    pack: str
    version: str
    version_id: int
    title: str
    description: str
    translations: Mapping[Language, Words]
    policies: Sequence[ShownRule]


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A changed file of the policy folder that is refused; its pack stays as it was."""

    path: str
    errors: Sequence[ShownError]


@dataclass(frozen=True, slots=True)
class Policies:
    """
    Attributes:
        refused: For admins.
    """

    items: Sequence[ShownPack]
    next_cursor: str | None
    refused: Sequence[ShownFile] = ()


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A text that was in force once, or (origin `removed`) that there was none from then on."""

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


def _translations(told: Pack | Rule) -> dict[Language, Words]:
    found = ((language, told.translations.of(language)) for language in Language)
    return {language: Words(words.title, words.description) for language, words in found if words}
