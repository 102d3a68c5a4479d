"""Expired words are in no file of the database once `words.expired` says so."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.server import Server

LIMIT_S = 30.0
WORDS = re.compile(rb"secret\d{5}")
SOME = 12_000


def rows(now: datetime) -> Iterator[tuple[int, datetime, str, str]]:
    """Yield what two days of talk would have left: number, time, utterance id and words."""
    dice = random.Random(11)
    for number in range(SOME):
        at = now - timedelta(hours=48 * (SOME - number) / SOME)
        words = f"secret{number:05d} " + "blah " * dice.randrange(3, 60)
        yield number, at, str(uuid.UUID(int=dice.getrandbits(128))), words


def stored(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def fill(path: Path, now: datetime) -> None:
    """Store talk as an earlier run of the server did: expired in rounds, as the days went by."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete=ON")
        database.execute("BEGIN")
        for number, at, id_, words in rows(now):
            add(database, stored(at), id_, words, alert=number % 10 == 0)
            if number % 300 == 299:
                expire(database, stored(at - timedelta(hours=24)))
        database.execute("COMMIT")


def add(database: sqlite3.Connection, at: str, id_: str, words: str, *, alert: bool) -> None:
    who = {"room_id": "lobby", "speaker_id": "ann", "speaker_name": "Ann", "utterance_id": id_}
    spoken = {"started_at": at, "ended_at": at, "language": "en", "text": words, "marks": "[]"}
    insert(database, "transcripts", who | spoken | {"model": "micro", "provisional": 0})
    event = {"type": "transcript.heard", "at": at, "room_id": "lobby", "subject": id_}
    insert(database, "events", event | {"data": json.dumps({"text": words})})
    if alert:  # it keeps its talk among that which expires
        about = {"id": f"al_{id_}", "severity": "low", "category": "fraud", "state": "resolved"}
        more = {"provisional": 0, "repeats": 0, "excerpt": "", "matches": "[]"}
        times = ("raised_at", "speech_started_at", "speech_ended_at", "talk_from", "talk_to")
        insert(database, "alerts", who | about | more | dict.fromkeys(times, at))


def insert(database: sqlite3.Connection, table: str, values: Mapping[str, object]) -> None:
    places = ", ".join("?" for _ in values)
    names = ", ".join(values)
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(values.values()))


def expire(database: sqlite3.Connection, before: str) -> None:
    lone = "ended_at < ? AND utterance_id NOT IN (SELECT utterance_id FROM alerts)"
    old = f"SELECT utterance_id FROM transcripts WHERE {lone}"
    database.execute(f"DELETE FROM events WHERE subject IN ({old})", (before,))
    database.execute(f"DELETE FROM transcripts WHERE {lone}", (before,))


def found_in_files(data: Path) -> set[bytes]:
    """Return the words that can be read in any file beside the log."""
    files = [path for path in data.iterdir() if path.is_file() and path.name != "server.log"]
    return {word for path in files for word in WORDS.findall(path.read_bytes())}


def in_tables(path: Path) -> set[bytes]:
    with closing(sqlite3.connect(path)) as database:
        return {
            text.split()[0].encode() for (text,) in database.execute("SELECT text FROM transcripts")
        }


def count_expiries(server: Server) -> int:
    return server.log_file.read_text().count('"event": "words.expired"')


def test_no_expired_word_is_readable_in_the_files_after_words_expired(tmp_path: Path) -> None:
    path = tmp_path / "earshot.db"
    with Server(tmp_path) as server:
        server.stop()
        fill(path, datetime.now(UTC))
        before = count_expiries(server)
        server.start()
        deadline = time.monotonic() + LIMIT_S
        while count_expiries(server) == before:
            assert time.monotonic() < deadline, server.log_file.read_text()
            time.sleep(0.1)
        found = found_in_files(tmp_path)
        kept = in_tables(path)
        assert len(kept) > SOME / 3, "what has not expired is kept"
        assert found == kept
