"""`earshot bench`: the measurements of BENCHMARKS.md, on this machine."""

from __future__ import annotations

from importlib.util import find_spec

import click

from service.commands.lazy import Later, LazyGroup
from service.errors import ConfigurationError

_MEASUREMENTS = {
    "path": Later(
        "benchmarks.path:path",
        "Measure the time from speech to alert over WebRTC.",
    ),
    "asr": Later("benchmarks.asr.command:asr", "Measure transcription."),
    "ingest": Later(
        "benchmarks.ingest.command:ingest",
        "Measure the cost of listening to a room, and the speech lost.",
    ),
    "policy": Later(
        "benchmarks.policy.command:policy",
        "Measure how fast and how well the rules match.",
    ),
}


class _InCheckout(LazyGroup):
    """Commands of a checkout only: the wheel leaves `benchmarks/` out."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.later and find_spec("benchmarks") is None:
            raise ConfigurationError(
                "the benchmarks are not part of the installed package; clone earshot's repository "
                f"and run `earshot bench {cmd_name}` there (docs/operate.md)"
            )
        return super().get_command(ctx, cmd_name)


@click.group(cls=_InCheckout, later=_MEASUREMENTS)
def bench() -> None:
    """Measure speed and accuracy on this machine.

    Works in a checkout of the repository only.
    """
