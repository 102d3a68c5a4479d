"""`earshot serve`: a wrong setting is refused before the server is loaded."""

from __future__ import annotations

import asyncio

import click

from service.commands.loading import loading
from service.logs import configure_logs
from service.settings import load_settings


@click.command()
def serve() -> None:
    """Run the server. Settings are EARSHOT_* variables: see `earshot settings`."""
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    with loading():
        from service.commands.serving import run_server  # noqa: PLC0415
    asyncio.run(run_server(settings))
