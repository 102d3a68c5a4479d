"""Database URLs as people have them, and none that prints a piece of its password."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.postgres import Postgres
from tests.server import PYTHON, Server, clean_environment

PIECES = ("Sesame", "Opener")
"""Pieces of a password, on both sides of a raw delimiter."""


def earshot(command: str, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command that refuses its settings, until it ends."""
    return subprocess.run(
        [PYTHON, "-P", "-m", "service", command],
        env=clean_environment() | {"EARSHOT_PORT": "0", "EARSHOT_DATA_DIR": str(data), **settings},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "setting", "address"),
    [
        ("serve", "EARSHOT_DATABASE_URL", "postgresql://me:Sesame@Opener@127.0.0.1:1/earshot"),
        ("settings", "EARSHOT_DATABASE_URL", "postgresql://me:Sesame/Opener@127.0.0.1:1/earshot"),
        ("settings", "EARSHOT_DATABASE_URL", "postgresql://me:Sesame#Opener@127.0.0.1:1/earshot"),
        ("settings", "EARSHOT_DATABASE_URL", "postgresql://me:12?Opener@127.0.0.1:1/earshot"),
        ("serve", "EARSHOT_REDIS_URL", "redis://:Sesame/Opener@127.0.0.1:1/0"),
    ],
)
def test_a_raw_delimiter_in_a_password_is_explained_and_no_piece_of_it_is_printed(
    command: str, setting: str, address: str, tmp_path: Path
) -> None:
    done = earshot(command, tmp_path, **{setting: address})
    said = done.stdout + done.stderr
    assert not any(piece.lower() in said.lower() for piece in PIECES)
    assert "Traceback" not in said
    assert done.returncode == 2
    assert f"{setting}: percent-encode the password" in said


@pytest.mark.postgres
def test_libpqs_parameters_are_understood_over_a_verified_tls_connection(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    certificate, key = make_certificate()
    own_postgres.serve_tls(certificate, key)
    root = tmp_path / "root.crt"
    root.write_bytes(certificate)
    parameters = (
        f"?sslmode=verify-full&sslrootcert={root}&channel_binding=prefer&gssencmode=disable"
        "&connect_timeout=5&keepalives=1&keepalives_idle=30&keepalives_interval=5"
        "&keepalives_count=3&application_name=ours&target_session_attrs=read-write"
    )
    with own_postgres.database() as url:
        several = url.replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1") + parameters
        with Server(tmp_path / "data", EARSHOT_DATABASE_URL=several) as server:
            with server.client() as client:
                assert client.get("/readyz").status_code == 200
            encrypted = own_postgres.sql(
                "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                " WHERE application_name = 'ours'"
            )
            assert encrypted == "t"
            assert "a-test" not in server.log_file.read_text()
        root.write_bytes(make_certificate()[0])
        refused = earshot("serve", tmp_path / "other", EARSHOT_DATABASE_URL=url + parameters)
    assert refused.returncode == 2
    assert "the TLS connection to the database" in refused.stderr
    assert "sslrootcert" in refused.stderr


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("channel_binding=require", "channel_binding can only be disable or prefer"),
        ("target_session_attrs=standby", "target_session_attrs can only be read-write"),
        ("require_auth=md5", "require_auth is not supported"),
    ],
)
def test_a_parameter_that_is_not_supported_is_named(
    parameter: str, said: str, tmp_path: Path
) -> None:
    url = f"postgresql://me:{PIECES[0]}@127.0.0.1:1/earshot?{parameter}"
    done = earshot("settings", tmp_path, EARSHOT_DATABASE_URL=url)
    assert done.returncode == 2
    assert said in done.stderr
    assert PIECES[0] not in done.stderr
