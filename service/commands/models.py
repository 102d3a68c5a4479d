"""`earshot models`: names of speech models, and their download."""

from __future__ import annotations

import click

from asr.loading import fetch_model, model_names
from asr.models import MICRO, MICRO_NOTICE, ModelUnavailable
from service.errors import Failed
from service.settings import load_settings


@click.group()
def models() -> None:
    """List speech models and download them."""


@models.command(name="list")
def list_() -> None:
    """List the model names that EARSHOT_ASR_MODEL accepts.

    It also accepts the directory of a model in CTranslate2 format.
    """
    for name in model_names():
        click.echo(f"{name}  ({MICRO_NOTICE})" if name == MICRO else name)


@models.command()
@click.argument("name")
def pull(name: str) -> None:
    """Download the model NAME into the cache.

    A server can then start without a network.
    """
    if name == MICRO:
        click.echo("micro needs no download: it comes with the program")
        return
    try:
        click.echo(fetch_model(name, load_settings().asr_cache_dir))
    except ModelUnavailable as error:
        raise Failed(str(error)) from error
