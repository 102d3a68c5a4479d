from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.rows import Row, finish


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("n", 1, "s"), None),
        (Row("n", 1, "s", 1), True),
        (Row("n", 1.1, "s", 1), False),
        (Row("n", 0.9, "", 0.9, least=True), True),
        (Row("n", 0.8, "", 0.9, least=True), False),
    ],
)
def test_a_bar_is_a_most_or_a_least(row: Row, holds: bool | None) -> None:
    assert row.holds is holds


def test_rows_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row("fast", 1.5, "us", 4, peer="re", ratio=0.01),
        Row("heard", 0.8, "", 0.9, least=True),
        Row("plain", 3, "h"),
    ]
    file = tmp_path / "rows.json"
    assert finish(rows, file) == 1
    assert finish(rows[:1], None) == 0
    printed = capsys.readouterr().out
    assert "| fast | 1.5 us (0.01 x re) | <= 4 us | yes |" in printed
    assert "| heard | 0.8  | >= 0.9 | NO |" in printed
    assert json.loads(file.read_text())[1] == {
        "name": "heard", "value": 0.8, "unit": "", "bar": 0.9, "holds": False, "peer": None,
        "ratio": None,
    }  # fmt: skip
