#!/usr/bin/env bash
# Is a deleted row gone from the file when SQLite runs with secure_delete=ON?
#
# Guess: yes. The pragma's documentation says that deleted content is overwritten with zeros, so
# after DELETE, COMMIT and a truncated write-ahead log no deleted text can be read in the file.
# Seen with SQLite 3.54.1 (in apsw 3.54.1.0): some deleted texts are still there in plain. When rows
# go, their neighbours move to other pages, and the copies that the move leaves in the unused part
# of a page are not overwritten, neither then nor when the moved rows are deleted. Only rebuilding
# the file removes them: after VACUUM none is left.
# Why it matters here: words expire is a promise of ours, and words that nobody can select any more
# were still in the database file. The file is rebuilt after expiry, and `words.expired` is said
# only then.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check apsw==3.54.1.0
"$folder/env/bin/python" - "$folder/file.db" <<'PYTHON'
import random
import re
import sys
from pathlib import Path

import apsw

file = Path(sys.argv[1])
database = apsw.Connection(str(file))
print("SQLite", apsw.sqlite_lib_version())
for pragma in ("journal_mode=WAL", "secure_delete=ON"):
    print("PRAGMA", pragma, "->", database.execute(f"PRAGMA {pragma}").fetchall())
database.execute("CREATE TABLE talk (id TEXT PRIMARY KEY, at INTEGER, text TEXT)")
database.execute("CREATE INDEX talk_at ON talk (at)")
dice = random.Random(7)
with database:
    for number in range(12_000):
        text = f"expired-{number:05d} " + "x" * dice.randrange(20, 200)
        database.execute(
            "INSERT INTO talk VALUES (?, ?, ?)", (f"{dice.getrandbits(64):x}", number, text)
        )
# As expiry does: the old go in batches, and a few stay for a while.
kept = {number for number in range(12_000) if number % 40 == 0}
for first in range(0, 12_000, 500):
    with database:
        for number in range(first, first + 500):
            if number not in kept:
                database.execute("DELETE FROM talk WHERE at = ?", (number,))


def readable() -> int:
    """Number of deleted texts that can be read in the file."""
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    found = {int(number) for number in re.findall(rb"expired-(\d{5}) ", file.read_bytes())}
    return len(found - kept)


before = readable()
database.execute("VACUUM")
after = readable()
print(f"deleted: {12_000 - len(kept)}; still readable in the file: {before}; after VACUUM: {after}")
sys.exit(not (before > 0 and after == 0))
PYTHON
