from __future__ import annotations

from pathlib import Path

import pytest

from service.alerts.helplines import (
    MAX_BYTES,
    MOST,
    Helpline,
    load_helplines,
    parse_helplines,
    sort_helplines,
)
from service.errors import ConfigurationError

YAML = """
# Those that our members can reach.
- name: Example line
  contact: 000
  languages: [en, zh-Hans]
  hours: day and night
- {name: Another, contact: "https://helpline.example"}
"""
BOTH = (
    Helpline("Example line", "000", ("en", "zh-Hans"), "day and night"),
    Helpline("Another", "https://helpline.example"),
)


def test_a_yaml_file_is_read_with_numbers_as_they_are_written() -> None:
    assert parse_helplines(YAML, "lines.yaml") == BOTH


def test_a_json_file_is_read_whatever_its_indentation(tmp_path: Path) -> None:
    path = tmp_path / "lines.json"
    path.write_bytes(
        b'\xef\xbb\xbf[\n\t{"name": "Example line", "contact": "000",'
        b'\n\t "languages": ["en", "zh-Hans"],\n\t "hours": "day and night"},\n\t'
        b'{"name": "\\u0041nother", "contact": "https:\\/\\/helpline.example"}\n]'
    )
    assert load_helplines(path) == BOTH


def test_without_a_file_there_are_no_helplines() -> None:
    assert load_helplines(None) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f: is not a list of helplines; write a list of entries such as"),
        ("[]", "f:1: is not a list of helplines; write"),
        ("name: a\ncontact: b", "f:1: is not a list of helplines; write"),
        ("- 000", "f:1: [0] is not a helpline; write a list of entries such as"),
        ("- name: a\n- name: b", "f:1: [0] has no contact; add `contact: ...`"),
        ("\n- contact: b", "f:2: [0] has no name; add `name: ...`"),
        ("- name: a\n  contact: b\n  tel: c", "f:3: [0].tel is not a field of a helpline; use"),
        ("- name: a\n  contact: [b]", "f:2: [0].contact is not a line of text; write 1 to 200"),
        ("- name: ' '\n  contact: b", "f:1: [0].name is not a line of text; write"),
        ("- {name: a, contact: b, languages: en}", "f:1: [0].languages is not a list; write"),
        (
            "- name: a\n  contact: b\n  languages: [en, English!]",
            "f:3: [0].languages[1] 'English!' is not a language code; write a code such as en",
        ),
        ("- name: a\n  name: b\n  contact: c", "f:2: [0].name is written a second time, first"),
        ("- name: a\n\tcontact: b", "f:2: is not YAML: "),
        ("- name: a\n  contact: \x00", "contains the character U+0000, so it is not a text file"),
        ("- {name: a, contact: b}\n" * (MOST + 1), f"[{MOST}] is more than {MOST} helplines"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_remedy(text: str, problem: str) -> None:
    if text == "":
        problem = problem.replace("f:", "f:1:", 1)
    with pytest.raises(ConfigurationError) as refused:
        parse_helplines(text, "f")
    assert str(refused.value).startswith("EARSHOT_HELPLINES: f:")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "pack" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, ": cannot be read (No such file or directory); name a YAML or JSON file"),
        (b"- name: a\n  contact: \xff", ":2: is not UTF-8; save the file as UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), f": is larger than {MAX_BYTES} bytes; name a list of helplines"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "lines.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        load_helplines(path)
    assert str(refused.value) == f"EARSHOT_HELPLINES: {path}{problem}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_helplines(tmp_path)


@pytest.mark.parametrize(
    ("languages", "first"), [(["zh"], "B"), (["ZH-hant"], "B"), (["fr", "en"], "A"), ([], "A")]
)
def test_helplines_in_a_language_of_the_room_come_first(languages: list[str], first: str) -> None:
    lines = [Helpline("A", "1", ("en",)), Helpline("B", "2", ("zh-Hans",)), Helpline("C", "3")]
    assert sort_helplines(lines, languages)[0].name == first
