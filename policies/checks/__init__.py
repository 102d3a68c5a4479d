"""Checks beyond the schema, one a file. They run over the rules that fit the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from policies.checks.duplicate_ids import duplicate_ids
from policies.checks.duplicate_phrases import duplicate_phrases
from policies.checks.groups import groups
from policies.checks.inline_tests import inline_tests
from policies.checks.languages import languages
from policies.checks.patterns import patterns
from policies.checks.phrase_length import phrase_length
from policies.checks.self_harm import self_harm
from policies.checks.subcategories import subcategories
from policies.finding import Finding
from policies.pack import Rule

Check = Callable[[Mapping[int, Rule]], Iterable[Finding]]
"""Takes the rules of a pack by their index in `policies`."""

STRUCTURE: tuple[Check, ...] = (
    duplicate_ids,
    duplicate_phrases,
    groups,
    languages,
    patterns,
    phrase_length,
    self_harm,
    subcategories,
)
"""Checks of a rule's structure, independent of one another."""

__all__ = ["STRUCTURE", "Check", "inline_tests"]
