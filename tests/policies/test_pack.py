from __future__ import annotations

import pytest
from pydantic import ValidationError

from policies.fields import Translation, Translations
from policies.languages import CODES
from policies.load import load_text
from policies.pack import words_in
from policies.severity import Severity
from tests.policies.writing import HEADER, errors, pack_text, rule, rule_text


@pytest.mark.parametrize(
    ("written", "seconds"), [("0s", 0), ("30s", 30), ("10m", 600), ("2h", 7200), ("24h", 86_400)]
)
def test_a_cooldown_has_a_unit(written: str, seconds: float) -> None:
    assert rule(cooldown=written).cooldown_s == seconds


@pytest.mark.parametrize(
    "written", ["", "30", "s", "-1s", "1.5m", "25h", "٣s", "1d", "10 m", "9999999s"]
)
def test_other_cooldowns_are_refused(written: str) -> None:
    (error,) = errors(pack_text(rule_text(cooldown=f"cooldown: '{written}'")))
    assert error.startswith("p.yaml:15 policies[0].cooldown: ")


def test_without_a_cooldown_it_is_thirty_seconds() -> None:
    assert rule().cooldown_s == 30


@pytest.mark.parametrize("name", ["A-b", "1a", "a--b", "-a", "a-", "a_b", "ä", "a" * 65, "a\n"])
def test_a_name_is_small_letters_digits_and_single_hyphens(name: str) -> None:
    with pytest.raises(ValidationError):
        rule(name)


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.x", "1.0.0-"])
def test_a_version_has_three_numbers(version: str) -> None:
    header = f"schema: 1\npack: p\nversion: {version}\ntitle: T\ndescription: D\n"
    (error,) = errors(pack_text(header=header))
    assert (
        error == f"p.yaml:3 version: {version!r} is not a version; write three numbers, as in 1.0.0"
    )


@pytest.mark.parametrize(
    "category", ["politics", "religion", "elections", "defamation", "Hate", ""]
)
def test_nothing_outside_the_taxonomy_is_a_category(category: str) -> None:
    (error,) = errors(pack_text(rule_text(category=f"category: '{category}'", subcategory="")))
    assert f".category: {category!r} is not known here; use one of violent_crimes, " in error


@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_can_be_written(severity: Severity) -> None:
    assert errors(pack_text(rule_text(severity=f"severity: {severity}"))) == []


@pytest.mark.parametrize("char", ["\\x1b", "\\r", "\\u202e", "\\u2028", "\\x85", "\\t"])
def test_text_that_people_see_has_no_control_characters(char: str) -> None:
    (error,) = errors(pack_text(rule_text(title=f'title: "a{char}b"')))
    assert ".title: contains the control character U+" in error


def test_every_language_can_be_translated_into() -> None:
    each = {code: Translation(title=code, description=code) for code in CODES}
    translations = Translations.model_validate(each)
    assert {code: translations.in_language(code) for code in CODES} == each


def test_title_and_description_are_read_in_a_language_or_as_the_pack_has_them() -> None:
    zh = "translations: {zh: {title: 标题, description: 说明}}"
    text = pack_text(rule_text(cooldown=zh), header=HEADER + "translations: {}\n")
    pack = load_text(text, "p.yaml")
    (translated,) = pack.policies
    told = Translation(title="标题", description="说明")
    own = Translation(title=translated.title, description=translated.description)
    assert words_in("zh", translated) == told
    assert words_in("en", translated) == own
    assert words_in("zh", pack) == Translation(title="T", description="D")
