"""Find docstrings and comments in idiolect, and function names that a search cannot tell apart.

With folders as arguments it lists the findings in them and exits with 0. Without arguments it
counts all findings, and exits with 1 above a bound.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("service", "asr", "policies", "benchmarks", "tests")
MOST_RIDDLES = 19
"""Docstrings and field descriptions that may begin with a free relative clause or a genitive."""
MOST_IDIOMS = 19
"""Lines of docstrings and comments that may contain a phrase of the idiolect."""
MOST_MODULES = 5
"""Modules that may define a public function of the same name."""
ANYWHERE = frozenset({"upgrade", "downgrade", "close", "main"})
"""Names that a framework or a protocol asks for."""

_RIDDLE = (
    r"(Of|What|Whatever|Whose|Whom|Who|Whoever|When|Whenever|Where|Wherever|Which|Whichever|How|Why"
    r"|As|That|The like)\b"
)
_DOCSTRING = re.compile(rf"^{_RIDDLE}")
_FIELD = re.compile(rf"^(\s+[a-z_*][a-z0-9_*, ]*|\s*(Returns|Raises|Yields)): {_RIDDLE}")
_IDIOM = re.compile(
    r"\b(tells? of|told of|so it is|is none that|(for|after|within) so long|so many|all the same"
    r"|whoever|borne|foretells?|glimpses?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Line of a docstring or a comment.

    Attributes:
        path: File, relative to the repository's root.
    """

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def docstrings(tree: ast.Module) -> Iterator[list[tuple[int, str]]]:
    """Yield each docstring, also those of attributes, as numbered lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield [(node.lineno + at, line) for at, line in enumerate(text.splitlines())]


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield each comment with the number of its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def riddles(path: Path, source: str) -> Iterator[Finding]:
    """Yield the docstrings and field descriptions that begin with no noun and no verb."""
    for lines in docstrings(ast.parse(source)):
        first = next((at for at, (_, line) in enumerate(lines) if line.strip()), 0)
        for at, (number, line) in enumerate(lines):
            found = _DOCSTRING.match(line.lstrip()) if at == first else None
            if found or _FIELD.match(line):
                yield Finding(path, number, line.strip())


def idioms(path: Path, source: str) -> Iterator[Finding]:
    """Yield the lines of docstrings and comments with a phrase of the idiolect."""
    lines = [line for lines in docstrings(ast.parse(source)) for line in lines]
    for number, line in sorted([*lines, *comments(source)]):
        if _IDIOM.search(line):
            yield Finding(path, number, line.strip())


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
    """Return the function names that the module chose, without those that a port asks for."""
    names = public_functions(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not _is_port(node):
            methods = public_functions(node.body)
            implemented = [port for port in declared if port and port <= methods]
            names |= methods.difference(*implemented)
    return names - ANYWHERE


def crowded(sources: Mapping[Path, str]) -> Mapping[str, Sequence[Path]]:
    """Return the function names that too many modules chose, with the modules."""
    modules = {path: ast.parse(source) for path, source in sources.items()}
    declared = ports(modules.values())
    where: dict[str, list[Path]] = defaultdict(list)
    for path, tree in modules.items():
        for name in own_names(tree, declared):
            where[name].append(path)
    return {name: paths for name, paths in where.items() if len(paths) > MOST_MODULES}


def _is_port(node: ast.ClassDef) -> bool:
    return any("Protocol" in ast.dump(base) for base in node.bases)


def _listed(paths: Sequence[Path]) -> str:
    return f"{len(paths)} modules: {' '.join(map(str, paths))}"


def _sources(folders: Sequence[str]) -> dict[Path, str]:
    return {
        path.relative_to(ROOT) if path.is_relative_to(ROOT) else path: path.read_text("utf-8")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def main(folders: Sequence[str]) -> int:
    """List the findings in the folders, or check the whole repository against the bounds."""
    sources = _sources(folders or FOLDERS)
    openings = [one for path, source in sources.items() for one in riddles(path, source)]
    phrases = [one for path, source in sources.items() for one in idioms(path, source)]
    product = {path: source for path, source in sources.items() if path.parts[0] != "tests"}
    names = crowded(product)
    failed = len(openings) > MOST_RIDDLES or len(phrases) > MOST_IDIOMS or bool(names)
    lines = [str(one) for one in [*openings, *phrases]] if folders or failed else []
    lines += [f"{name}: defined in {_listed(paths)}" for name, paths in names.items()]
    lines.append(
        f"{len(openings)} docstrings begin with a free relative or a genitive "
        f"(at most {MOST_RIDDLES}); {len(phrases)} lines have a phrase of the idiolect "
        f"(at most {MOST_IDIOMS}); {len(names)} function names in too many modules"
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return int(failed and not folders)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
