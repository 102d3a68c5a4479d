"""Search of the product's source for private names of aiortc, aioice, pylibsrtp and asyncio."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from service.rooms.peer.private_names import resolve_name

ROOT = Path(__file__).parents[3]
LIBRARIES = ("aiortc", "aioice", "pylibsrtp", "asyncio")
DOCUMENTED = {"_asdict", "_exit"}
"""Public names with an underscore, of named tuples, SQLAlchemy's rows and os."""
_OURS = "_earshot"
"""Prefix of our own attributes on objects of the libraries."""
_UNDOCUMENTED = (
    "aiortc.rtcdtlstransport:RtpRouter",
    "aiortc.rtcrtpreceiver:StreamStatistics",
    "aiortc.rtp:RtpPacket",
    "aiortc.sdp:SessionDescription",
    "aiortc.sdp:MediaDescription",
    "aioice.ice:StunProtocol",
    "aioice.ice:CandidatePair",
)
_ORDINARY = {
    *("add", "clear", "close", "copy", "get", "id", "name", "parse", "payload", "state", "task"),
    *("timestamp", "sequence_number", "time", "type", "version", "port", "host", "jitter"),
}
"""Names of undocumented classes that other objects have as well, so that a use proves nothing."""


@dataclass(frozen=True, slots=True)
class ReachIn:
    """One use of a private name.

    Attributes:
        owner: Module or class that has the name; empty where the source does not show it.
    """

    path: str
    line: int
    name: str
    owner: str = ""

    def __str__(self) -> str:
        whose = f"{self.owner}: " if self.owner else ""
        return f"{self.path}:{self.line}: {whose}{self.name}"


def sources(*folders: str) -> Sequence[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def reach_ins(text: str, path: str = "") -> Sequence[ReachIn]:
    """Return all uses in one file, listed in `private_names.py` or not."""
    tree = ast.parse(text)
    file = _File(tree)
    found = []
    for node in ast.walk(tree):
        for name, owner in file.private(node):
            found.append(ReachIn(path, getattr(node, "lineno", 0), name, owner))
    return found


class _File:
    """One file's own names, and its imports of the libraries."""

    def __init__(self, tree: ast.AST) -> None:
        self._own = set(_defined(tree))
        self._constants = dict(_constants(tree))
        self._modules = dict(_imported_modules(tree))
        self._touches = any(library in ast.unparse(tree) for library in LIBRARIES[:3])

    def private(self, node: ast.AST) -> Iterator[tuple[str, str]]:
        """Yield the private names that a node uses, each with its owner where it is named."""
        match node:
            case ast.ImportFrom(module=str(module), names=names, level=0):
                if module.partition(".")[0] in LIBRARIES:
                    for alias in names:
                        if not _public(module, alias.name):
                            yield alias.name, module
            case ast.Attribute(value=value, attr=name):
                dotted = self._dotted(value)
                if dotted is not None:
                    if not _public(dotted, name) and not _is_module(f"{dotted}.{name}"):
                        yield name, dotted
                elif self._foreign(name, own_object=_is_self(value)):
                    yield name, ""
                elif isinstance(node.ctx, ast.Store) and self._replaces(name, value):
                    yield name, ""
            case ast.Call(func=ast.Name(id="resolve_name"), args=[owner, *rest]):
                where = self._text(owner) or "?"
                if rest:
                    yield self._text(rest[0]) or "?", where
                elif ":" in where:
                    module, _, kind = where.partition(":")
                    yield kind, module
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"),
                args=[value, name, *_],
            ):
                text = self._text(name)
                if text is not None and self._foreign(text, own_object=_is_self(value)):
                    yield text, ""

    def _foreign(self, name: str, *, own_object: bool) -> bool:
        if name in DOCUMENTED or name.startswith((_OURS, "__")):
            return False
        if name.startswith("_"):
            return name not in self._own
        return self._touches and not own_object and name in undocumented() - self._own

    def _replaces(self, name: str, value: ast.expr) -> bool:
        return self._touches and not _is_self(value) and name in functions()

    def _text(self, node: ast.AST) -> str | None:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return self._constants.get(name)
        return None

    def _dotted(self, node: ast.AST) -> str | None:
        """Return the library module or class that an expression names, such as `aioice.ice`."""
        match node:
            case ast.Name(id=name):
                return self._modules.get(name)
            case ast.Attribute(value=value, attr=name):
                module = self._dotted(value)
                inner = f"{module}.{name}"
                return inner if module is not None and _is_module(inner) else None
        return None


@cache
def undocumented() -> set[str]:
    """Return attributes of the libraries' unexported classes, except ordinary names."""
    names: set[str] = set()
    for owner in _UNDOCUMENTED:
        kind = resolve_name(owner)
        names.update(name for name in vars(kind) if not name.startswith("_"))
        names.update(re.findall(r"^\s+self\.([a-z]\w*)\b.* = ", inspect.getsource(kind), re.M))
        names.update(getattr(kind, "__annotations__", ()))
    return names - _ORDINARY - _of_exported()


@cache
def functions() -> set[str]:
    """Return the functions and methods of the libraries. An assignment to one replaces it."""
    names: set[str] = set()
    for module in [*sys.modules.values()]:
        if module.__name__.partition(".")[0] in LIBRARIES[:3]:
            places = [module, *filter(inspect.isclass, vars(module).values())]
            for place in places:
                names.update(name for name, one in vars(place).items() if inspect.isfunction(one))
    return names


@cache
def _of_exported() -> set[str]:
    names: set[str] = set()
    for library in LIBRARIES[:3]:
        module = importlib.import_module(library)
        for exported in module.__all__:
            kind = getattr(module, exported)
            names.update(dir(kind))
            names.update(getattr(kind, "__annotations__", ()))
    return names


def _defined(tree: ast.AST) -> Iterator[str]:
    """Yield the names that functions and assignments of a file define."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name


def _constants(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                yield name, text


def _imported_modules(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in LIBRARIES:
                    yield (alias.asname or alias.name.partition(".")[0], alias.name)


def _public(module: str, name: str) -> bool:
    if module not in LIBRARIES:  # a module inside a library
        return module.startswith("asyncio.") and not name.startswith("_")
    exported = getattr(importlib.import_module(module), "__all__", ())
    return name in exported or (module == "asyncio" and not name.startswith("_"))


def _is_module(dotted: str) -> bool:
    return inspect.ismodule(resolve_name(dotted))


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")
