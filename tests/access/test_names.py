from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.names import BadName, check_name, check_text, look_alike


def test_a_fault_is_named_with_its_place_and_the_remedy() -> None:
    with pytest.raises(BadName, match=r"character 3 is U\+200B \(ZERO WIDTH SPACE\)"):
        check_name("Mo\u200bra")
    with pytest.raises(BadName, match="letters of Cyrillic and Latin"):
        check_name("M\u043era")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Mora", "MORA", True),
        ("Straße", "STRASSE", True),
        ("Ｍｏｒａ", "Mora", True),
        ("Ada", "\u0410\u0501\u0430", True),
        ("O2", "02", True),
        ("Ida", "lda", True),
        ("modern", "modem", True),
        ("نامه\u200cای", "نامهای", True),
        ("Eli", "Ell", False),
        ("João", "Joao", False),
        ("Node 1", "Node 2", False),
        ("王小明", "王小朋", False),
    ],
)
def test_names_look_alike(one: str, other: str, expected: bool) -> None:
    assert look_alike(one, other) is expected
    assert look_alike(other, one) is expected


@given(st.text(max_size=12))
def test_every_name_looks_like_itself_and_a_check_never_fails_otherwise(name: str) -> None:
    assert look_alike(name, name)
    assert look_alike(name, unicodedata.normalize("NFKC", name)) or "\u200d" in name
    try:
        assert check_name(name) == name
    except BadName:
        return
    assert check_text(name) == name
    hidden = [char for char in name if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert hidden == []


@given(st.text(st.characters(codec="utf-8", categories=["Lo"]), min_size=1, max_size=12))
def test_letters_of_a_script_without_case_are_a_name(name: str) -> None:
    invisible = {"\u115f", "\u1160", "\u3164", "\uffa0"}
    assert invisible & set(name) or check_name(name) == name
