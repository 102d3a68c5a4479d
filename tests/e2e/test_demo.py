"""`earshot demo`, `transcribe` and `key` in processes of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service.simulation.script import DEMO_SCRIPT, load_script
from tests.server import Server, clean_environment


def earshot(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "service", *arguments]


@pytest.fixture(scope="module")
def one_pass() -> Iterator[subprocess.Popen[str]]:
    """Start a demo: its minute of speech passes while the other tests run."""
    with subprocess.Popen(
        earshot("demo"),
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        yield demo
        demo.terminate()


def test_ctrl_c_ends_the_demo_and_leaves_nothing_running() -> None:
    demo = subprocess.Popen(
        earshot("demo"),
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Grace:" in line:
            break
    servers = psutil.Process(demo.pid).children()
    assert servers
    demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=30)
    assert (demo.returncode, errors) == (130, "")
    assert not any(server.is_running() for server in servers)


@pytest.mark.usefixtures("one_pass")
def test_transcribe_prints_the_words_and_the_rules_that_match() -> None:
    clip = DEMO_SCRIPT.parent / "mallory-gift-card.opus"
    done = subprocess.run(
        earshot("transcribe", "--json", str(clip)),
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (heard,) = map(json.loads, done.stdout.splitlines())
    assert heard["text"] == "send me your gift card codes"
    assert [match["rule_id"] for match in heard["matches"]] == ["scam-gift-cards"]
    assert "demo model" in done.stderr


@pytest.mark.usefixtures("one_pass")
@pytest.mark.parametrize("content", [b"", b"not a sound", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_a_corrupt_clip_is_refused_in_one_sentence_with_exit_code_1(
    tmp_path: Path, content: bytes
) -> None:
    clip = tmp_path / "clip.wav"
    clip.write_bytes(content)
    done = subprocess.run(
        earshot("transcribe", str(clip)),
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith(f"earshot: {clip} ")
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("one_pass")
def test_keys_are_made_listed_and_revoked_on_the_command_line(server: Server) -> None:
    environment = clean_environment() | {"EARSHOT_DATA_DIR": str(server.data)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            earshot("key", *arguments),
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    secret = run("create", "--name", "Ann", "--role", "moderator").strip()
    with server.client(secret) as ann:
        assert ann.get("/v1/alerts").status_code == 200
        assert ann.post("/v1/rooms", json={}).status_code == 403
        listed = next(line for line in run("list").splitlines() if line.endswith("Ann"))
        assert secret not in listed
        key_id = listed.split()[0]
        for _ in range(2):
            run("revoke", key_id, "--reason", "lost")
        assert ann.get("/v1/alerts").status_code == 401
    with server.client() as admin:
        entries = admin.get("/v1/audit", params={"subject": key_id}).json()["items"]
    assert [(one["who"], one["action"], one["reason"]) for one in entries] == [
        ("command line", "key.revoked", "lost"),
        ("command line", "key.made", "moderator for Ann"),
    ]


def test_one_pass_raises_every_alert_and_no_other(one_pass: subprocess.Popen[str]) -> None:
    out, errors = one_pass.communicate(timeout=110)
    assert one_pass.returncode == 0, out + errors
    rows = dict(line.rsplit(None, 1) for line in out.splitlines() if "alerts " in line)
    assert rows["alerts expected"] == rows["alerts raised"]
    assert (rows["alerts missed"], rows["alerts false"]) == ("0", "0")
    assert "demo model: understands only the simulated voices" in out
    for line in (line for _, line in load_script(DEMO_SCRIPT).lines if line.alerts):
        assert f"“{line.text}”" in " ".join(out.split())
