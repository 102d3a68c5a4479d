"""Packs and compiled matchers as bytes, to be carried from one process to another.

Compiling is slow and pure Python; what is unpickled here is data, of which only the native
automatons and patterns are built again. A matcher is carried in pieces, so that whoever unpacks it
can let other threads run between two of them.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.collector import without_collector
from policies.matcher import Matcher
from policies.matchers.exact import ExactPhrases
from policies.matchers.patterns import Patterns
from policies.matchers.phones import EnglishPhones
from policies.matchers.pinyin import MandarinSyllables
from policies.pack import Pack, Rule

PROTOCOL = 5
_APART = (ExactPhrases, Patterns, EnglishPhones, MandarinSyllables)
"""What is large, and so a piece of its own."""


@dataclass(frozen=True, slots=True)
class PackedMatcher:
    """
    Attributes:
        pieces: Pickles of the layers.
        frame: Pickle of the rest, which refers to pieces by number and to packs by name.
    """

    pieces: Sequence[bytes]
    frame: bytes


def pack_up(value: object) -> bytes:
    return pickle.dumps(value, PROTOCOL)


def unpack_pack(packed: bytes) -> Pack:
    pack = pickle.loads(packed)
    assert isinstance(pack, Pack)
    return pack


def pack_up_in_batches(
    values: Sequence[object], size: int, between: Callable[[], object]
) -> list[bytes]:
    """Pickles of lists of at most `size` values; `between` is called after each."""
    packed = []
    for start in range(0, len(values), size):
        packed.append(pack_up(list(values[start : start + size])))
        between()
    return packed


def pack_up_matcher(matcher: Matcher, packs: Sequence[Pack]) -> PackedMatcher:
    """A matcher without the packs that it was compiled of."""
    written = io.BytesIO()
    pickler = _Pickler(written, packs)
    pickler.dump(matcher)
    return PackedMatcher([pack_up(piece) for piece in pickler.pieces], written.getvalue())


def unpack_matcher(
    packed: PackedMatcher, packs: Sequence[Pack], between: Callable[[], object]
) -> Matcher:
    """The same matcher, of packs that have the same names and texts.

    Args:
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
    def __init__(self, file: io.BytesIO, packs: Sequence[Pack]) -> None:
        super().__init__(file, PROTOCOL)
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
        if isinstance(obj, _APART):
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
            case "rule", (name, number):
                return self._packs[name].policies[number]
            case _, number:
                return self._pieces[number]
