"""Checks beyond the schema, one a file. They run over the rules that fit the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from policies.checks.duplicate_ids import check_ids
from policies.checks.duplicate_phrases import check_duplicates
from policies.checks.groups import check_groups
from policies.checks.inline_tests import try_examples
from policies.checks.languages import check_languages
from policies.checks.patterns import check_patterns
from policies.checks.phrase_length import check_length
from policies.checks.self_harm import check_self_harm
from policies.checks.subcategories import check_subcategories
from policies.finding import Finding
from policies.pack import Rule

Check = Callable[[Mapping[int, Rule]], Iterable[Finding]]
"""Takes the rules of a pack by their index in `policies`."""

STRUCTURE: tuple[Check, ...] = (
    check_ids,
    check_duplicates,
    check_groups,
    check_languages,
    check_patterns,
    check_length,
    check_self_harm,
    check_subcategories,
)
"""Checks of a rule's structure, independent of one another."""

__all__ = ["STRUCTURE", "Check", "try_examples"]
