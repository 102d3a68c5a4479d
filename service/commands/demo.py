"""`earshot demo`: a server, a room of simulated speakers, and their alerts."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from asr.models import MICRO_NOTICE
from service.commands.server_process import ServerProcess, server_process
from service.errors import Failed
from service.settings import load_settings
from service.simulation.failed import SimulationFailed
from service.simulation.report import format_alert, format_table, format_transcript, wants_colour
from service.simulation.results import Report
from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, load_script

_INTERRUPTED = 130


@click.command()
def demo() -> None:
    """Listen to simulated speakers and print the alerts.

    Starts a server of its own; simulated speakers talk to it over WebRTC for a minute. On a
    terminal the server then stays up until Ctrl-C, so that you can open its console. The exit code
    is 0 if no alert was missed and none was false.
    """
    stay_s = load_settings().demo_seconds
    if stay_s is None and sys.stdout.isatty():
        stay_s = float("inf")
    sys.exit(asyncio.run(_interruptible(stay_s or 0.0)))


async def _interruptible(stay_s: float) -> int:
    """Run the demo; end server and speakers at once on Ctrl-C or SIGTERM."""
    shown = asyncio.create_task(_demo(stay_s), name="demo")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, shown.cancel)
    try:
        return await shown
    except asyncio.CancelledError:
        click.echo("\nstopped")
        return _INTERRUPTED


async def _demo(stay_s: float) -> int:
    started_s = time.monotonic()
    click.echo(f"starting a server ({MICRO_NOTICE})")
    with tempfile.TemporaryDirectory(prefix="earshot-demo-", ignore_cleanup_errors=True) as data:
        async with server_process(Path(data), {"EARSHOT_ASR_MODEL": "micro"}) as server:
            try:
                report = await _listen(server)
                await _stay(server, stay_s - (time.monotonic() - started_s))
            except asyncio.CancelledError:
                server.kill()
                raise
    return 0 if report.ok else 1


async def _listen(server: ServerProcess) -> Report:
    colour = wants_colour(sys.stdout)
    script = load_script(DEMO_SCRIPT)
    try:
        report = await simulate_room(
            server.url,
            server.key,
            "demo",
            script,
            lambda alert: click.echo(format_alert(alert, colour=colour)),
            on_transcript=lambda heard: click.echo(format_transcript(heard, colour=colour)),
            on_progress=click.echo,
            keep_room=True,
        )
    except SimulationFailed as error:
        raise Failed(str(error)) from error
    click.echo(format_table(report, colour=colour))
    return report


async def _stay(server: ServerProcess, seconds: float) -> None:
    if seconds <= 0:
        return
    click.echo(f"\nconsole: {server.url}/#key={server.key}\nPress Ctrl-C to stop the server.")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.process.wait(), None if seconds == float("inf") else seconds)
