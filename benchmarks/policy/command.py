"""The command. It measures the parts whose data is present."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.policy import benign, hate, hostile, material, recall, reload, speed
from benchmarks.policy.recognition import recognition
from benchmarks.rows import Row, finish
from policies.corpus import read_corpus
from policies.languages import CODES
from policies.load import load_folder
from policies.packs import shipped_packs
from policies.stored import StoredInvalid
from service.commands.out_file import OutFile
from service.errors import Failed
from service.settings import load_settings

_PARTS = ("speed", "recall", "recognition", "benign", "hate", "reload", "hostile")


@click.command()
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of benign speech and test sets; EARSHOT_CORPUS_DIR.",
)
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Only these parts.")
@click.option("--json", "json_file", type=OutFile(), help="File to write the rows to.")
def policy(corpus: Path | None, only: tuple[str, ...], json_file: Path | None) -> None:
    """Measure how fast and how well the rules match.

    Parts: speed, recall in spite of recognition errors, false alarms, HateCheck, XSTest and more.

    Times are processor time of this process, one thread. Measurements whose file is not in the
    corpus are left out with a warning.
    """
    click.echo(f"{os.cpu_count()} cores, Python {platform.python_version()}, one thread")
    folder = corpus or load_settings().corpus_dir
    parts = only or _PARTS
    try:
        rows = [row for part in parts for row in _measured(part, folder)]
    except StoredInvalid as invalid:
        raise Failed(str(invalid)) from invalid
    sys.exit(finish(rows, json_file))


def _measured(part: str, folder: Path | None) -> Iterator[Row]:
    click.echo(f"measuring: {part}", err=True)
    packs = load_folder(shipped_packs())
    match part:
        case "speed":
            words = material.from_corpus(folder) if folder else material.from_examples(packs)
            yield from speed.loading(words)
            yield from speed.speed(words)
        case "recall":
            for file in _files(folder, "asr_noise_*.json"):
                yield from recall.recall(file, read_corpus(folder) if folder else {})
        case "recognition":
            yield from recognition()
        case "benign":
            if folder is None:
                _missing("benign speech (.jsonl)")
            else:
                yield from benign.benign(packs, read_corpus(folder))
        case "hate":
            for language in CODES:
                for file in _files(folder, f"hatecheck_{language}_*.csv"):
                    yield from hate.hatecheck(packs, file, language)
            for file in _files(folder, "xstest_*.csv"):
                yield from hate.xstest(packs, file)
        case "reload":
            yield from reload.reload()
        case "hostile":
            yield from hostile.hostile()


def _files(folder: Path | None, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern)) if folder else []
    if not found:
        _missing(pattern)
    return found


def _missing(what: str) -> None:
    click.echo(f"no {what} in the corpus (EARSHOT_CORPUS_DIR): not measured", err=True)
