"""`/v1/policies`: the packs in force, without their phrases. Reads `app.state.packs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from policies.language import Language
from policies.match import RuleStatus
from policies.pack import Pack, Rule
from policies.severity import Severity
from policies.taxonomy import Category
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import Role

router = APIRouter(tags=["policies"])


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
    pack: str
    version: str
    title: str
    description: str
    translations: Mapping[Language, Words]
    policies: Sequence[ShownRule]


@dataclass(frozen=True, slots=True)
class Policies:
    items: Sequence[ShownPack]
    next_cursor: str | None


@router.get("/v1/policies", summary="What is listened for")
async def list_policies(request: Request, _: Annotated[Caller, Depends(allow(*Role))]) -> Policies:
    packs: Sequence[Pack] = request.app.state.packs
    return Policies([_pack(pack) for pack in packs], None)


def _pack(pack: Pack) -> ShownPack:
    return ShownPack(
        pack=pack.pack,
        version=pack.version,
        title=pack.title,
        description=pack.description,
        translations=_translations(pack),
        policies=[_rule(pack, rule) for rule in pack.policies],
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
