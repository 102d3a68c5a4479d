from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import BROWSER, GSTREAMER, JANUS, NEEDS, NODE, POSTGRES, REDIS, Need

PROGRAM = Path(__file__).parent / "needs.py"
NOTHING = "#!/bin/sh\n"
SAYS_A_FONT = "#!/bin/sh\necho /usr/share/fonts/some.ttc\n"
LETS_ROOT_RUN = '#!/bin/sh\nshift\nexec "$@"\n'
"""`sudo -n COMMAND` that needs no password."""
HAS_NO_NODE = """#!/bin/sh
echo "$*" >> "$OUT/asked"
for package; do :; done
case "$package" in
    janus) : > "$OUT/janus"; chmod 755 "$OUT/janus";;
    redis-tools) : > "$OUT/redis-cli"; chmod 755 "$OUT/redis-cli";;
    nodejs) echo "E: Unable to locate package nodejs" >&2; exit 100;;
esac
"""
"""`apt-get` that logs its arguments and has two of three packages."""
WITHOUT_WEBRTC = """
import importlib.util, sys
folder = "/usr/lib/python3/dist-packages/gi"
spec = importlib.util.spec_from_file_location(
    "gi", folder + "/__init__.py", submodule_search_locations=[folder]
)
sys.modules["gi"] = gi = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gi)
known = gi.require_version
gi.require_version = lambda name, version: known(name.replace("GstWebRTC", "Absent"), version)
"""
"""Debian's bindings on a machine without the typelib for GstWebRTC."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with all programs of a machine, with everything that the tests need."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("chromium", "janus", "redis-server", "redis-cli", "node", "npm"):
        provide(folder, name)
    provide(folder, "fc-list", SAYS_A_FONT)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def provide(folder: Path, name: str, text: str = NOTHING) -> None:
    program = folder / name
    program.write_text(text)
    program.chmod(0o755)


def lacking(need: Need) -> list[str]:
    return [part.package for part in need.missing()]


def run_needs() -> list[str]:
    """Return the first lines of `make test`, without those about needs outside the PATH."""
    done = subprocess.run(
        [sys.executable, PROGRAM],
        env=os.environ,
        cwd=PROGRAM.parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert (done.returncode, done.stdout) == (0, "")
    elsewhere = [part.package for need in (POSTGRES, GSTREAMER) for part in need.missing()]
    return [
        line
        for line in done.stderr.splitlines()
        if not any(f"({package})" in line or f" {package}" in line for package in elsewhere)
    ]


@pytest.mark.usefixtures("programs")
def test_where_everything_is_there_nothing_is_said() -> None:
    assert run_needs() == []


def test_what_is_missing_is_said_in_one_line_with_its_remedy(programs: Path) -> None:
    (programs / "chromium").unlink()
    [line] = run_needs()
    said = re.match(r"LOUD: chromium \(chromium\) is missing: (\d+) browser tests will be", line)
    assert said is not None
    assert int(said[1]) > 2
    assert line.endswith("skipped; to run them: apt-get install chromium")


@pytest.mark.parametrize(
    ("program", "need", "packages"),
    [
        ("chromium", BROWSER, ["chromium"]),
        ("fc-list", BROWSER, ["fontconfig", "fonts-wqy-microhei"]),
        ("janus", JANUS, ["janus"]),
        ("redis-server", REDIS, ["redis-server"]),
        ("redis-cli", REDIS, ["redis-tools"]),
        ("node", NODE, ["nodejs"]),
        ("npm", NODE, ["npm"]),
    ],
)
def test_each_program_is_missed_by_itself(
    programs: Path, program: str, need: Need, packages: list[str]
) -> None:
    assert lacking(need) == []
    (programs / program).unlink()
    assert lacking(need) == packages
    assert all(lacking(other) == [] for other in (BROWSER, JANUS, REDIS, NODE) if other != need)


def test_a_browser_without_a_font_for_chinese_lacks_the_font_alone(programs: Path) -> None:
    provide(programs, "fc-list")
    missing = BROWSER.missing()
    assert BROWSER.reason(missing) == "a font with Chinese (fonts-wqy-microhei) is missing"
    assert BROWSER.install(missing) == "apt-get install fonts-wqy-microhei"


@pytest.mark.gstreamer
def test_gstreamer_without_one_of_its_typelibs_lacks_that_package_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GStreamer's tools and plug-ins may be there without the bindings."""
    bindings = tmp_path / "gi"
    bindings.mkdir()
    (bindings / "__init__.py").write_text(WITHOUT_WEBRTC)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    missing = GSTREAMER.missing()
    said = "the typelib GstWebRTC (gir1.2-gst-plugins-bad-1.0) is missing"
    assert GSTREAMER.reason(missing) == said


@pytest.mark.gstreamer
def test_gstreamer_without_its_plugins_lacks_each_package_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GST_PLUGIN_SYSTEM_PATH_1_0", str(tmp_path))
    monkeypatch.setenv("GST_REGISTRY_1_0", str(tmp_path / "registry"))
    assert lacking(GSTREAMER) == [
        "gstreamer1.0-plugins-base",
        "gstreamer1.0-plugins-good",
        "gstreamer1.0-plugins-bad",
        "gstreamer1.0-nice",
    ]


def test_what_is_missing_is_installed_package_by_package(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unavailable package is reported and does not stop the others."""
    for name in ("node", "janus", "redis-cli"):
        (programs / name).unlink()
    for name in ("env", "chmod"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    provide(programs, "sudo", LETS_ROOT_RUN)
    provide(programs, "apt-get", HAS_NO_NODE)
    monkeypatch.setenv("OUT", str(programs))
    said = run_needs()
    asked = [line.split()[-1] for line in (programs / "asked").read_text().splitlines()]
    assert asked[0] == "update"
    assert [one for one in asked if one in ("nodejs", "janus", "redis-tools")] == [
        "janus",
        "redis-tools",
        "nodejs",
    ]
    assert any(line.endswith("nodejs: E: Unable to locate package nodejs") for line in said)
    [loud] = [line for line in said if line.startswith("LOUD: ")]
    assert loud.endswith("to run them: apt-get install nodejs")


def test_every_need_names_tests() -> None:
    """The folders of a need's tests are written by hand."""
    root = PROGRAM.parent.parent
    for need in NEEDS:
        files = [
            file
            for place in need.folders
            for file in ([root / place] if place.endswith(".py") else (root / place).rglob("*.py"))
        ]
        assert any(f"mark.{need.marker}" in file.read_text() for file in files), need.name
