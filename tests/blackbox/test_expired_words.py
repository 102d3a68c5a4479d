"""Expired words are in no file of the database once `words.expired` says so."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.server import Server

LIMIT_S = 30.0
WORDS = re.compile(rb"secret\d{5}")
SOME = 6_000


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
            heard = (id_, "lobby", "ann", "Ann", stored(at), stored(at), "en", words)
            database.execute(
                "INSERT INTO transcripts VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]', 'micro', 0)", heard
            )
            database.execute(
                "INSERT INTO events (type, at, room_id, subject, data)"
                " VALUES ('transcript.heard', ?, 'lobby', ?, ?)",
                (stored(at), id_, json.dumps({"text": words})),
            )
            if number % 300 == 299:
                expire(database, stored(at - timedelta(hours=24)))
        database.execute("COMMIT")


def expire(database: sqlite3.Connection, before: str) -> None:
    old = "SELECT utterance_id FROM transcripts WHERE ended_at < ?"
    database.execute(f"DELETE FROM events WHERE subject IN ({old})", (before,))
    database.execute("DELETE FROM transcripts WHERE ended_at < ?", (before,))


def found_in_files(data: Path) -> set[bytes]:
    """Return the words that can be read in any file beside the log."""
    files = [path for path in data.iterdir() if path.is_file() and path.name != "server.log"]
    return {word for path in files for word in WORDS.findall(path.read_bytes())}


def in_tables(path: Path) -> set[bytes]:
    with closing(sqlite3.connect(path)) as database:
        return {text.split()[0].encode() for (text,) in database.execute("SELECT text FROM transcripts")}


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
