"""Programs that tests need. Before the tests, the missing ones are installed if this user may.

Never fails. Tests with a missing program are skipped, and a line at the end counts them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NO_SERVER_OF_ITS_OWN = (
    "mkdir -p /etc/postgresql-common/createcluster.d && "
    "echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/earshot.conf"
)
"""Command that keeps Debian from starting a PostgreSQL. The tests start and stop their own."""
_INSTALL_S = 600


@dataclass(frozen=True, slots=True)
class Part:
    """Debian package that tests need.

    Attributes:
        package: Name of the package.
        gives: Part of it that the tests need, for a person.
        met: Function that returns whether the part is installed.
    """

    package: str
    gives: str
    met: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Need:
    """Program that some tests need.

    Attributes:
        name: Name of the program, for a person.
        marker: Pytest marker of these tests, in `folders` (or files).
        parts: Packages, each checked and installed by itself.
        prepare: Shell command to run before an installation.
    """

    name: str
    marker: str
    folders: Sequence[str]
    parts: Sequence[Part]
    prepare: str = ""

    def missing(self) -> list[Part]:
        return [part for part in self.parts if not part.met()]

    def reason(self, missing: Sequence[Part]) -> str:
        """Return a sentence about the missing parts."""
        return ", ".join(f"{part.gives} ({part.package})" for part in missing) + (
            " is missing" if len(missing) == 1 else " are missing"
        )

    def install(self, missing: Sequence[Part]) -> str:
        """Return the command that installs the missing parts."""
        return f"apt-get install {' '.join(part.package for part in missing)}"


def _program(package: str, name: str = "") -> Part:
    return Part(package, name or package, lambda: shutil.which(name or package) is not None)


def _typelib(package: str, name: str, version: str = "1.0") -> Part:
    """Make the part of a GObject introspection binding for Debian's Python."""
    ask = f"import gi; gi.require_version({name!r}, {version!r})"
    return Part(package, f"the typelib {name}", lambda: _debians_python(ask))


def _element(package: str, *names: str) -> Part:
    """Make the part of GStreamer elements for Debian's Python."""
    ask = (
        "import sys, gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; "
        f"Gst.init(None); sys.exit(not all(map(Gst.ElementFactory.find, {names!r})))"
    )
    return Part(package, f"GStreamer's {', '.join(names)}", lambda: _debians_python(ask))


def _debians_python(ask: str) -> bool:
    """Return whether a program runs without an error in Debian's Python, which has the bindings."""
    if not Path(DEBIANS_PYTHON).exists():
        return False
    done = subprocess.run([DEBIANS_PYTHON, "-c", ask], capture_output=True, check=False)
    return done.returncode == 0


def _has_chinese_font() -> bool:
    if shutil.which("fc-list") is None:
        return False
    done = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True, check=False)
    return bool(done.stdout.strip())


def _has_postgres(program: str) -> bool:
    folder = postgres_programs()
    return folder is not None and (folder / program).exists()


BROWSER = Need(
    "chromium",
    "browser",
    (
        "tests/console",
        "tests/test_processes.py",
        "tests/e2e/test_chromium.py",
        "tests/e2e/test_janus.py",
    ),
    (
        _program("chromium"),
        _program("fontconfig", "fc-list"),
        Part("fonts-wqy-microhei", "a font with Chinese", _has_chinese_font),
    ),
)
"""Browser of the console's tests, with a font for screenshots in Chinese."""
POSTGRES = Need(
    "postgresql",
    "postgres",
    (
        "tests/storage",
        "tests/test_processes.py",
        "tests/drills",
        "tests/e2e",
        "tests/blackbox",
    ),
    (
        Part("postgresql", "PostgreSQL's server", lambda: _has_postgres("initdb")),
        Part("postgresql-client", "psql", lambda: _has_postgres("psql")),
    ),
    prepare=_NO_SERVER_OF_ITS_OWN,
)
JANUS = Need(
    "janus",
    "janus",
    ("tests/rooms", "tests/contracts", "tests/test_processes.py", "tests/e2e"),
    (_program("janus"),),
)
REDIS = Need(
    "redis-server",
    "redis",
    (
        "tests/asr/test_redis_away.py",
        "tests/asr/test_redis_overload.py",
        "tests/asr/test_redis_queue.py",
        "tests/asr/test_redis_streams.py",
        "tests/asr/test_worker.py",
        "tests/contracts/test_work_queues.py",
        "tests/test_processes.py",
        "tests/drills/test_worker_crash.py",
        "tests/e2e/test_workers.py",
    ),
    (_program("redis-server"), _program("redis-tools", "redis-cli")),
)
NODE = Need(
    "node",
    "node",
    ("tests/webhooks/test_docs.py", "tests/web/test_client_generators.py"),
    (_program("nodejs", "node"), _program("npm")),
)
DEBIANS_PYTHON = "/usr/bin/python3"
GSTREAMER = Need(
    "gstreamer",
    "gstreamer",
    ("tests/e2e/test_publishers.py",),
    (
        Part("python3-gi", "Python's gi", lambda: _debians_python("import gi")),
        _typelib("gir1.2-gstreamer-1.0", "Gst"),
        _typelib("gir1.2-gst-plugins-base-1.0", "GstSdp"),
        _typelib("gir1.2-gst-plugins-bad-1.0", "GstWebRTC"),
        _element("gstreamer1.0-plugins-base", "audioconvert", "audioresample", "opusenc"),
        _element("gstreamer1.0-plugins-good", "wavparse", "rtpopuspay", "rtpbin"),
        _element("gstreamer1.0-plugins-bad", "webrtcbin", "dtlsenc", "srtpenc"),
        _element("gstreamer1.0-nice", "nicesink", "nicesrc"),
    ),
)
NEEDS = (BROWSER, POSTGRES, JANUS, REDIS, NODE, GSTREAMER)

CHROMIUM = shutil.which("chromium")
"""Path of Debian's browser; None without one."""


def postgres_programs() -> Path | None:
    """Return the folder with `postgres` and `initdb`, which Debian keeps out of the PATH."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return None if program is None else Path(program).resolve().parent


def main() -> None:
    missing = {need: need.missing() for need in NEEDS}
    become = _root() if any(missing.values()) else None
    if become is not None and shutil.which("apt-get") is not None:
        _install(missing, become)
        missing = {need: need.missing() for need in NEEDS if missing[need]}
    for need, parts in missing.items():
        if parts:
            _say(
                f"LOUD: {need.reason(parts)}: {_tests(need)} {need.marker} tests will be "
                f"skipped; to run them: {need.install(parts)}"
            )


def _install(missing: Mapping[Need, Sequence[Part]], become: Sequence[str]) -> None:
    """Install each package by itself, so that an unavailable one does not stop the others."""
    # Run level 1: Debian starts no server that it installs. The tests start and stop their own.
    as_root = [*become, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    _run([*as_root, "apt-get", "-qq", "update"])
    for need, parts in missing.items():
        if parts and need.prepare:
            _run([*as_root, "sh", "-c", need.prepare])
        for part in parts:
            _say(f"installing {part.package}, which the {need.marker} tests need")
            install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends"]
            _run([*as_root, *install, part.package])


def _run(command: Sequence[str]) -> None:
    """Run a command, and report a failure."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_INSTALL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(f"{' '.join(command)}: {error}")
        return
    if done.returncode:
        _say(f"{' '.join(command)}: {_last_line(done.stderr)}")


def _root() -> list[str] | None:
    """Return the prefix that runs a command as root; None if that needs a password."""
    if os.geteuid() == 0:
        return []
    try:
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ["sudo", "-n"] if asked.returncode == 0 else None


def _tests(need: Need) -> int:
    """Return the number of tests with the marker; 0 if pytest fails."""
    listing = ["-m", "pytest", "-m", need.marker, "--collect-only", "-q", *need.folders]
    listed = subprocess.run([sys.executable, *listing], capture_output=True, check=False)
    return listed.stdout.count(b"::")


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it failed and did not say why"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
