"""Names of keys and room servers that nobody can mistake for another.

A moderator's decisions stand under the name on their key. So a name has no invisible characters,
none that reorder text, and no look-alike letters of another script; and no two valid keys have
names that look the same. After Unicode Technical Standard 39 (Unicode Security Mechanisms):

- Invisible and reordering characters are refused. A joiner is allowed where a script or an emoji
  needs it (RFC 5892, CONTEXTJ), and a variation selector after the character that it varies.
- A word has letters of one script among Latin, Cyrillic, Greek, Armenian, Cherokee and Coptic,
  which share letter shapes. All other scripts may be mixed, as Japanese is with Latin.
- Two names look the same if they are equal after NFKC and case folding, or if they are equal after
  look-alike letters of those scripts were replaced by the Latin ones, `0` by `o`, and `1` and `I`
  by `l`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

import idna
from pydantic import AfterValidator, StringConstraints

from service.access.keys import PLAIN, Key

_ALIKE_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_EMOJI_VARIATION = "\ufe0f"
_BLACK_FLAG = "\U0001f3f4"
_MOST_MARKS = 4
"""Combining marks on one letter (UTS 39, 5.4); more cover the lines above and below."""

_VISIBLE_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Characters of category Cf that are drawn: signs of Arabic, Syriac and Kaithi."""
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"
    "\ufff0-\uffff\U000e0000-\U000e0fff]"
)
"""Characters of other categories that are drawn as nothing."""
_TAGS = re.compile("[\U000e0020-\U000e007f]")
_SKIPPED = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef]")

_LOOKS_LATIN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԌаеѕіјорсухһԁԛԝӏ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχϳ" + "օոսհցզ" + "0I1|ı",
    "ABESIJKMHOPCTYXGaesijopcyxhdqwl"
    + "ABEZHlKMNOPTYXaikvopuxj"
    + "onuhgq"
    + "olllı".replace("ı", "i"),
)


class BadName(ValueError):
    """The name could be mistaken. The text has the fault, its place and the remedy."""


def check_name(name: str) -> str:
    """Return the name if each of its characters can be seen and read as what it is.

    Raises:
        BadName: The first fault.
    """
    check_text(name)
    if name != name.strip(" ") or "  " in name:
        raise BadName("it has spaces at an end, or two in a row; leave them out")
    for word in re.findall(r"\w+", name):
        scripts = sorted(_ALIKE_SCRIPTS & {_script(char) for char in word})
        if len(scripts) > 1:
            raise BadName(
                f"a word has letters of {' and '.join(one.title() for one in scripts)}, which look"
                " alike; write each word in one script"
            )
    return name


def look_alike(one: str, other: str) -> bool:
    """Return whether two names are the same to a reader."""
    return bool(_looks(one) & _looks(other))


def describe_same_name(name: str, other: Key) -> str:
    """Return why a name is refused beside another valid key, with the remedy."""
    return (
        f"the name {name!r} looks like that of key {other.id}, {other.name!r}; give another name,"
        " or revoke that key first"
    )


PlainName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN),
    AfterValidator(check_name),
]
"""Name in a request, checked by `check_name`. Spaces around it are dropped."""


def check_text(text: str) -> str:
    """Return a text if each of its characters can be seen; for descriptions.

    Raises:
        BadName: The first fault.
    """
    for at, char in enumerate(text):
        if not _is_plain(text, at):
            raise BadName(
                f"character {at + 1} is {_named(char)}, which cannot be seen or changes how the"
                " text around it is shown; leave it out"
            )
    return text


PlainText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200, pattern=PLAIN),
    AfterValidator(check_text),
]
"""Description in a request, checked by `check_text`. Spaces around it are dropped."""


def _is_plain(name: str, at: int) -> bool:
    char, before = name[at], name[at - 1] if at else ""
    if char in (_ZWNJ, _ZWJ):
        return _joins(name, at)
    if "\ufe00" <= char <= _EMOJI_VARIATION or "\U000e0100" <= char <= "\U000e01ef":
        return bool(before) and unicodedata.category(before)[0] in "LNPS"
    if _TAGS.match(char):
        return _BLACK_FLAG in name[:at] and bool(_TAGS.match(before) or before == _BLACK_FLAG)
    category = unicodedata.category(char)
    if category[0] == "M" and at >= _MOST_MARKS:
        marks = [unicodedata.category(one) for one in name[at - _MOST_MARKS : at]]
        if all(mark in ("Mn", "Me") for mark in marks):
            return False
    if _BLANKS.match(char):
        return False
    if category[0] == "Z":
        return char == " "
    return category not in ("Cc", "Cs", "Co", "Cf") or char in _VISIBLE_FORMATS


def _joins(name: str, at: int) -> bool:
    """Return whether a joiner is where its script or an emoji needs it."""
    try:
        if idna.valid_contextj(name, at):
            return True
    except ValueError:  # a neighbour that is not assigned
        pass
    if name[at] == _ZWNJ or not 0 < at < len(name) - 1:
        return False
    before = name[:at].rstrip(_EMOJI_VARIATION)[-1:]
    return all(
        one and unicodedata.category(one) in ("So", "Sk", "Cn") for one in (before, name[at + 1])
    )


def _looks(name: str) -> set[str]:
    plain = " ".join(_SKIPPED.sub("", unicodedata.normalize("NFKC", name)).split())
    alike = unicodedata.normalize("NFKC", plain.translate(_LOOKS_LATIN)).casefold()
    return {unicodedata.normalize("NFKC", plain.casefold()), alike.replace("rn", "m")}


def _script(char: str) -> str:
    if not char.isalpha():
        return ""
    return unicodedata.name(char, "").partition(" ")[0]


def _named(char: str) -> str:
    return f"U+{ord(char):04X} ({unicodedata.name(char, 'unnamed')})"
