"""docs/policies.md: its example and its limits are those in force."""

from __future__ import annotations

import re
from pathlib import Path

from policies import pack as packs
from policies.checks.patterns import MAX_PATTERNS
from policies.fields import MAX_PHRASES
from policies.languages import load_languages
from policies.listen import Before, Escalation, Except, Group, Near, Scope, When
from policies.load import MAX_BYTES, load_text
from policies.pack import MAX_RULES, Pack, Rule
from policies.tolerance import Tolerance

DOC = (Path(__file__).parents[2] / "docs" / "policies.md").read_text("utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)[0]


def test_the_example_is_a_pack() -> None:
    (rule,) = load_text(EXAMPLE, "docs/policies.md").policies
    assert rule.id == "asking-for-codes"


def test_the_example_shows_every_field() -> None:
    for model in (Pack, Rule, Group, When, Near, Except, Scope, Before, Escalation, packs.Tests):
        for name, field in model.model_fields.items():
            assert re.search(rf"\b{field.alias or name}:", EXAMPLE), f"{model.__name__}.{name}"


def test_the_shortest_lengths_are_those_in_force() -> None:
    for tolerance in (Tolerance.HOMOPHONE, Tolerance.NEAR, Tolerance.LOOSE):
        english, chinese = (each.sounds.shortest[tolerance] for each in load_languages())
        row = next(line for line in DOC.splitlines() if line.startswith(f"| `{tolerance}`"))
        assert row.endswith(f"| {english} sounds, {chinese} syllables |")


def test_the_limits_are_those_in_force() -> None:
    assert MAX_BYTES == 1_000_000
    listed = f"{MAX_PHRASES:,} phrases a group and language, {MAX_PATTERNS} patterns"
    assert f"One megabyte, {MAX_RULES:,} rules, {listed}." in DOC
