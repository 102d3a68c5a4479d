"""`earshot db`: migrations, for those who run them before a start."""

from __future__ import annotations

import click

from service.settings import load_settings
from service.storage.schema import migrate


@click.group()
def db() -> None:
    """Update the database's schema."""


@db.command()
def upgrade() -> None:
    """Migrate the database to this version's schema.

    `earshot serve` does the same when it starts.
    """
    migrate(load_settings().database())
    click.echo("the schema is up to date")
