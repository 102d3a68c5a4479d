"""The type checker finds a role without a part that its routers or the other role need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRONT = ROOT / "service/roles/front.py"


def check_with(original: Path, changed: Path) -> str:
    """Return mypy's errors in the wiring with `changed` in place of `original`."""
    told = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context"),
            *("--shadow-file", str(original), str(changed)),
            *("-m", "service.app", "-m", "service.server"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.stderr == ""
    return told.stdout


def without(path: Path, into: Path, field: str) -> Path:
    """Return the module's text without a field of its dataclass and the argument that fills it."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith((f"    {field}: ", f"        {field}="))]
    assert len(lines) - len(kept) >= 2, f"{path.name} has no field {field}"
    copy = into / path.name
    copy.write_text("".join(kept), "utf-8")
    return copy


@pytest.mark.timeout(400)
def test_a_role_without_a_part_that_its_router_needs_is_a_type_error(tmp_path: Path) -> None:
    assert check_with(FRONT, FRONT) == ""
    said = check_with(FRONT, without(FRONT, tmp_path, "tokens"))
    assert 'Argument 2 to "provide" of "Provider" has incompatible type "Front"' in said
    assert "expected " in said
    assert {'"RoomParts"', '"WhipParts"'} <= set(said.replace(";", " ").split())
