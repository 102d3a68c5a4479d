"""`earshot db`: the schema, for those who migrate apart from starting."""

from __future__ import annotations

import click

from service.settings import load_settings
from service.storage.schema import migrate


@click.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the schema to this program's version, as `serve` does when it starts."""
    migrate(load_settings().database())
    click.echo("the schema is up to date")
