"""Labels in files that Audacity exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ingest.labels import labels_of
from service.errors import ConfigurationError


def test_labels_are_found_beside_their_recording(tmp_path: Path) -> None:
    (tmp_path / "talk.speech.txt").write_text(
        "0.250000\t1.500000\tspeech\n2\t3.25\n", encoding="utf-8"
    )
    assert labels_of(tmp_path / "talk.wav", 4.0) == [(0.25, 1.5), (2.0, 3.25)]


def test_an_unmarked_recording_has_no_labels(tmp_path: Path) -> None:
    assert labels_of(tmp_path / "talk.wav", 4.0) is None


@pytest.mark.parametrize(
    "track", ["1.5 2.5 speech", "2.0\t1.0\tspeech", "-1\t1\t", "one\ttwo", "nan\t2"]
)
def test_a_bad_label_is_refused_with_its_line(tmp_path: Path, track: str) -> None:
    (tmp_path / "talk.speech.txt").write_text(track, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"talk\.speech\.txt, line 1: .* tab"):
        labels_of(tmp_path / "talk.wav", 4.0)


def test_byte_order_marks_and_frequencies_are_ignored(tmp_path: Path) -> None:
    track = "\ufeff2\t3\tone\u2028two\r\n\\\t100.0\t900.0\r\n0.5\t1\t\r\n\r\n"
    (tmp_path / "talk.speech.txt").write_text(track, encoding="utf-8", newline="")
    assert labels_of(tmp_path / "talk.wav", 4.0) == [(0.5, 1.0), (2.0, 3.0)]


@pytest.mark.parametrize("last", ["4.2", "1500", "1e300", "inf"])
def test_labels_that_end_after_the_recording_are_refused(tmp_path: Path, last: str) -> None:
    (tmp_path / "talk.speech.txt").write_text(f"1\t{last}\n2\t3\n", encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"talk\.speech\.txt marks speech up to .* 4\.00 s"
    ):
        labels_of(tmp_path / "talk.wav", 4.0)


def test_an_empty_file_of_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "talk.speech.txt").touch()
    with pytest.raises(ConfigurationError, match="has no labels"):
        labels_of(tmp_path / "talk.wav", 4.0)


def test_labels_of_a_known_recording_are_in_order() -> None:
    known = labels_of(Path("jfk.flac"), 11.0)
    assert known is not None
    edges = [edge for label in known for edge in label]
    assert edges == sorted(edges)
    assert len(edges) > 4
