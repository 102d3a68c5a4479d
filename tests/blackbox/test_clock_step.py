"""A server whose wall clock is stepped while people talk: no gap, and times never go back."""

from __future__ import annotations

import shutil
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.blackbox.speech import make_voices, record_of, talking
from tests.e2e.following import following
from tests.e2e.resources import metrics
from tests.server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.drill]

_SOURCE = Path(__file__).with_name("stepped_clock.c")
_LEAD_S = 0.4
"""Sound before the first word that belongs to an utterance."""
_LINES = 2
_STEPPED_S = 3.3
"""Time of the script at which the clock is stepped: after the first line."""


class SteppedClock:
    """The wall clock of a server in this test.

    Attributes:
        settings: Environment of the server.
    """

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "offset"
        self._file.write_bytes(struct.pack("@q", 0))
        self.settings = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(self._file)}

    def step(self, seconds: float) -> None:
        with self._file.open("r+b") as file:
            file.write(struct.pack("@q", round(seconds * 1e6)))


@pytest.fixture
def stepped_clock(tmp_path: Path) -> SteppedClock:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("LOUD: tests of a stepped clock are skipped: there is no C compiler (`cc`)")
    library = tmp_path / "stepped_clock.so"
    command: list[str | Path] = [compiler, "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return SteppedClock(tmp_path, library)


@pytest.mark.parametrize("step_s", [2.0, -600.0])
async def test_a_step_of_the_wall_clock_makes_no_gap_and_no_time_goes_back(
    tmp_path: Path, stepped_clock: SteppedClock, step_s: float
) -> None:
    voices = make_voices(until_s=6.5)[:2]
    with Server(tmp_path / "data", **stepped_clock.settings) as server:
        async with following(server) as followed, talking(server, voices) as room:
            await room.until(_STEPPED_S)
            stepped_clock.step(step_s)
            for voice in voices:
                await followed.has(
                    "transcript.heard",
                    count=_LINES,
                    seconds=30,
                    speaker_id=voice.speaker.id,
                    provisional=False,
                )
                record = record_of(followed, room, voice.speaker.id)
                said = [(span[0], line.text) for span, line in room.said(voice)]
                heard = [(span[0] + _LEAD_S, text) for span, text in record.heard]
                assert [text for _, text in heard[:_LINES]] == [text for _, text in said[:_LINES]]
                assert all(one < later for (one, _), (later, _) in pairwise(heard))
                assert record.gaps == []
                for (dated_s, _), (said_s, _) in zip(heard, said, strict=False):
                    after = said_s > _STEPPED_S
                    shift_s = max(step_s, 0.0) if after else 0.0  # backward: the old pace goes on
                    assert dated_s == pytest.approx(said_s + shift_s, abs=0.5)
        with server.client() as client:
            counted = metrics(client.get("/metrics").text)
    direction = "forward" if step_s > 0 else "backward"
    assert counted[f'earshot_clock_steps_total{{direction="{direction}"}}'] == 1
