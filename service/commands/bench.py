"""`earshot bench`: the numbers of BENCHMARKS.md, measured here and now."""

from __future__ import annotations

import click

from service.commands.lazy import Later, LazyGroup

_MEASURES = {
    "path": Later(
        "service.commands.bench_path:path",
        "The whole path: three simulated speakers over WebRTC, micro model, server and clients "
        "here.",
    ),
    "asr": Later("service.commands.bench_asr.command:asr", "What a model transcribes."),
    "ingest": Later(
        "service.commands.bench_ingest.command:ingest",
        "What it costs to hear a room, and what is lost on the way.",
    ),
    "policy": Later(
        "service.commands.bench_policy.command:policy",
        "Matching: speed, recall through recognition errors, false alarms, HateCheck and XSTest.",
    ),
}


@click.group(cls=LazyGroup, later=_MEASURES)
def bench() -> None:
    """Measure. Absolute times are those of this machine."""
