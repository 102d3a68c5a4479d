from __future__ import annotations

from policies.handbook import Measured, write_handbook
from policies.pack import Pack
from tests.policies.writing import pack, rule


def written() -> Pack:
    return pack(
        rule("asks", ["read me"], budget_fa_per_hour="0.1", false_positives=["Story time"]),
        name="some-pack",
    )


def test_each_rule_has_its_row_and_its_words() -> None:
    measured = Measured({"en": 2.0, "zh": 1.0}, {"some-pack/asks": {"en": 3}})
    found = write_handbook([written()], measured)
    assert "1 packs, 1 rules, 6 examples" in found
    assert "all matches on benign speech: 2.0 h in 'en' and 1.0 h in 'zh'" in found
    assert "| `asks` | medium | en | 3 / 3 / 0 | en 1.50 | 0.1 | alert |" in found
    assert "**Title of asks** (`asks`, non_violent_crimes). What is listened for." in found
    assert "Known mistakes: Story time." in found


def test_a_rule_that_was_never_wrong_shows_zero() -> None:
    assert "| en 0.00 |" in write_handbook([written()], Measured({"en": 5.0}, {}))
