"""Options that `earshot simulate` refuses before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.commands.out_file import OutFile
from service.commands.simulate import simulate


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "127.0.0.1:8080",
        "http://",
        "ftp://host",
        "http://host:port",
        "",
        "http://999.1.1.1:1",
        "http://ä ö",
        "http://host\n",
        "http://xn--a",
        "http://a b",
        "http://host:0",
        "http://host:99999",
    ],
)
@pytest.mark.parametrize("option", ["--url", "--janus"])
def test_a_bad_url_is_refused(option: str, url: str) -> None:
    ran = CliRunner().invoke(simulate, ["--key", "k", option, url])
    assert ran.exit_code == 2
    assert f"'{option}'" in ran.output
    assert "is not the URL of a server, such as http://127.0.0.1:8080" in ran.output


@pytest.mark.parametrize("name", ["nowhere/report.json", "", ".", "file/report.json"])
def test_a_report_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("old")
    path = str(tmp_path / name) if name else ""
    ran = CliRunner().invoke(simulate, ["--key", "k", "--json", path])
    assert ran.exit_code == 2
    assert "'--json'" in ran.output


@pytest.mark.parametrize("name", ["new.json", "old.json"])
def test_a_writable_file_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "old.json").write_text("old")
    monkeypatch.chdir(tmp_path)
    assert OutFile().convert(name, None, None) == Path(name)
    assert OutFile().convert("/dev/null", None, None) == Path("/dev/null")
