"""Packs and compiled matchers as bytes, to be carried from one process to another.

Compiling is slow and pure Python. Unpickling restores data, and builds only the native automatons
and patterns again. A matcher is carried in pieces, so that its receiver can let other threads run
between two of them.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.collector import without_collector
from policies.languages import load_language
from policies.languages.plugin import LanguagePlugin
from policies.matcher import Matcher
from policies.pack import Pack, Rule

PROTOCOL = 5


@dataclass(frozen=True, slots=True)
class PackedMatcher:
    """A matcher in pieces.

    Attributes:
        pieces: Pickles of the layers, which are large.
        frame: Pickle of the rest. It refers to pieces by number, to packs by name and to languages
            by code.
    """

    pieces: Sequence[bytes]
    frame: bytes


def pack_up(value: object) -> bytes:
    """Pickle a value."""
    return pickle.dumps(value, PROTOCOL)


def unpack_pack(packed: bytes) -> Pack:
    """Unpickle a pack."""
    pack = pickle.loads(packed)
    assert isinstance(pack, Pack)
    return pack


def pack_up_in_batches(
    values: Sequence[object], size: int, between: Callable[[], object]
) -> list[bytes]:
    """Pickle values in lists of at most `size`, and call `between` after each list."""
    packed = []
    for start in range(0, len(values), size):
        packed.append(pack_up(list(values[start : start + size])))
        between()
    return packed


def pack_up_matcher(matcher: Matcher, packs: Sequence[Pack]) -> PackedMatcher:
    """Pickle a matcher without the packs that it was compiled from."""
    written = io.BytesIO()
    pickler = _Pickler(written, matcher, packs)
    pickler.dump(matcher)
    return PackedMatcher([pack_up(piece) for piece in pickler.pieces], written.getvalue())


def unpack_matcher(
    packed: PackedMatcher, packs: Sequence[Pack], between: Callable[[], object]
) -> Matcher:
    """Unpickle a matcher.

    Args:
        packs: Packs with the names and texts of those that it was compiled from.
        between: Called after each piece.
    """
    pieces = []
    with without_collector():
        for piece in packed.pieces:
            pieces.append(pickle.loads(piece))
            between()
        by_name = {pack.pack: pack for pack in packs}
        matcher = _Unpickler(io.BytesIO(packed.frame), by_name, pieces).load()
    assert isinstance(matcher, Matcher)
    return matcher


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, matcher: Matcher, packs: Sequence[Pack]) -> None:
        super().__init__(file, PROTOCOL)
        self._layers = {id(layer) for layer in matcher.layers}
        self.pieces: list[object] = []
        self._rules = {
            id(rule): (pack.pack, number)
            for pack in packs
            for number, rule in enumerate(pack.policies)
        }

    def persistent_id(self, obj: object) -> tuple[str, Any] | None:
        if isinstance(obj, Pack):
            return "pack", obj.pack
        if isinstance(obj, Rule):
            return "rule", self._rules[id(obj)]
        if isinstance(obj, LanguagePlugin):
            return "language", obj.code
        if id(obj) in self._layers:
            self.pieces.append(obj)
            return "piece", len(self.pieces) - 1
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, file: io.BytesIO, packs: Mapping[str, Pack], pieces: Sequence[object]
    ) -> None:
        super().__init__(file)
        self._packs = packs
        self._pieces = pieces

    def persistent_load(self, pid: tuple[str, Any]) -> object:
        match pid:
            case "pack", name:
                return self._packs[name]
            case "language", code:
                return load_language(code)
            case "rule", (name, number):
                return self._packs[name].policies[number]
            case _, number:
                return self._pieces[number]
