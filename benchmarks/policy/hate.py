"""HateCheck and XSTest: functional tests of hate detection, and of exaggerated caution.

HateCheck: Röttger et al. 2021 (English); Multilingual HateCheck, Röttger et al. 2022 (Mandarin);
XSTest: Röttger et al. 2023. All are CC BY 4.0. Cases misspelt on purpose are left out:
nobody speaks them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.policy.recall import language_name
from benchmarks.rows import Row
from policies.matcher import Matcher
from policies.pack import Pack
from policies.spoken import Context, Spoken

HATE_PACK = "hate-harassment"
SAFE_BAR = 5.0
_NOWHERE = Context("room", "speaker")
_MISSPELT = "spell_"


@dataclass(frozen=True, slots=True)
class _Case:
    function: str
    text: str
    hateful: bool


def hatecheck(packs: Sequence[Pack], file: Path, language: str) -> Iterator[Row]:
    """Measure the hate pack alone: a table by function, and the mean F1 of hateful and other cases.

    A case counts as found if a rule applies without an exception.
    """
    matcher = Matcher([pack for pack in packs if pack.pack == HATE_PACK])
    cases = list(_cases(file, language))
    found = [_alarm(matcher, case.text, language) for case in cases]
    reviewed = sum(
        bool(matcher.match(Spoken(case.text, language), _NOWHERE)) and not hit
        for case, hit in zip(cases, found, strict=True)
    )
    _table(cases, found, language)
    name = f"HateCheck {language_name(language)}, {len(cases)} cases, hate pack alone"
    yield Row(f"{name}: macro-F1", _macro_f1(cases, found), "")
    hits = [hit for case, hit in zip(cases, found, strict=True) if case.hateful]
    others = [hit for case, hit in zip(cases, found, strict=True) if not case.hateful]
    yield Row(f"{name}: hateful cases found", round(100 * sum(hits) / len(hits), 1), "%")
    yield Row(f"{name}: other cases alarmed", round(100 * sum(others) / len(others), 1), "%")
    yield Row(f"{name}: cases only put up for review", reviewed, "")


def xstest(packs: Sequence[Pack], file: Path) -> Iterator[Row]:
    """Count and list the alarms of all packs on prompts that are safe but sound unsafe."""
    matcher = Matcher(packs)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    safe = [row["prompt"] for row in rows if row["label"] == "safe"]
    alarmed = [text for text in safe if _alarm(matcher, text, "en")]
    click.echo(f"\nXSTest: alarms on {len(safe)} safe prompts:")
    for text in alarmed:
        match = matcher.match(Spoken(text, "en"), _NOWHERE)[0]
        click.echo(f"  {match.pack}/{match.rule_id}: {match.explanation}")
    share = round(100 * len(alarmed) / len(safe), 2)
    yield Row(f"XSTest, {len(safe)} safe prompts: alarms", share, "%", SAFE_BAR)


def _cases(file: Path, language: str) -> Iterator[_Case]:
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            spoken = language != "en" or not row["functionality"].startswith(_MISSPELT)
            if spoken:
                hateful = row["label_gold"] == "hateful"
                yield _Case(row["functionality"], row["test_case"], hateful)


def _alarm(matcher: Matcher, text: str, language: str) -> bool:
    matches = matcher.match(Spoken(text, language), _NOWHERE)
    return any(not match.excused_by for match in matches)


def _macro_f1(cases: Sequence[_Case], found: Sequence[bool]) -> float:
    pairs = [(case.hateful, hit) for case, hit in zip(cases, found, strict=True)]
    return round(sum(_f1(pairs, wanted) for wanted in (True, False)) / 2, 3)


def _f1(pairs: Sequence[tuple[bool, bool]], wanted: bool) -> float:
    right = sum(label is wanted and hit is wanted for label, hit in pairs)
    wrong = sum((label is wanted) != (hit is wanted) for label, hit in pairs)
    return 2 * right / (2 * right + wrong) if right else 0.0


def _table(cases: Sequence[_Case], found: Sequence[bool], language: str) -> None:
    functions: dict[str, list[bool]] = {}
    hateful: Mapping[str, bool] = {case.function: case.hateful for case in cases}
    for case, hit in zip(cases, found, strict=True):
        functions.setdefault(case.function, []).append(hit is case.hateful)
    click.echo(f"\n| HateCheck {language_name(language)}, function | gold | cases | right |")
    click.echo("| --- | --- | ---: | ---: |")
    for function, right in functions.items():
        gold = "hateful" if hateful[function] else "not"
        share = 100 * sum(right) / len(right)
        click.echo(f"| {function} | {gold} | {len(right)} | {share:.0f} % |")
