"""The commands that check, test and try packs: `python -m policies`, `earshot policy`.

Exit codes: 0 fine, 1 a pack is refused, 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from policies.finding import PackInvalid
from policies.language import Language
from policies.load import load_files, pack_files
from policies.matcher import Matcher
from policies.pack import Pack, Rule
from policies.packs import shipped_packs
from policies.spoken import Context, Spoken

_VARIABLE = "EARSHOT_POLICY_DIR"
_EXISTING = click.Path(exists=True, path_type=Path)


@click.group("policy")
def policy() -> None:
    """Check, test and try policy packs.

    Without FILE or DIR, the packs of EARSHOT_POLICY_DIR are taken, or those that are shipped.
    """


def _paths_argument(command: Callable[..., None]) -> Callable[..., None]:
    argument = click.argument(
        "paths", metavar="[FILE|DIR]...", nargs=-1, type=_EXISTING, envvar=_VARIABLE
    )
    return argument(command)


@policy.command()
@_paths_argument
def check(paths: tuple[Path, ...]) -> None:
    """Say everything that is wrong with packs, or that nothing is."""
    for path, pack in _loaded(paths):
        examples = sum(sum(_examples(rule)) for rule in pack.policies)
        click.echo(
            f"{path}: pack {pack.pack} {pack.version} is fine: "
            f"{len(pack.policies)} rules, {examples} examples hold"
        )


@policy.command()
@_paths_argument
def test(paths: tuple[Path, ...]) -> None:
    """Try every rule on its own examples and show the result rule by rule."""
    total = 0
    for _, pack in _loaded(paths):
        for rule in pack.policies:
            matching, others = _examples(rule)
            click.echo(
                f"{pack.pack}/{rule.id}: {matching} examples match and {others} do not, as they say"
            )
            total += matching + others
    click.echo(f"{total} examples, 0 failed")


@policy.command()
@click.option("--text", required=True, help="Words as a recogniser would write them.")
@click.option(
    "--language",
    type=click.Choice([each.value for each in Language]),
    default=Language.EN.value,
    show_default=True,
)
@click.option(
    "--packs",
    "paths",
    multiple=True,
    metavar="FILE|DIR",
    type=_EXISTING,
    envvar=_VARIABLE,
    help="May be given several times.",
)
def match(text: str, language: str, paths: tuple[Path, ...]) -> None:
    """Show which rules apply to a text, the gravest first."""
    matcher = Matcher([pack for _, pack in _loaded(paths)])
    found = matcher.match(Spoken(text, language), Context(room_id="", speaker_id=""))
    for each in found:
        places = " ".join(f"{start}-{end}" for start, end in each.spans)
        click.echo(
            f"{each.severity} {each.category} {each.pack}/{each.rule_id} at {places}: "
            f"{each.explanation}"
        )
    if not found:
        click.echo("no rule applies")


def _loaded(paths: Sequence[Path]) -> list[tuple[Path, Pack]]:
    """The packs with their files; exits with every error if there is one."""
    try:
        files: list[Path] = []
        for path in paths or (shipped_packs(),):
            files.extend(pack_files(path) if path.is_dir() else [path])
        files = list(dict.fromkeys(files))
        return list(zip(files, load_files(files), strict=True))
    except PackInvalid as invalid:
        click.echo(str(invalid), err=True)
        sys.exit(1)


def _examples(rule: Rule) -> tuple[int, int]:
    return len(rule.tests.must_match), len(rule.tests.must_not_match)
