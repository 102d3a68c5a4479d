"""`earshot simulate`: simulated speakers in a room of a running server."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from service.commands.out_file import OutFile
from service.errors import Failed
from service.simulation.client import check_url
from service.simulation.failed import SimulationFailed
from service.simulation.janus import JanusClient
from service.simulation.report import (
    format_alert,
    format_table,
    format_transcript,
    report_to_json,
    wants_colour,
)
from service.simulation.results import Report
from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Script, load_script


class ServerUrl(click.ParamType[str]):
    name = "url"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        try:
            return check_url(str(value))
        except SimulationFailed as failed:
            self.fail(str(failed), param, context)


@click.command()
@click.option(
    "--url",
    type=ServerUrl(),
    default="http://127.0.0.1:8080",
    show_default=True,
    help="URL of the server.",
)
@click.option("--key", required=True, help="Access key that may open rooms and read the feed.")
@click.option("--room", default="simulated", show_default=True, help="Id of the room to open.")
@click.option(
    "--script",
    "script_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=DEMO_SCRIPT,
    help="Script: who says what, and when. Default: the demo's.",
)
@click.option(
    "--janus",
    "janus_url",
    type=ServerUrl(),
    help="URL of a Janus HTTP API; the speakers talk in its room, and the server joins it.",
)
@click.option(
    "--janus-room", default="lounge", show_default=True, help="Id of the VideoRoom on Janus."
)
@click.option("--json", "json_file", type=OutFile(), help="File to write the report to.")
def simulate(
    url: str,
    key: str,
    room: str,
    script_file: Path,
    janus_url: str | None,
    janus_room: str,
    json_file: Path | None,
) -> None:
    """Let simulated speakers talk in a room of a running server.

    Prints the alerts as they come, then compares them with the script. The exit code is 0 if no
    alert was missed and none was false.
    """
    try:
        janus = JanusClient(janus_url, janus_room) if janus_url else None
        report = asyncio.run(_simulate(url, key, room, load_script(script_file), janus))
    except SimulationFailed as error:
        raise Failed(str(error)) from error
    except asyncio.CancelledError:
        click.echo("stopped", err=True)
        sys.exit(130)
    click.echo(format_table(report, colour=wants_colour(sys.stdout)))
    if json_file is not None:
        json_file.write_text(json.dumps(report_to_json(report), indent=1) + "\n")
    sys.exit(0 if report.ok else 1)


async def _simulate(
    url: str, key: str, room: str, script: Script, janus: JanusClient | None
) -> Report:
    colour = wants_colour(sys.stdout)
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    async with janus or nullcontext():
        return await simulate_room(
            url,
            key,
            room,
            script,
            lambda alert: click.echo(format_alert(alert, colour=colour)),
            on_transcript=lambda heard: click.echo(format_transcript(heard, colour=colour)),
            on_progress=click.echo,
            janus=janus,
        )
