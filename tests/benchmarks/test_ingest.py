"""`earshot bench ingest`: scripts, networks, counts, and a short run."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from asr.loading import load_whisper
from asr.settings import AsrSettings
from benchmarks.asr.progress import Run
from benchmarks.ingest import cpu
from benchmarks.ingest.far_end import far_end
from benchmarks.ingest.loss import measure
from benchmarks.ingest.material import LEAD_S, TAIL_S, sentences, silent, speaking
from benchmarks.ingest.network import NETWORKS, Network, lost_share, through
from benchmarks.ingest.recording_decoder import RecordingDecoder, has_copy
from benchmarks.ingest.script import Cue, Loop, Script, from_json, to_json
from service.commands.bench import bench
from service.errors import Failed

_LONG = Script([Cue(n * 0.02, n, 960 * n, 30, b"x") for n in range(60_000)])
_ALL = frozenset(range(len(_LONG.cues)))


def _through(network: Network, seed: int = 1) -> Script:
    return through(network, _LONG, lead_s=0.0, tail_s=0.0, seed=seed)


@pytest.mark.parametrize("network", [one for one in NETWORKS if one.loss], ids=lambda one: one.name)
def test_a_network_loses_its_share_of_packets(network: Network) -> None:
    lost = lost_share(_LONG, _through(network), _ALL)
    assert lost == pytest.approx(network.loss, rel=0.15)


def test_bursts_have_their_average_length() -> None:
    came = [cue.sequence for cue in _through(Network("bursts", loss=0.05, burst=3)).cues]
    holes = [later - earlier - 1 for earlier, later in pairwise(came) if later - earlier > 1]
    assert sum(holes) / len(holes) == pytest.approx(3, rel=0.15)


def test_the_same_seed_loses_the_same_packets() -> None:
    network = Network("both", loss=0.1, jitter_s=0.03)
    assert _through(network) == _through(network)
    assert _through(network) != _through(network, seed=2)


def test_jitter_and_displacement_let_packets_overtake_one_another_and_lose_none() -> None:
    for network in (Network("jitter", jitter_s=0.03), Network("displaced", displaced=0.05)):
        came = _through(network).cues
        assert len(came) == len(_LONG.cues)
        assert [cue.at_s for cue in came] == sorted(cue.at_s for cue in came)
        assert any(later.sequence < earlier.sequence for earlier, later in pairwise(came))


def test_an_outage_takes_its_time_out_of_the_middle() -> None:
    came = _through(Network("outage", outage_s=2.0)).cues
    [hole] = [b.at_s - a.at_s for a, b in pairwise(came) if b.sequence - a.sequence > 1]
    assert hole == pytest.approx(2.0, abs=0.05)


def test_the_start_and_the_end_come_through() -> None:
    said = sentences(0)
    came = through(Network("nothing", loss=1.0), said.script, lead_s=LEAD_S, tail_s=TAIL_S, seed=1)
    first, last = LEAD_S, said.script.seconds - TAIL_S
    assert came.cues
    assert all(cue.at_s < first or cue.at_s > last for cue in came.cues)


def test_speakers_say_different_sentences_with_pauses_that_are_not_sent() -> None:
    parts = [sentences(number) for number in range(8)]
    assert len({part.text for part in parts}) == 8
    for part in parts:
        cues = part.script.cues
        assert [cue.sequence for cue in cues] == list(range(len(cues)))
        assert max(b.timestamp - a.timestamp for a, b in pairwise(cues)) > 960
        assert 0 < len(part.speech) < len(cues)
        assert all(cue.level < 70 for cue in cues if cue.sequence in part.speech)


def test_a_speaking_script_sends_every_20_ms_and_a_silent_one_every_400() -> None:
    talk = speaking(0)
    assert {b.timestamp - a.timestamp for a, b in pairwise(talk.cues)} == {960}
    assert talk.loop == Loop(len(talk.cues), 960 * len(talk.cues))
    [cue] = silent().cues
    assert cue.level == 127
    assert silent().seconds == pytest.approx(0.4)


def test_a_script_round_trips_through_json() -> None:
    for script in (silent(), sentences(1, 1).script):
        assert from_json(json.loads(json.dumps(to_json(script)))) == script


def test_a_lost_packet_counts_as_heard_only_where_the_next_one_carries_its_copy() -> None:
    said = sentences(0)
    cues = said.script.cues
    by_copy = [
        (lost, following)
        for lost, following in pairwise(cues)
        if lost.sequence in said.speech and following.timestamp - lost.timestamp == 960
    ]
    carried = next(pair for pair in by_copy if has_copy(pair[1].payload))
    guessed = next(pair for pair in pairwise(cues) if not has_copy(pair[1].payload))
    for (lost, following), heard in ((carried, True), (guessed, False)):
        decoder = RecordingDecoder(said.script)
        decoder.recover(following.payload, 320)
        decoder.decode(following.payload)
        assert (lost.sequence in decoder.heard) is heard
        assert following.sequence in decoder.heard


@pytest.mark.anyio
async def test_speech_that_the_network_lost_is_mostly_heard_by_its_copies() -> None:
    model = load_whisper(AsrSettings(model="micro", device="cpu", beam_size=1))
    said = {f"speaker-{number}": sentences(number, 1) for number in range(2)}
    outcome = await measure(Network("5%", loss=0.05), model, said)
    assert outcome.dropped > 0
    assert outcome.ours.lost < outcome.dropped
    assert 0 <= outcome.ours.errors < 100
    assert 0 <= outcome.stock.errors < 100


def test_tracks_are_added_until_the_time_is_used_up() -> None:
    run = Run(limit_s=7)
    cpu.find_capacity(run, step=1, seconds=0.3)
    names = [row.name for row in run.rows]
    assert names[0] == "speaking tracks heard in real time, none lost"
    assert run.rows[0].unit == "tracks"


@pytest.mark.anyio
async def test_the_end_of_the_publishers_process_is_an_error() -> None:
    async with far_end() as end:
        end.kill()
        with pytest.raises(Failed, match="has ended"):
            await end.sent()
        with pytest.raises(Failed, match="has ended"):
            await end.play()


def test_the_command_prints_a_table_and_writes_its_rows(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    command = [sys.executable, "-m", "service", "bench", "ingest", "--only", "silent"]
    options = ["--tracks", "2", "--seconds", "0.5", "--rounds", "1", "--json", str(rows)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100)
    assert done.returncode in (0, 1), done.stderr  # by whether the bars hold here and now
    assert "| measured |" in done.stdout
    written = json.loads(rows.read_text())
    assert [row["name"].partition(",")[0] for row in written] == ["6 silent tracks"] * 3
    assert set(written[0]) == {"name", "value", "unit", "bar", "holds", "peer", "ratio"}
    assert written[0]["ratio"] == pytest.approx(written[0]["value"] / written[1]["value"], rel=0.05)


@pytest.mark.parametrize(
    "arguments",
    [["--only", "everything"], ["--tracks", "0"], ["--seconds", "0"], ["--rounds", "0"]],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    refused = CliRunner().invoke(bench, ["ingest", *arguments])
    assert refused.exit_code == 2
    assert arguments[0] in refused.output
