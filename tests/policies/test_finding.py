from __future__ import annotations

from policies.finding import PackError, PackInvalid, clip, field_name, quote


def test_an_error_names_file_line_field_problem_and_remedy() -> None:
    error = PackError("a.yaml", 3, "policies[0].id", "is missing", "add it")
    assert str(error) == "a.yaml:3 policies[0].id: is missing; add it"


def test_an_error_of_the_whole_file_has_neither_line_nor_field() -> None:
    assert str(PackError("a.yaml", None, "", "is empty", "fill it")) == "a.yaml: is empty; fill it"


def test_the_exception_shows_every_error_on_its_line() -> None:
    errors = [PackError("a.yaml", line, "", "is bad", "mend it") for line in (1, 2)]
    assert str(PackInvalid(errors)) == "a.yaml:1: is bad; mend it\na.yaml:2: is bad; mend it"


def test_odd_field_names_cannot_break_the_line() -> None:
    assert field_name(("a", 0, "x\n\x1b[31m")) == r"a[0].'x\n\x1b[31m'"
    assert len(field_name(("x" * 10_000,))) == 60


def test_long_values_are_clipped() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"
    assert quote("a\nb") == r"'a\nb'"
