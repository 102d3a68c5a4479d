"""Condition for rows whose room lies in the scope of a key."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Boolean, ColumnElement, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import literal
from sqlalchemy.sql.compiler import SQLCompiler


def within(room_id: ColumnElement[Any], globs: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that the room matches one of the globs (`*`, `?`); none given: true."""
    return or_(*(_Glob(room_id, glob) for glob in globs)) if globs else true()


class _Glob(ColumnElement[bool]):
    """A column that matches a glob: GLOB on SQLite, LIKE on PostgreSQL. Both match exact case."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], glob: str) -> None:
        self.column = column
        self.glob = glob


@compiles(_Glob, "sqlite")
def _compile_glob(element: _Glob, compiler: SQLCompiler, **kw: Any) -> str:
    escaped = element.glob.replace("[", "[[]")
    return f"({compiler.process(element.column, **kw)} GLOB {_bind(escaped, compiler, kw)})"


@compiles(_Glob, "postgresql")
def _compile_like(element: _Glob, compiler: SQLCompiler, **kw: Any) -> str:
    literal_text = element.glob.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    pattern = literal_text.replace("*", "%").replace("?", "_")
    bind = _bind(pattern, compiler, kw)
    return f"({compiler.process(element.column, **kw)} LIKE {bind} ESCAPE '!')"


def _bind(text: str, compiler: SQLCompiler, kw: dict[str, Any]) -> str:
    return str(compiler.process(literal(text), **kw))
