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
        "Transcribe for the servers that share EARSHOT_REDIS_URL, with the model of EARSHOT_ASR_*.",
    ),
    "demo": Later(
        "service.commands.demo:demo",
        "Watch alerts appear while simulated speakers talk over real WebRTC.",
    ),
    "simulate": Later(
        "service.commands.simulate:simulate",
        "Let simulated speakers talk in a room, and compare the alerts with the script.",
    ),
    "transcribe": Later(
        "service.commands.transcribe:transcribe",
        "Print what is said in an audio FILE, and what of it breaks a rule.",
    ),
    "policy": Later("service.commands.policy:policy", "Check, test, try and compare policy packs."),
    "bench": Later("service.commands.bench:bench", "Measure."),
    "key": Later(
        "service.commands.key:key",
        "Make, list and revoke the keys that people and room servers use.",
    ),
    "models": Later("service.commands.models:models", "The speech models."),
    "db": Later("service.commands.database:db", "The database."),
    "settings": Later(
        "service.commands.settings:settings",
        "List the EARSHOT_* variables, what they mean and their values now.",
    ),
}


@click.group(
    cls=LazyGroup, later=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="earshot")
def cli() -> None:
    """Listen to social audio rooms for the people who keep them safe."""
    refuse_unknown()


def run() -> None:
    """Every foreseen failure is one sentence and an exit code."""
    try:
        cli(prog_name="earshot")
    except EarshotError as error:
        click.echo(f"earshot: {error}", err=True)
        sys.exit(error.exit_code)
