"""What `earshot simulate` refuses before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.commands.simulate import simulate


@pytest.mark.parametrize(
    "url", ["http://[::1", "127.0.0.1:8080", "http://", "ftp://host", "http://host:port", ""]
)
@pytest.mark.parametrize("option", ["--url", "--janus"])
def test_what_is_no_url_is_said_to_be_none(option: str, url: str) -> None:
    ran = CliRunner().invoke(simulate, ["--key", "k", option, url])
    assert ran.exit_code == 2
    assert f"'{option}'" in ran.output
    assert "no server's URL, such as http://127.0.0.1:8080" in ran.output


def test_a_report_that_could_not_be_written_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "report.json"
    ran = CliRunner().invoke(simulate, ["--key", "k", "--json", str(path)])
    assert ran.exit_code == 2
    assert "no file can be made in" in ran.output
    ran = CliRunner().invoke(simulate, ["--key", "k", "--json", str(tmp_path)])
    assert ran.exit_code == 2
