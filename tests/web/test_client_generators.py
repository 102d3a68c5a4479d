"""Client generators accept the OpenAPI document whole: no warning, and no operation dropped."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.web.openapi import operations

YAML = frozenset({"check_pack", "put_pack", "show_pack", "show_pack_version"})
SDP = frozenset({"publish_track", "add_candidates"})
EVENT_STREAM = frozenset({"stream_events"})
NOT_JSON = YAML | SDP | EVENT_STREAM
"""Operations whose body or answer is no JSON, which openapi-python-client does not support."""

TYPESCRIPT = Path(__file__).parent / "typescript"
"""Pins of openapi-typescript and what it needs."""
NO_REGISTRY = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT)\b")
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
package = importlib.import_module("client")
for module in pkgutil.walk_packages(package.__path__, "client."):
    importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def operation_ids(document: dict[str, Any]) -> list[str]:
    return [operation["operationId"] for _, _, operation in operations(document)]


def run_program(command: Sequence[str | Path], folder: Path) -> str:
    """Run a program that must succeed. Returns: its output."""
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_operations_that_are_not_json_are_the_named_ones(document: dict[str, Any]) -> None:
    without_json = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if any(
            kind.endswith(("yaml", "sdp", "sdpfrag", "event-stream"))
            for part in (operation.get("requestBody", {}), *operation["responses"].values())
            for kind in part.get("content", {})
        )
    }
    assert without_json == NOT_JSON


def test_openapi_python_client_makes_a_function_of_every_operation(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document = copy.deepcopy(document)
    for path, method, operation in list(operations(document)):
        if operation["operationId"] in NOT_JSON:
            del document["paths"][path][method.lower()]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "config.yaml").write_text("post_hooks: []\npackage_name_override: client\n")
    generator = Path(sys.executable).with_name("openapi-python-client")
    options = ("--meta", "none", "--config", "config.yaml", "--output-path", "out/client")
    said = run_program(
        [generator, "generate", "--path", "openapi.json", "--fail-on-warning", *options], tmp_path
    )
    assert "WARN" not in said.upper()
    functions = [
        path.stem
        for path in (tmp_path / "out" / "client" / "api").glob("*/*.py")
        if re.search(r"^async def asyncio_detailed\(", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert sorted(functions) == sorted(set(operation_ids(document)))
    assert len(functions) >= 45
    run_program([sys.executable, "-c", IMPORT_ALL, tmp_path / "out"], tmp_path)


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the pinned openapi-typescript."""
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TYPESCRIPT / name, folder)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    if done.returncode and NO_REGISTRY.search(done.stderr):
        pytest.skip("LOUD: openapi-typescript was not tested: npm reaches no registry")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.node
def test_openapi_typescript_makes_a_type_of_every_operation(
    document: dict[str, Any], typescript: Path
) -> None:
    (typescript / "openapi.json").write_text(json.dumps(document))
    program = typescript / "node_modules" / ".bin" / "openapi-typescript"
    said = run_program([program, "openapi.json", "--output", "client.d.ts"], typescript)
    assert not re.search(r"warn|error|⚠", said, re.IGNORECASE), said
    _, _, types = (
        (typescript / "client.d.ts").read_text("utf-8").partition("export interface operations {")
    )
    found = re.findall(r"^    (\w+): \{", types, re.MULTILINE)
    received = [path["post"]["operationId"] for path in document["webhooks"].values()]
    assert sorted(found) == sorted([*operation_ids(document), *received])
