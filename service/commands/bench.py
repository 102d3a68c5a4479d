"""`earshot bench`: the measurements of BENCHMARKS.md, made on this machine."""

from __future__ import annotations

from importlib.util import find_spec

import click

from service.commands.lazy import Later, LazyGroup
from service.errors import ConfigurationError

_MEASUREMENTS = {
    "path": Later(
        "benchmarks.path:path",
        "The whole path: three simulated speakers over WebRTC, micro model, server and clients "
        "here.",
    ),
    "asr": Later("benchmarks.asr.command:asr", "What a model transcribes."),
    "ingest": Later(
        "benchmarks.ingest.command:ingest",
        "What it costs to hear a room, and what is lost on the way.",
    ),
    "policy": Later(
        "benchmarks.policy.command:policy",
        "Matching: speed, recall through recognition errors, false alarms, HateCheck and XSTest.",
    ),
}


class _InCheckout(LazyGroup):
    """Commands that are in a checkout only: the wheel leaves `benchmarks/` out."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.later and find_spec("benchmarks") is None:
            raise ConfigurationError(
                "the benchmarks are not part of the installed package; clone earshot's repository, "
                f"and run `earshot bench {cmd_name}` as its README says"
            )
        return super().get_command(ctx, cmd_name)


@click.group(cls=_InCheckout, later=_MEASUREMENTS)
def bench() -> None:
    """Measure. Absolute times are those of this machine."""
