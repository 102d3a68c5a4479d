"""What the schema cannot say about a pack: one check a file, all run over the rules that fit it."""

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
"""Takes a pack's rules by their index in `policies`."""

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
"""Independent of one another."""

__all__ = ["STRUCTURE", "Check", "inline_tests"]
