"""The languages that rules can have phrases in: one folder each, named by its ISO 639-1 code.

A new folder is a new language: see docs/add-a-language.md. Nothing outside this package names one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from policies.languages.plugin import LanguagePlugin
from policies.languages.room_words import RoomWords

CODES: tuple[str, ...] = tuple(sorted(each.name for each in iter_modules(__path__) if each.ispkg))
"""Codes of the languages that have a plug-in."""
DEFAULT = "en"
"""Language of packs without a translation, and of text whose script shows no other."""


class PluginInvalid(Exception):
    """A folder in here holds no language plug-in. Its text says which folder and the remedy."""


@cache
def load_language(code: str) -> LanguagePlugin:
    """Return the plug-in of a language, imported at the first call.

    Raises:
        KeyError: The language has no folder.
        PluginInvalid: The folder holds no plug-in for this code.
    """
    if code not in CODES:
        raise KeyError(code)
    plugin = getattr(import_module(f"{__name__}.{code}"), "PLUGIN", None)
    if not isinstance(plugin, LanguagePlugin) or plugin.code != code:
        remedy = f"define PLUGIN = LanguagePlugin(code={code!r}, ...) in its __init__.py"
        raise PluginInvalid(f"policies/languages/{code}: is no language plug-in; {remedy}")
    return plugin


def find_language(code: str) -> LanguagePlugin | None:
    """Return the plug-in of a language; None if it has no folder."""
    return load_language(code) if code in CODES else None


def load_languages() -> Sequence[LanguagePlugin]:
    """Return every plug-in, in the order of the codes."""
    return [load_language(code) for code in CODES]


def guess_language(text: str) -> LanguagePlugin:
    """Return the language whose own script is in a text, else the default language."""
    for plugin in load_languages():
        if plugin.own_script is not None and plugin.own_script.search(text):
            return plugin
    return load_language(DEFAULT)


def words_for_room(languages: Sequence[str]) -> RoomWords:
    """Return the messages in a room's first language, else in the default language."""
    first = find_language(languages[0]) if languages else None
    words = (first and first.room_words) or load_language(DEFAULT).room_words
    assert words is not None, "the default language has words for rooms"
    return words
