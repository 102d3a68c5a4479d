"""Commands of `earshot policy` that read the database: `report` and `backtest`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
from pydantic import TypeAdapter

from policies import cli
from policies.backtest import compare_packs
from policies.stored import Stored
from service.clock import utc_now
from service.commands.report_tables import report_tables
from service.rulebook.rule_report import RuleReport, reported_period, rule_report
from service.settings import Settings, load_settings
from service.storage.engine import Database
from service.storage.rule_hits import SqlRuleHits
from service.storage.said import SqlSaid
from service.storage.schema import open_database

_MOST_UTTERANCES = 500_000
"""Transcripts that one back-test reads at most: the newest."""
_EXISTING = click.Path(exists=True, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_Result = TypeVar("_Result")


class Moment(click.ParamType[datetime]):
    """Date, or date and time, in UTC unless it names an offset."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value))
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            remedy = "write it as in 2026-05-17 or 2026-05-17T18:00:00Z"
            self.fail(f"{str(value)[:40]!r} is not a time; {remedy}", param, ctx)


_since = click.option("--since", type=Moment(), help="Start: a date, or a date and time (UTC).")
_until = click.option("--until", type=Moment(), help="End, in the same form. Default: now.")
_room = click.option("--room", help="Id of the room. Default: all rooms.")


@click.command()
@_since
@_until
@_room
@click.option("--json", "as_json", is_flag=True, help="Print the JSON of /v1/policies/report.")
def report(since: datetime | None, until: datetime | None, room: str | None, as_json: bool) -> None:
    """Show how well each rule does.

    A table of matches, alerts and decisions, and what each shadow rule would change.
    Without --since it covers the last 30 days.
    """

    async def count(database: Database, settings: Settings) -> RuleReport:
        kept = timedelta(days=settings.alert_days)
        asked = reported_period(since, until, room, now=utc_now(), kept=kept)
        return rule_report(asked, await SqlRuleHits(database).counted(asked), ())

    found = asyncio.run(_with_database(count))
    if as_json:
        click.echo(TypeAdapter(RuleReport).dump_json(found, indent=1).decode())
    else:
        click.echo(report_tables(found))


@click.command()
@click.argument("drafts", metavar="FILE|DIR...", nargs=-1, required=True, type=_EXISTING)
@click.option(
    "--talk",
    "files",
    multiple=True,
    type=_FILE,
    help="Transcripts in a JSONL file; or use --stored.",
)
@click.option("--stored", is_flag=True, help="Transcripts that the database still keeps.")
@_since
@_until
@_room
@click.option(
    "--against",
    "paths",
    multiple=True,
    metavar="FILE|DIR",
    type=_EXISTING,
    envvar="EARSHOT_POLICY_DIR",
    help="Packs to compare with. Default: EARSHOT_POLICY_DIR, else the shipped packs.",
)
@click.option("--show", default=20, show_default=True, help="Most differences to show.")
@click.pass_context
def backtest(
    context: click.Context,
    drafts: tuple[Path, ...],
    files: tuple[Path, ...],
    stored: bool,
    since: datetime | None,
    until: datetime | None,
    room: str | None,
    paths: tuple[Path, ...],
    show: int,
) -> None:
    """Show what draft packs would change, on transcripts on record.

    --since, --until and --room go with --stored only.
    """
    if stored == bool(files):
        raise click.UsageError("name the transcripts: either --talk FILE or --stored")
    if files:
        if since or until or room:
            raise click.UsageError("--since, --until and --room go with --stored")
        context.invoke(cli.backtest, drafts=drafts, files=files, paths=paths, show=show)
        return
    before, after = cli.load_matcher(paths), cli.load_matcher(drafts)
    said, total = asyncio.run(_said(since, until, room))
    with click.progressbar(said, label="matching", file=sys.stderr) as bar:
        found = compare_packs(before, after, bar)
    if len(said) < total:
        click.echo(f"used the newest {len(said)} of {total} utterances", err=True)
    cli.print_report(found, show)


async def _said(
    since: datetime | None, until: datetime | None, room: str | None
) -> tuple[Sequence[Stored], int]:
    """Return the newest transcripts, and how many there are in all."""

    async def read_stored(database: Database, _: Settings) -> tuple[Sequence[Stored], int]:
        store = SqlSaid(database)
        total = await store.count(since, until, room)
        return await store.newest(since, until, room, _MOST_UTTERANCES), total

    return await _with_database(read_stored)


async def _with_database(act: Callable[[Database, Settings], Awaitable[_Result]]) -> _Result:
    settings = load_settings()
    database = await open_database(settings.database())
    try:
        return await act(database, settings)
    finally:
        await database.close()
