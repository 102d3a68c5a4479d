"""The `earshot` command and its parts."""

from __future__ import annotations

import sys

import click

from service.commands.bench import bench
from service.commands.database import db
from service.commands.demo import demo
from service.commands.key import key
from service.commands.models import models
from service.commands.policy import policy
from service.commands.serve import serve
from service.commands.settings import settings
from service.commands.simulate import simulate
from service.commands.transcribe import transcribe
from service.commands.worker import worker
from service.errors import EarshotError
from service.settings import refuse_unknown


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="earshot")
def cli() -> None:
    """Listen to social audio rooms for the people who keep them safe."""
    refuse_unknown()


for command in (
    serve,
    worker,
    demo,
    simulate,
    transcribe,
    policy,
    bench,
    key,
    models,
    db,
    settings,
):
    cli.add_command(command)


def run() -> None:
    """Every foreseen failure is one sentence and an exit code."""
    try:
        cli(prog_name="earshot")
    except EarshotError as error:
        click.echo(f"earshot: {error}", err=True)
        sys.exit(error.exit_code)
