"""Words of `/rules` around the rules themselves, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from policies.taxonomy import Category


@dataclass(frozen=True, slots=True)
class PageWords:
    """Texts of the page.

    Attributes:
        title: Title of the page.
        intro: First paragraph.
        languages: Label of the links to other languages.
        promises_title: Heading of the promises.
        promises: Title and text of each promise about what happens with what is said.
        kept_title: Heading of the paragraph on retention.
        kept: Retention of words, with `{talk}` and `{alerts}` for the two durations.
        not_kept: The same where talk is not kept, with `{alerts}`.
        version: Version of a pack, with `{version}`.
        untranslated: Remark that these words stand in for those of another `{language}`.
        categories: Category names.
        hours: Returns a number of hours in words.
        days: Returns a number of days in words.
    """

    title: str
    intro: str
    languages: str
    promises_title: str
    promises: Sequence[tuple[str, str]]
    kept_title: str
    kept: str
    not_kept: str
    version: str
    untranslated: str
    categories: Mapping[Category, str]
    hours: Callable[[int], str]
    days: Callable[[int], str]

    def duration(self, hours: int) -> str:
        """Return a duration in hours up to a day, beyond it in days where they are whole."""
        days, rest = divmod(hours, 24)
        return self.days(days) if days > 1 and not rest else self.hours(hours)
