from __future__ import annotations

from pathlib import Path

import pytest

from policies.stored import Stored, StoredInvalid, parse_stored, read_stored, strip_marks


def read(*lines: str) -> list[Stored]:
    return list(parse_stored(lines, "talk.jsonl"))


def test_a_line_says_who_spoke_where_when_and_what() -> None:
    line = (
        '{"text": "give me the code", "room": "r", "speaker": "ann", "role": "host",'
        ' "at": "2026-11-22T18:00:12.500Z", "seconds": 2, "language": "en", "more": 1}'
    )
    assert read(line) == [Stored("r", "ann", "en", "give me the code", 1795370412.5, 2, "host")]


def test_missing_times_are_reckoned_from_the_words() -> None:
    five = '{"text": "one two three four five", "dialogue": 3}'
    first, second = read(five, "", five)
    assert (first.at_s, first.seconds, first.room_id) == (0.0, 2.0, "3")
    assert second.at_s == 2.0
    (chinese,) = read('{"text": "你好你好"}')
    assert (chinese.language, chinese.seconds) == ("zh", 1.0)


def test_the_marks_of_corpora_are_taken_out() -> None:
    assert strip_marks("that 's {laugh} what I 'm saying") == "that's   what I'm saying"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("not json", "talk.jsonl:2: is not JSON; write one object a line"),
        ("[" * 100_000, "talk.jsonl:2: is not JSON; write one object a line"),
        ("[1]", 'talk.jsonl:2: has no text; write {"text": ...}'),
        ('{"text": 1}', 'talk.jsonl:2: has no text; write {"text": ...}'),
        ('{"text": "a", "at": "noon"}', "talk.jsonl:2: its time cannot be read; write seconds, "),
        ('{"text": "a", "at": true}', "talk.jsonl:2: its time cannot be read; write seconds, "),
    ],
)
def test_a_line_that_is_wrong_is_named(line: str, problem: str) -> None:
    with pytest.raises(StoredInvalid) as caught:
        read('{"text": "fine"}', line)
    assert str(caught.value).startswith(problem)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoredInvalid, match=r"no\.jsonl: cannot be read"):
        list(read_stored(tmp_path / "no.jsonl"))
    (tmp_path / "bad.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(StoredInvalid, match=r"bad\.jsonl: is not UTF-8 text"):
        list(read_stored(tmp_path / "bad.jsonl"))


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_text('{"text": "é"}\n{"text": "b"}\n', encoding="utf-8")
    told: list[int] = []
    assert len(list(read_stored(path, told.append))) == 2
    assert sum(told) == path.stat().st_size
