"""Address of a PostgreSQL database, in the forms that libpq and hosting services give it.

The parameters are libpq's (https://www.postgresql.org/docs/current/libpq-connect.html). asyncpg
knows some of them; this module maps the others, or refuses them by name. A parameter that is none
of libpq's goes to the server as a setting of the session. No error contains a value.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL

from service.errors import ConfigurationError

CONNECT_TIMEOUT = "connect_timeout"
_NAME = "EARSHOT_DATABASE_URL"

_TCP = {
    "keepalives_idle": "tcp_keepalives_idle",
    "keepalives_interval": "tcp_keepalives_interval",
    "keepalives_count": "tcp_keepalives_count",
    "tcp_user_timeout": "tcp_user_timeout",
}
"""Settings of the socket. The server's end gets them: asyncpg does not show ours."""
_ALLOWED: Mapping[str, frozenset[str]] = {
    "channel_binding": frozenset({"disable", "prefer"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "keepalives": frozenset({"1"}),
    "load_balance_hosts": frozenset({"disable"}),
    "sslcertmode": frozenset({"allow"}),
    "sslcompression": frozenset({"0"}),
    "sslsni": frozenset({"1"}),
    "gssdelegation": frozenset({"0"}),
    "client_encoding": frozenset({"utf8", "utf-8", "auto"}),
    "replication": frozenset({"false", "off", "no", "0"}),
}
"""Parameters that asyncpg does not know, with the values that describe what it does anyway."""
_UNSUPPORTED = frozenset(
    "hostaddr service servicefile require_auth requirepeer requiressl sslcrldir sslkeylogfile"
    " max_protocol_version min_protocol_version scram_client_key scram_server_key"
    " oauth_issuer oauth_client_id oauth_client_secret oauth_scope".split()
)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl", "passfile")
_DELIMITERS = frozenset(":/?#[]@")
_HOST = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+(?:%25[\w.~-]+)?)\]|([\w.~%-]*))(?::(\d{1,5})?)?", re.ASCII
)
_LAST_PORT = 65_535
_ROOT_CERTIFICATE = "~/.postgresql/root.crt"
"""File in which libpq and asyncpg look for the authority's certificate."""
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

ENCODE = (
    "percent-encode the password and the user name: one of : / ? # [ ] @ or % stands in the "
    "address as itself; write %40 for @, %2F for /, %3A for :, %23 for #, %3F for ? and %25 for %"
)


def parse_postgres_url(text: str) -> URL:
    """Parse the address. Its query then has only what asyncpg and `postgres.connect` know.

    Raises:
        ConfigurationError: It cannot be used. The text has the remedy and no piece of a password.
    """
    _, _, rest = text.partition("://")
    authority, slash, tail = _split_authority(rest)
    userinfo, _, hosts = authority.rpartition("@")
    _check_delimiters(rest, authority, userinfo)
    path, _, query_text = tail.partition("?") if slash == "/" else ("", "", tail)
    user, _, password = userinfo.partition(":")
    query = _parse_query(query_text)
    places = _parse_hosts(hosts)
    if host_text := query.pop("host", ""):
        places = _places_of(host_text, query.pop("port", ""))
    elif port := query.pop("port", ""):
        places = _places_of(",".join(name for name, _ in places) or "localhost", port)
    found_user = unquote(user) or query.pop("user", "")
    found_password = unquote(password) or query.pop("password", "")
    for name in ("user", "password"):
        query.pop(name, None)
    named = query.pop("dbname", "") or query.pop("database", "")
    database = unquote(path) or named
    if not database:
        raise _refusal("it names no database; end the address with /earshot, for example")
    return _make(found_user, found_password, places, database, _map(query, len(places)))


def _split_authority(rest: str) -> tuple[str, str, str]:
    for at, char in enumerate(rest):
        if char in "/?":
            return rest[:at], char, rest[at + 1 :]
    return rest, "", ""


def _check_delimiters(rest: str, authority: str, userinfo: str) -> None:
    """Refuse an address in which a password may stand as it is, before any part of it is used."""
    tail = rest[len(authority) :]
    user, _, password = userinfo.partition(":")
    if (
        "#" in rest
        or "@" in tail
        or "@" in userinfo
        or _DELIMITERS & {*user, *password}
        or _BAD_ESCAPE.search(rest)
    ):
        raise _refusal(ENCODE)


def _parse_query(text: str) -> dict[str, str]:
    """Return the parameters; those of the same name are joined by commas, as hosts are."""
    found: dict[str, str] = {}
    for piece in filter(None, text.split("&")):
        name, equals, value = piece.partition("=")
        if not equals:
            raise _refusal("a parameter after ? has no value; write name=value")
        name, value = unquote(name), unquote(value)
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _parse_hosts(text: str) -> list[tuple[str, str]]:
    """Return each host, decoded, with its port, which may be empty."""
    places = []
    for one in filter(None, text.split(",")):
        match = _HOST.fullmatch(one)
        if match is None:
            raise _refusal(
                "this is not a database URL: between // and the name of the database stands no "
                "host:port; " + ENCODE
            )
        places.append((unquote(match[1] or match[2]), match[3] or ""))
    return places


def _places_of(hosts: str, ports: str) -> list[tuple[str, str]]:
    """Return the places that the parameters `host` and `port` name."""
    names = hosts.split(",")
    numbers = ports.split(",") if ports else [""]
    if any(number and not number.isdecimal() for number in numbers):
        raise _refusal(f"a port is a number from 1 to {_LAST_PORT}")
    places = []
    for at, name in enumerate(names):
        given = numbers[at] if len(numbers) == len(names) else numbers[0]
        if name.startswith("/"):
            places.append((name, given))
            continue
        host, colon, port = name.rpartition(":")
        alone = not colon or ":" in host and not host.startswith("[")
        places.append((name, given) if alone else (host.strip("[]"), port or given))
    return places


def _map(query: Mapping[str, str], hosts: int) -> dict[str, str]:
    """Return the parameters in asyncpg's terms."""
    mapped: dict[str, str] = {}
    for name, value in query.items():
        if name in _UNSUPPORTED:
            raise _refusal(f"{name} is not supported; leave it out")
        if name in _ALLOWED:
            if value.lower() not in _ALLOWED[name]:
                usual = " or ".join(sorted(_ALLOWED[name]))
                raise _refusal(f"{name} can only be {usual} here; write that, or leave it out")
        elif name in _TCP or name == CONNECT_TIMEOUT:
            if not value.isdecimal():
                raise _refusal(f"{name} is a whole number of seconds, or of tries")
            mapped[_TCP.get(name, name)] = value
        elif name == "fallback_application_name":
            mapped.setdefault("application_name", value)
        elif name == "ssl":
            mapped.setdefault("sslmode", "require" if value == "true" else "prefer")
        else:
            mapped[name] = value
    _check_tls(mapped)
    _check_role(mapped, hosts)
    return mapped


def _check_tls(mapped: dict[str, str]) -> None:
    mode = mapped.get("sslmode", "prefer")
    if mode not in _SSL_MODES:
        raise _refusal(f"sslmode is one of {', '.join(_SSL_MODES)}")
    if mapped.get("sslrootcert") == "system":
        system = ssl.get_default_verify_paths().cafile
        if system is None:
            raise _refusal("sslrootcert=system finds no certificates here; name a file")
        mapped |= {"sslrootcert": system, "sslmode": "verify-full"}
    if mode.startswith("verify-") and not (
        mapped.get("sslrootcert")
        or os.environ.get("PGSSLROOTCERT")
        or Path(os.path.expanduser(_ROOT_CERTIFICATE)).exists()
    ):
        raise _refusal(
            f"sslmode={mode} needs sslrootcert: name the file with the authority's certificate, or"
            " write sslrootcert=system for the authorities that this system trusts"
        )
    for name in _FILES:
        if name in mapped and not os.access(mapped[name], os.R_OK):
            raise _refusal(f"{name} names no file that this user may read")


def _check_role(mapped: dict[str, str], hosts: int) -> None:
    """Take only a server that can be written; with several hosts, look for it."""
    role = mapped.get("target_session_attrs", "any")
    if role not in ("any", "read-write", "primary"):
        raise _refusal(
            "target_session_attrs can only be read-write, primary or any: earshot writes"
        )
    if role == "any" and hosts > 1:
        mapped["target_session_attrs"] = "read-write"


def _make(
    user: str,
    password: str,
    places: list[tuple[str, str]],
    database: str,
    query: dict[str, str],
) -> URL:
    if any(port and not 0 < int(port) <= _LAST_PORT for _, port in places):
        raise _refusal(f"a port is a number from 1 to {_LAST_PORT}")
    host, port = places[0] if places else ("", "")
    single = len(places) == 1 and not host.startswith("/")
    if places and not single:
        query["host"] = ",".join(name for name, _ in places)
        query["port"] = ",".join(number or "5432" for _, number in places)
    return URL.create(
        "postgresql+asyncpg",
        username=user or None,
        password=password or None,
        host=(host or None) if single else None,
        port=int(port) if single and port else None,
        database=database,
        query=query,
    )


def _refusal(what: str) -> ConfigurationError:
    return ConfigurationError(f"{_NAME}: {what}")
