"""Commands to check, test, try and compare packs: `python -m policies`, `earshot policy`.

Exit codes: 0 success, 1 a pack or file is refused, 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from policies.backtest import Report, compare_packs
from policies.backtest_report import changes_table, rules_table
from policies.corpus import find_over_budget, measure_false_alarms, read_corpus
from policies.explain import explain_in_lines
from policies.finding import PackInvalid
from policies.languages import CODES, guess_language
from policies.load import load_files, pack_files
from policies.match import RuleStatus
from policies.matcher import TRIAL_STATUSES, Matcher
from policies.pack import Pack, Rule
from policies.packs import shipped_packs
from policies.spoken import Context, Earlier, Spoken
from policies.stored import StoredInvalid, read_stored

_VARIABLE = "EARSHOT_POLICY_DIR"
_CORPUS = "EARSHOT_CORPUS_DIR"
_EXISTING = click.Path(exists=True, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TURN_S = 3.0


@click.group("policy")
def policy() -> None:
    """Check, test, try and compare policy packs.

    Without FILE or DIR, the packs of EARSHOT_POLICY_DIR are used, or the shipped ones.
    """


def _paths_argument(command: Callable[..., None]) -> Callable[..., None]:
    argument = click.argument(
        "paths", metavar="[FILE|DIR]...", nargs=-1, type=_EXISTING, envvar=_VARIABLE
    )
    return argument(command)


def _packs_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--packs",
        "paths",
        multiple=True,
        metavar="FILE|DIR",
        type=_EXISTING,
        envvar=_VARIABLE,
        help="Packs to use; may be repeated.",
    )(command)


def _sentence_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for a sentence, its speaker, its room and the talk before it."""
    for option in (
        click.option("--tag", "tags", multiple=True, help="Tag of the room; may be repeated."),
        click.option("--room", default="", help="Id of the room."),
        click.option("--role", default="", help="Role of the speaker."),
        click.option(
            "--before",
            multiple=True,
            help="Earlier words of the speaker, in order; may be repeated.",
        ),
        click.option(
            "--or",
            "hypotheses",
            multiple=True,
            help="Another reading of the sound; may be repeated.",
        ),
        click.option(
            "--language",
            type=click.Choice(CODES),
            help="Language of the text. Default: told by its characters.",
        ),
        click.option("--text", required=True, help="Words as a recogniser would write them."),
    ):
        command = option(command)
    return command


@policy.command()
@_paths_argument
def check(paths: tuple[Path, ...]) -> None:
    """Check packs and show every error."""
    for path, pack in _loaded(paths):
        examples = sum(sum(_examples(rule)) for rule in pack.policies)
        click.echo(
            f"{path}: pack {pack.pack} {pack.version} is fine: "
            f"{len(pack.policies)} rules, {examples} examples hold"
        )


@policy.command()
@_paths_argument
@click.option(
    "--corpus",
    type=_FOLDER,
    envvar=_CORPUS,
    help="Folder of benign speech (.jsonl) to test the false-alarm budgets on.",
)
def test(paths: tuple[Path, ...], corpus: Path | None) -> None:
    """Test every rule on its own examples."""
    total = 0
    packs = [pack for _, pack in _loaded(paths)]
    for pack in packs:
        for rule in pack.policies:
            matching, others = _examples(rule)
            click.echo(
                f"{pack.pack}/{rule.id}: {matching} examples match and {others} do not, as expected"
            )
            total += matching + others
    click.echo(f"{total} examples, 0 failed")
    if corpus is None:
        click.echo("no benign speech (EARSHOT_CORPUS_DIR): false alarms are not measured", err=True)
    else:
        _hold_to_budgets(packs, corpus)


def _hold_to_budgets(packs: Sequence[Pack], corpus: Path) -> None:
    matcher = Matcher(packs, TRIAL_STATUSES)
    try:
        said = read_corpus(corpus)
    except StoredInvalid as invalid:
        _refuse(str(invalid))
    measured = [measure_false_alarms(matcher, language, talk) for language, talk in said.items()]
    for benign in measured:
        click.echo(
            f"{len(benign.alarms)} false alarms in {benign.hours:.1f} h of benign speech in "
            f"'{benign.language}': {benign.rate():.2f} an hour"
        )
    over = list(find_over_budget(packs, measured))
    if over:
        _refuse("\n".join(map(str, over)))


@policy.command()
@_sentence_options
@_packs_option
def match(paths: tuple[Path, ...], **sentence: Any) -> None:
    """Show which rules apply to a text, by severity. Drafts and shadows are marked."""
    matcher = Matcher([pack for _, pack in _loaded(paths)], TRIAL_STATUSES)
    verdict = matcher.verdict(*_situation(**sentence))
    for each in (*verdict.live, *verdict.shadow):
        places = " ".join(f"{start}-{end}" for start, end in each.spans)
        status = "" if each.status is RuleStatus.ACTIVE else f" [{each.status}]"
        click.echo(
            f"{each.severity} {each.category} {each.pack}/{each.rule_id}{status} at {places}: "
            f"{each.explanation}"
        )
    if not (verdict.live or verdict.shadow):
        click.echo("no rule applies")


@policy.command()
@_sentence_options
@_packs_option
def explain(paths: tuple[Path, ...], **sentence: Any) -> None:
    """Show what each layer finds in a text, and each rule's verdict with its reasons."""
    matcher = Matcher([pack for _, pack in _loaded(paths)], TRIAL_STATUSES)
    for line in explain_in_lines(matcher, *_situation(**sentence)):
        click.echo(line)


@policy.command()
@click.argument("drafts", metavar="FILE|DIR...", nargs=-1, required=True, type=_EXISTING)
@click.option(
    "--talk",
    "files",
    multiple=True,
    required=True,
    type=_FILE,
    help="Transcripts in a JSONL file; may be repeated.",
)
@click.option(
    "--against",
    "paths",
    multiple=True,
    metavar="FILE|DIR",
    type=_EXISTING,
    envvar=_VARIABLE,
    help="Packs to compare with. Default: EARSHOT_POLICY_DIR, else the shipped packs.",
)
@click.option("--show", default=20, show_default=True, help="Most differences to show.")
def backtest(
    drafts: tuple[Path, ...], files: tuple[Path, ...], paths: tuple[Path, ...], show: int
) -> None:
    """Run draft packs over talk on record, and show what they would change."""
    before, after = load_matcher(paths), load_matcher(drafts)
    size = sum(path.stat().st_size for path in files)
    with click.progressbar(length=size, label="matching", file=sys.stderr) as bar:
        try:
            said = (stored for path in files for stored in read_stored(path, bar.update))
            report = compare_packs(before, after, said)
        except StoredInvalid as invalid:
            _refuse(f"\n{invalid}")
    print_report(report, show)


def load_matcher(paths: Sequence[Path]) -> Matcher:
    """Compile packs of files and folders, drafts and shadows too; exit with every error."""
    return Matcher([pack for _, pack in _loaded(paths)], TRIAL_STATUSES)


def print_report(report: Report, most: int) -> None:
    """Print the report of a back-test, with the first `most` differences."""
    click.echo(rules_table(report))
    click.echo(changes_table(report, most))


def _situation(
    text: str,
    language: str | None,
    hypotheses: tuple[str, ...],
    before: tuple[str, ...],
    role: str,
    room: str,
    tags: tuple[str, ...],
) -> tuple[Spoken, Context]:
    code = language or guess_language(text).code
    earlier = [
        Earlier(each, code, "", (len(before) - number) * _TURN_S)
        for number, each in enumerate(before)
    ]
    context = Context(room, "", role=role, tags=frozenset(tags), earlier=earlier)
    return Spoken(text, code, hypotheses=hypotheses), context


def _loaded(paths: Sequence[Path]) -> list[tuple[Path, Pack]]:
    """Load packs with their files; exit with every error if there is one."""
    try:
        files: list[Path] = []
        for path in paths or (shipped_packs(),):
            files.extend(pack_files(path) if path.is_dir() else [path])
        files = list(dict.fromkeys(files))
        return list(zip(files, load_files(files), strict=True))
    except PackInvalid as invalid:
        _refuse(str(invalid))


def _refuse(problem: str) -> NoReturn:
    click.echo(problem, err=True)
    sys.exit(1)


def _examples(rule: Rule) -> tuple[int, int]:
    matching = len(rule.tests.must_match) + len(rule.tests.must_excuse)
    return matching, len(rule.tests.must_not_match)
