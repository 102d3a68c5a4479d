"""The `earshot` command and its parts."""

from __future__ import annotations

import sys

import click

from service.commands.lazy import Later, LazyGroup
from service.errors import EarshotError
from service.settings import refuse_unknown

_COMMANDS = {
    "serve": Later("service.commands.serve:serve", "Run the server."),
    "worker": Later(
        "service.commands.worker:worker",
        "Transcribe for servers on other machines, through Redis.",
    ),
    "demo": Later(
        "service.commands.demo:demo",
        "Listen to simulated speakers and print the alerts.",
    ),
    "simulate": Later(
        "service.commands.simulate:simulate",
        "Let simulated speakers talk in a room of a running server.",
    ),
    "transcribe": Later(
        "service.commands.transcribe:transcribe",
        "Transcribe an audio FILE and show which rules it breaks.",
    ),
    "policy": Later("service.commands.policy:policy", "Check, test, try and compare policy packs."),
    "bench": Later("service.commands.bench:bench", "Measure speed and accuracy on this machine."),
    "key": Later(
        "service.commands.key:key",
        "Make, list and revoke access keys.",
    ),
    "models": Later("service.commands.models:models", "List speech models and download them."),
    "db": Later("service.commands.database:db", "Update the database's schema."),
    "settings": Later(
        "service.commands.settings:settings",
        "List the settings, what they mean and their values.",
    ),
}


@click.group(
    cls=LazyGroup, later=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="earshot")
def cli() -> None:
    """Real-time moderation for social audio rooms.

    earshot listens to each speaker, transcribes what is said and alerts a moderator when it breaks
    one of your rules. Try `earshot demo` first.
    """
    refuse_unknown()


def run() -> None:
    """Run the command line; print a foreseen failure as one sentence."""
    try:
        cli(prog_name="earshot")
    except EarshotError as error:
        click.echo(f"earshot: {error}", err=True)
        sys.exit(error.exit_code)
