"""Count docstrings in idiolect and function names that a search cannot tell apart.

Run by `make check`. With folders as arguments it lists what is in those, and counts nothing against
the bounds.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("service", "asr", "policies", "benchmarks", "tests")
MOST_RIDDLES = 19
"""Docstrings and field descriptions that may begin with a free relative clause or a genitive."""
MOST_MODULES = 5
"""Modules that may define a public function of the same name."""
ANYWHERE = frozenset({"upgrade", "downgrade", "close", "main"})
"""Names that a framework or a protocol asks for."""

_RIDDLE = (
    r"(Of|What|Whatever|Whose|Whom|Who|Whoever|When|Whenever|Where|Wherever|Which|Whichever|How|Why"
    r"|As|That|The like)\b"
)
_FIELD = re.compile(rf"^\s+[a-z_][a-z0-9_, ]*: {_RIDDLE}")
_DOCSTRING = re.compile(rf"^{_RIDDLE}")


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of a docstring.

    Attributes:
        path: File, relative to the repository's root.
    """

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def riddles(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """Yield the docstrings and field descriptions that begin with no noun and no verb."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                pass
            case _:
                continue
        lines = text.splitlines()
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        for number, line in enumerate(lines):
            found = _DOCSTRING.match(line.lstrip()) if number == first else _FIELD.match(line)
            if found:
                yield Finding(path, node.lineno + number, line.strip())


def public_functions(body: Sequence[ast.stmt]) -> set[str]:
    """Return the names of the functions that this module or class defines for others."""
    return {
        statement.name
        for statement in body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        and not statement.name.startswith("_")
    }


def ports(modules: Iterable[ast.Module]) -> Sequence[set[str]]:
    """Return the methods of each protocol class."""
    return [
        public_functions(node.body)
        for tree in modules
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and _is_port(node)
    ]


def own_names(tree: ast.Module, declared: Sequence[set[str]]) -> set[str]:
    """Return the names that the module chose: those of no port that a class of it implements."""
    names = public_functions(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not _is_port(node):
            methods = public_functions(node.body)
            implemented = [port for port in declared if port and port <= methods]
            names |= methods.difference(*implemented)
    return names - ANYWHERE


def crowded(modules: Mapping[Path, ast.Module]) -> Mapping[str, Sequence[Path]]:
    """Return the names that too many modules chose."""
    declared = ports(modules.values())
    where: dict[str, list[Path]] = defaultdict(list)
    for path, tree in modules.items():
        for name in own_names(tree, declared):
            where[name].append(path)
    return {name: paths for name, paths in where.items() if len(paths) > MOST_MODULES}


def _is_port(node: ast.ClassDef) -> bool:
    return any("Protocol" in ast.dump(base) for base in node.bases)


def _parsed(folders: Sequence[str]) -> dict[Path, ast.Module]:
    return {
        path.relative_to(ROOT): ast.parse(path.read_text("utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def main(folders: Sequence[str]) -> int:
    """Print what is found. Returns: 1 beyond a bound."""
    parsed = _parsed(folders or FOLDERS)
    found = [one for path, tree in parsed.items() for one in riddles(path, tree)]
    product = {path: tree for path, tree in parsed.items() if path.parts[0] != "tests"}
    names = crowded(product)
    failed = len(found) > MOST_RIDDLES or bool(names)
    if folders or failed:
        print(*found, sep="\n")
        for name, paths in names.items():
            print(f"{name}: defined in {len(paths)} modules:", *paths)
    print(
        f"{len(found)} docstrings begin with a free relative or a genitive "
        f"(at most {MOST_RIDDLES}); {len(names)} function names in too many modules"
    )
    return int(failed and not folders)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
