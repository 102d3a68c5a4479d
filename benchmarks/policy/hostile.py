"""Pack files made to hurt: each must be refused, soon and in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from benchmarks.rows import Row
from service.errors import Failed

SECONDS_BAR, MEMORY_BAR_MIB = 2.0, 200.0

_HEADER = b"schema: 1\npack: p\nversion: 1.0.0\ntitle: T\ndescription: D\npolicies:\n"
_RULE = b"""  - id: r%d
    title: T
    category: hate
    severity: low
    languages: [en]
    description: D
    match: {words: {%s}}
    tests: {must_match: [a, b, c], must_not_match: [d, e, f]}
"""


def _rule(listened: bytes, number: int = 0) -> bytes:
    return _HEADER + _RULE % (number, listened)


FILES: Mapping[str, Callable[[], bytes]] = {
    "a phrase of 1 MB": lambda: _rule(b"phrases: {en: [%s]}" % (b"a" * 999_000)),
    "100,000 rules": lambda: _HEADER + b"  - {id: a}\n" * 100_000,
    "many rules in 1 MB": lambda: _HEADER + b"".join(_RULE % (n, b"a: b") for n in range(4_000)),
    "a catastrophic pattern": lambda: _rule(b"patterns: {en: ['(a{1,900}){1,900}']}"),
    "20,000 patterns": lambda: (
        _HEADER
        + b"".join(
            _RULE % (n, b"patterns: {en: [%s]}" % b",".join([rb"'a\w{900}b'"] * 99))
            for n in range(200)
        )
    ),
    "look-around": lambda: _rule(b"patterns: {en: ['(?=(a+)+)b']}"),
    "zero-width characters": lambda: _rule("phrases: {en: [gi\u200bft card]}".encode()),
    "bidirectional characters": lambda: _rule("phrases: {en: [\u202edrac tfig]}".encode()),
    "aliases": lambda: b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "nesting": lambda: b"[" * 900_000,
    "many mappings": lambda: b"".join(b"k%d: {a: 1}\n" % n for n in range(60_000)),
    "many list items": lambda: _rule(b"phrases: {en: [%s]}" % b",".join([b"a"] * 400_000)),
    "another encoding": lambda: "schema: 1\npack: \u00e9".encode("utf-16"),
    "not text": lambda: b"\x00\x01\x02\xff" * 1000,
    "larger than a file may be": lambda: b"#" * 50_000_000,
}

_TRY = """
import json, sys, time
from pathlib import Path
from policies.finding import PackInvalid
from policies.load import load_pack
start, refused = time.process_time(), ""
try:
    load_pack(Path(sys.argv[1]))
except PackInvalid as invalid:
    refused = str(invalid.errors[0])
seconds = time.process_time() - start
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps([refused, seconds, int(peak.split()[1]) / 1024]))
"""


def hostile() -> Iterator[Row]:
    """Load each file in a process of its own; memory is the peak of the whole process."""
    slowest = largest = 0.0
    accepted = []
    for name, content in FILES.items():
        refused, seconds, memory_mib = _try(content())
        click.echo(f"  {name}: {seconds:.2f} s, {memory_mib:.0f} MiB: {refused[:120]}")
        slowest, largest = max(slowest, seconds), max(largest, memory_mib)
        if not refused:
            accepted.append(name)
    yield Row("hostile pack files accepted", len(accepted), "", 0)
    yield Row("hostile pack files, the slowest", round(slowest, 2), "s", SECONDS_BAR)
    yield Row("hostile pack files, most memory", round(largest, 1), "MiB", MEMORY_BAR_MIB)


def _try(content: bytes) -> tuple[str, float, float]:
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
        path = Path(folder) / "pack.yaml"
        path.write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-c", _TRY, str(path)], capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise Failed(f"loading a hostile pack ended badly: {done.stderr.strip()[-200:]}")
    refused, seconds, memory_mib = json.loads(done.stdout)
    return str(refused).replace(str(path), path.name), float(seconds), float(memory_mib)
