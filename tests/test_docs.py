"""The documentation names files, functions, settings, commands and metrics that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from service.app import create_app
from service.commands.cli import cli
from service.metrics import Metrics
from service.settings import Settings
from service.simulation.script import load_script

ROOT = Path(__file__).parents[1]
GUIDES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "policies").rglob("*.md")]
)
"""Every page but the decisions, which may name files of their time."""
PAGES = [*GUIDES, *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
LIVING = [page for page in GUIDES if page.name != "CHANGELOG.md"]
"""Pages about the present."""
FOLDERS = ("service", "asr", "policies", "benchmarks", "tests", "docs", "deploy", "findings")
ARCHITECTURE = ROOT / "docs" / "architecture.md"
SETTINGS = ROOT / "docs" / "settings.md"
TO_BE_MADE = ("policies/languages/eo/", "tests/policies/languages/eo/")
"""Folders that a guide has its reader make."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code_of(page: Path) -> Iterator[str]:
    """Yield the code spans outside code blocks."""
    yield from _CODE.findall(re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return frozenset(heading.replace(" ", "-") for heading in kept)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 900


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_every_file_that_is_named_exists(page: Path) -> None:
    paths = [
        span
        for span in code_of(page)
        if re.fullmatch(r"[\w./-]+", span) and span.startswith(tuple(f"{f}/" for f in FOLDERS))
    ]
    absent = [path for path in paths if not (ROOT / path).exists()]
    assert [path for path in absent if not path.startswith(TO_BE_MADE)] == []


@cache
def defined_in(path: str) -> frozenset[str]:
    """Functions, methods, classes and constants of a Python or JavaScript file."""
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".js"):
        return frozenset(re.findall(r"\b(?:function|class|const) (\w+)", text))
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names |= {f"{node.name}.{each.name}" for each in node.body if hasattr(each, "name")}
        elif isinstance(node, ast.Assign):
            names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return frozenset(names)


def test_the_functions_of_the_walks_and_the_ports_are_in_the_files_beside_them() -> None:
    missing = []
    for line in ARCHITECTURE.read_text("utf-8").splitlines():
        cells = [_CODE.findall(cell) for cell in line.split("|")[1:-1]]
        if len(cells) != 3:
            continue
        walk = re.match(r"\| \d+\. ", line)
        files, names = (cells[1], cells[2]) if walk else (cells[1], cells[0])
        if not all(file.endswith((".py", ".js")) and (ROOT / file).exists() for file in files):
            continue  # a folder, or a file that the test above reports
        if not files or not all(name[0].isalpha() for name in names) or "/" in "".join(names):
            continue
        known = frozenset[str]().union(*map(defined_in, files))
        missing += [f"{name} in {', '.join(files)}" for name in names if name not in known]
    assert missing == []


def test_every_port_is_in_the_table() -> None:
    rooms = ROOT / "service" / "rooms"
    files = [*(ROOT / "service").rglob("ports.py"), rooms / "connector.py", rooms / "control.py"]
    ports = {
        node.name
        for file in [*files, ROOT / "asr" / "work_queue.py", ROOT / "asr" / "transcriber.py"]
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    }
    assert ports - set(code_of(ARCHITECTURE)) == set()


def test_every_setting_is_explained_with_its_default() -> None:
    text = SETTINGS.read_text("utf-8")
    rows = dict(re.findall(r"^\| `EARSHOT_(\w+)` \| (.*?) \|", text, re.MULTILINE))
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if field.default not in (None, "", []):
            default = f"{field.default:g}" if isinstance(field.default, float) else field.default
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            assert rows[name.upper()] == f"`{shown}`"


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    found = set(re.findall(r"\bEARSHOT_([A-Z_]+[A-Z])\b", page.read_text("utf-8")))
    assert found - {name.upper() for name in Settings.model_fields} == set()


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_every_command_that_is_named_exists(page: Path) -> None:
    blocks = re.findall(r"```.*?```", page.read_text("utf-8"), re.DOTALL)
    code = "\n".join([*code_of(page), *blocks])
    unknown = []
    for words in re.findall(r"(?:^| )earshot ((?:[a-z]+ ?){1,2})", code, re.MULTILINE):
        names = words.split()
        command: click.Command | None = cli
        while isinstance(command, click.Group) and names:
            command = command.get_command(click.Context(command), names.pop(0))
        if command is None:
            unknown.append(words)
    assert unknown == []


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_every_metric_that_is_named_exists(page: Path) -> None:
    known = {family.name for family in Metrics().registry.collect()}
    named_ones = [
        re.sub(r"\{.*|_total$|_\*$", "", re.sub(r"\{.*", "", span))
        for span in code_of(page)
        if re.match(r"earshot_[a-z]", span)
    ]
    assert [name for name in named_ones if not any(one.startswith(name) for one in known)] == []


def test_every_call_is_in_the_api_page() -> None:
    """Look for the last fixed part of each path: `/versions` of `/v1/.../versions/{version_id}`."""
    text = (ROOT / "docs" / "http-api.md").read_text("utf-8")
    fixed = {re.findall(r"/[^/{]+", path)[-1] for path in create_app().openapi()["paths"]}
    assert [part for part in sorted(fixed) if part not in text] == []


def test_the_example_of_a_script_can_be_loaded(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "simulate-rooms.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "script.yaml").write_text(example, "utf-8")
    for clip in re.findall(r"clip: ([\w.]+)", example):
        (tmp_path / clip).touch()
    (speaker,) = load_script(tmp_path / "script.yaml").speakers
    assert [line.rule for line in speaker.lines] == ["", "scam-gift-cards"]


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    linked = {link.partition("#")[0] for link in _LINK.findall(index)}
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - linked == set()


def test_every_decision_is_in_their_index() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(_LINK.findall((folder / "README.md").read_text("utf-8")))
    assert {page.name for page in folder.glob("0*.md")} - listed == set()
