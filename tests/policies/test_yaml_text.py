from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.finding import Finding
from policies.yaml_text import MAX_DEPTH, Unreadable, Value, parse_yaml

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]))
KEYS = st.text("abcdefgh", min_size=1, max_size=8)
VALUES: st.SearchStrategy[Value] = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def refused(text: str) -> list[Finding]:
    with pytest.raises(Unreadable) as caught:
        parse_yaml(text)
    return caught.value.findings


def test_words_stay_as_they_are_written() -> None:
    document, doubled = parse_yaml("- no\n- 911\n- 12:30\n- null\n- 1.0\n- 2024-01-01\n- 'on'\n-\n")
    assert document.value == ["no", "911", "12:30", "null", "1.0", "2024-01-01", "on", ""]
    assert doubled == []


def test_every_key_and_item_knows_its_line() -> None:
    document, _ = parse_yaml("a: 1\nb:\n  - x\n  - c: 2\n    d: [p,\n        q]\n")
    assert document.line_of(("a",)) == 1
    assert document.line_of(("b", 0)) == 3
    assert document.line_of(("b", 1, "d")) == 5
    assert document.line_of(("b", 1, "d", 1)) == 6


def test_what_is_missing_has_the_line_of_what_would_contain_it() -> None:
    document, _ = parse_yaml("a: 1\nb:\n  c: 2\n")
    assert document.line_of(("b", "missing", 3)) == 2
    assert document.line_of(("missing",)) == 1


def test_a_doubled_key_keeps_the_first_and_is_told() -> None:
    document, doubled = parse_yaml("a: {x: 1}\nb: 2\na:\n  x: [9, 9]\n")
    assert document.value == {"a": {"x": "1"}, "b": "2"}
    assert document.line_of(("a", "x")) == 1
    (finding,) = doubled
    assert (finding.line, finding.where) == (3, ("a",))
    assert finding.problem == "is written a second time, first on line 1"


def test_every_anchor_alias_and_tag_is_told() -> None:
    found = refused("a: &x 1\nb: *x\nc: !!python/name:os.system 2\n? *x\n: 3\n")
    assert [(finding.line, finding.problem) for finding in found] == [
        (1, "has the YAML anchor &x"),
        (2, "has the YAML alias *x"),
        (3, "has the tag 'tag:yaml.org,2002:python/name:os.system'"),
        (4, "has the YAML alias *x"),
    ]


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: 1\n---\nb: 2\n", "a second document starts here", 2),
        ("a: 1\n[b, c]: 2\n", "has a list or mapping as a key", 2),
        ("a: 1\nb: [1, 2\n", "is not YAML: did not find expected ',' or ']'", 3),
        ("a: 1\nb: @\n", "is not YAML: found character that cannot start any token", 2),
        ("a: 1\nb: \x00\n", "contains the character U+0000, so it is not a text file", 2),
        ("a: \ud800", "contains the character U+D800, so it is not a text file", 1),
        ("\n" + "[" * 50, f"is nested more than {MAX_DEPTH} deep", 2),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, problem: str, line: int) -> None:
    (finding,) = refused(text)
    assert (finding.problem, finding.line) == (problem, line)


def test_an_empty_text_is_an_empty_word() -> None:
    assert parse_yaml("# nothing\n")[0].value == ""


@given(VALUES)
def test_what_is_written_is_read_back(value: Value) -> None:
    written = yaml.safe_dump(value, allow_unicode=True, default_style='"')
    if '"": ' not in written and "!!" not in written:
        assert parse_yaml(written)[0].value == value


@given(st.text("a:-[]{}&*!?|>'\"#,% \n", max_size=60))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        parse_yaml(text)
        lines: list[int | None] = [1]
    except Unreadable as unreadable:
        lines = [finding.line for finding in unreadable.findings]
    assert lines
    assert all(lines)
