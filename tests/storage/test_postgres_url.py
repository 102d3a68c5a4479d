from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from service.errors import ConfigurationError
from service.storage.engine import hide_password, parse_url
from service.storage.postgres import describe_hosts, dsn_of
from service.storage.postgres_url import ENCODE

ASIDE = "postgresql://me:secret@db.example/earshot"


def refusal(url: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_url(url)
    assert "sent" not in "".join(traceback.format_exception(caught.value)).replace(url, "")
    return str(caught.value)


@pytest.mark.parametrize("delimiter", "@/#?:[]%")
@pytest.mark.parametrize("place", ["{}sent", "sent{}inel", "sent{}", "12{}sent"])
def test_a_raw_delimiter_in_the_password_is_named_without_a_piece_of_it(
    delimiter: str, place: str
) -> None:
    url = f"postgresql://me:{place.format(delimiter)}@db.example/earshot"
    assert refusal(url) == f"EARSHOT_DATABASE_URL: {ENCODE}"


@given(
    password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
)
def test_every_encoded_password_arrives(password: str) -> None:
    made = URL.create("postgresql", "me", password, "db.example", 5433, "earshot")
    parsed = parse_url(made.render_as_string(hide_password=False).replace(" ", "%20"))
    assert parsed.password == password
    assert (parsed.username, parsed.host, parsed.port) == ("me", "db.example", 5433)


@pytest.mark.parametrize(
    ("url", "hosts", "dsn"),
    [
        ("postgres://me@h/ear", "h", "postgresql://me@h/ear"),
        ("postgresql+psycopg2://me@h:5/ear\n", "h:5", "postgresql://me@h:5/ear"),
        ("postgresql://me@[::1]:5/ear", "[::1]:5", "postgresql://me@[::1]:5/ear"),
        (
            "postgresql://h1:1,h2/ear",
            "h1:1,h2:5432",
            "postgresql:///ear?host=h1%2Ch2&port=1%2C5432&target_session_attrs=read-write",
        ),
        (
            "postgresql:///ear?host=h1:1&host=h2:2&target_session_attrs=primary",
            "h1:1,h2:2",
            "postgresql:///ear?host=h1%2Ch2&port=1%2C2&target_session_attrs=primary",
        ),
        (
            "postgresql://%2Frun%2Fpostgresql/ear",
            "/run/postgresql",
            "postgresql:///ear?host=%2Frun%2Fpostgresql&port=5432",
        ),
        (
            "postgresql:///?host=/run/pg&port=6543&dbname=ear&user=me&password=p%40",
            "/run/pg",
            "postgresql://me:p%40@/ear?host=%2Frun%2Fpg&port=6543",
        ),
        ("postgresql://h/ear?port=6", "h:6", "postgresql://h:6/ear"),
    ],
)
def test_each_form_of_host_reaches_the_driver(url: str, hosts: str, dsn: str) -> None:
    parsed = parse_url(url)
    assert (describe_hosts(parsed), dsn_of(parsed)) == (hosts, dsn)


@pytest.mark.parametrize(
    ("given", "mapped"),
    [
        ("channel_binding=prefer&gssencmode=disable&keepalives=1&sslsni=1", {}),
        ("sslmode=require&ssl_min_protocol_version=TLSv1.2", None),
        ("keepalives_idle=9", {"tcp_keepalives_idle": "9"}),
        ("tcp_user_timeout=8", {"tcp_user_timeout": "8"}),
        ("application_name=ours&options=-c%20work_mem%3D8MB", None),
        ("fallback_application_name=ours", {"application_name": "ours"}),
        ("connect_timeout=7", None),
        ("ssl=true", {"sslmode": "require"}),
        ("statement_timeout=5000", None),
    ],
)  # fmt: skip
def test_each_parameter_is_mapped(given: str, mapped: dict[str, str] | None) -> None:
    found = dict(parse_url(f"{ASIDE}?{given}").query)
    pairs = [piece.split("=") for piece in given.replace("%20", " ").replace("%3D", "~").split("&")]
    same = {name: value.replace("~", "=") for name, value in pairs}
    assert found == (same if mapped is None else mapped)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("channel_binding=require", "channel_binding can only be disable or prefer here"),
        ("gssencmode=require", "gssencmode can only be disable or prefer here"),
        ("keepalives=0", "keepalives can only be 1 here"),
        ("load_balance_hosts=random", "load_balance_hosts can only be disable here"),
        ("hostaddr=10.0.0.1", "hostaddr is not supported"),
        ("require_auth=scram-sha-256", "require_auth is not supported"),
        ("sslmode=always", "sslmode is one of disable, allow, prefer, require, verify-ca"),
        ("sslmode=verify-full", "sslmode=verify-full needs sslrootcert: name the file"),
        ("port=99999", "a port is a number from 1 to 65535"),
        ("port=0", "a port is a number from 1 to 65535"),
        ("sslrootcert=/nowhere", "sslrootcert names no file that this user may read"),
        ("connect_timeout=soon", "connect_timeout is a whole number"),
        ("target_session_attrs=standby", "target_session_attrs can only be read-write, primary"),
        ("sslmode", "a parameter after ? has no value"),
    ],
)
def test_each_parameter_without_a_counterpart_is_named(
    given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    assert said in refusal(f"{ASIDE}?{given}")


def test_a_port_that_does_not_exist_is_refused() -> None:
    assert "a port is a number from 1 to 65535" in refusal("postgresql://me:secret@h:65536/ear")
    assert "a port is a number from 1 to 65535" in refusal("postgresql://h:1,i:99999/ear")


def test_no_form_of_the_parsed_address_shows_the_password() -> None:
    for url in (ASIDE, "postgresql://h/ear?user=me&password=secret"):
        parsed = parse_url(url)
        assert "secret" not in f"{parsed!r} {parsed} {hide_password(url)}"
