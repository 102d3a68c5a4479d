"""`earshot settings`: all settings, their meanings and values."""

from __future__ import annotations

import click

from asr.redis_address import address_without_password as address_shown
from service.settings import Settings, load_settings
from service.storage.engine import hide_password

_SECRET = {
    "admin_key",
    "secret",
    "janus_api_secret",
    "janus_token",
    "janus_room_secret",
    "janus_room_pin",
    "janus_hook_secret",
}


@click.command()
def settings() -> None:
    """List the settings, what they mean and their values.

    A setting is an EARSHOT_* environment variable. Secrets are shown as "(set)".
    """
    now = load_settings()
    for name, field in Settings.model_fields.items():
        value = getattr(now, name)
        shown = "(set)" if name in _SECRET and value else "" if value in (None, []) else value
        if name == "redis_url" and value:
            shown = address_shown(value)
        if name == "database_url" and value:
            shown = hide_password(value)
        click.echo(f"EARSHOT_{name.upper():<18} {shown!s:<12} {field.description}")
