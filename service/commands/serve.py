"""`earshot serve`: checks the settings before it loads the server."""

from __future__ import annotations

import asyncio

import click

from service.commands.loading import loading
from service.logs import configure_logs
from service.settings import load_settings


@click.command()
def serve() -> None:
    """Run the server.

    Settings are EARSHOT_* environment variables: see `earshot settings`. Once ready, the server
    prints its address and, at its first start, a link to the console with an admin's key.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    with loading():
        from service.commands.serving import run_server  # noqa: PLC0415
    asyncio.run(run_server(settings))
