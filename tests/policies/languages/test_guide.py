"""docs/add-a-language.md: a language made as it says is loaded, and an alert has its spans."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "add-a-language.md").read_text("utf-8")
TEST = Path("tests/policies/languages/test_every_language.py")
COPIED = ("pyproject.toml", "tests/__init__.py", "tests/policies/__init__.py", str(TEST))

CONFTEST = """from hypothesis import settings
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
"""
"""The part of tests/conftest.py that the copied tests need."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```\n", GUIDE, re.DOTALL)


def files() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file in the guide: its first line names it."""
    for text in (*blocks("python"), *blocks("yaml")):
        yield text.partition("\n")[0].removeprefix("# "), text


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the guide is about, with the files of the guide in it."""
    folder = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "policies", folder / "policies", ignore=ignored)
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / TEST.parent / "__init__.py").touch()
    (folder / "conftest.py").write_text(CONFTEST)
    for name, text in files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def run(checkout: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with this interpreter as `python`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=checkout,
        env=os.environ | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_print_what_the_guide_shows(checkout: Path) -> None:
    (commands,) = blocks("bash")
    (shown,) = blocks("text")
    done = run(checkout, commands)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(shown)
    assert "passed" in done.stdout


def test_the_span_is_the_words_that_matched() -> None:
    (text,) = re.findall(r'--text "(.*?)"', GUIDE)
    ((start, end, quote),) = re.findall(r"at (\d+)-(\d+): heard “(.*?)”", GUIDE)
    assert text[int(start) : int(end)] == quote


def test_a_tolerance_that_the_language_does_not_offer_is_refused(checkout: Path) -> None:
    pack = (checkout / "kodoj.yaml").read_text("utf-8").replace("by_length", "near")
    (checkout / "near.yaml").write_text(pack, "utf-8")
    done = run(checkout, "python -m policies check near.yaml")
    assert done.returncode == 1
    assert "near.yaml:15 policies[0].match.words.phrases.eo[0]: " in done.stderr
    assert "tolerance near is not offered in 'eo'; set exact or homophone" in done.stderr


def test_without_its_folder_the_pack_is_refused_with_the_languages_that_have_one(
    checkout: Path,
) -> None:
    done = run(checkout, "mv policies/languages/eo other; python -m policies check kodoj.yaml")
    shutil.move(checkout / "other", checkout / "policies" / "languages" / "eo")
    assert done.returncode == 1
    assert (
        "kodoj.yaml:13 policies[0].languages[0]: 'eo' is not a language with a plug-in; "
        "use one of en, zh" in done.stderr
    )


def test_a_folder_without_a_plug_in_is_named(checkout: Path) -> None:
    folder = checkout / "policies" / "languages" / "xx"
    folder.mkdir()
    (folder / "__init__.py").write_text("PLUGIN = None\n")
    done = run(checkout, "python -m policies check kodoj.yaml")
    shutil.rmtree(folder)
    assert done.returncode != 0
    assert "policies/languages/xx: is no language plug-in; define PLUGIN" in done.stderr
