"""`earshot models`: which models there are, and fetching one ahead of time."""

from __future__ import annotations

import click

from asr.loading import fetch_model, model_names
from asr.models import MICRO, MICRO_NOTICE, ModelUnavailable
from service.errors import Failed
from service.settings import load_settings


@click.group()
def models() -> None:
    """The speech models."""


@models.command(name="list")
def list_() -> None:
    """Names for EARSHOT_ASR_MODEL; a converted model's directory does as well."""
    for name in model_names():
        click.echo(f"{name}  ({MICRO_NOTICE})" if name == MICRO else name)


@models.command()
@click.argument("name")
def pull(name: str) -> None:
    """Fetch the model NAME into the cache, so that a server starts without a network."""
    if name == MICRO:
        click.echo("micro comes with the program")
        return
    try:
        click.echo(fetch_model(name, load_settings().asr_cache_dir))
    except ModelUnavailable as error:
        raise Failed(str(error)) from error
