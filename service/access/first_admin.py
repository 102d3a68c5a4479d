"""First admin key: the one with which all others are created."""

from __future__ import annotations

from datetime import datetime

from service.access.audit import SERVER, Action, make_entry
from service.access.keys import Key, Role, digest_of, make_key
from service.access.ports import AuditStore, KeyStore
from service.errors import ConfigurationError


async def ensure_admin(
    store: KeyStore, audit: AuditStore, given: str | None, now: datetime
) -> str | None:
    """Make sure that an admin key exists. Returns: its secret, if this call made the key.

    Args:
        given: EARSHOT_ADMIN_KEY; an unknown one is stored, as its hash. It must be long and random.

    Raises:
        ConfigurationError: The given key is empty, revoked, expired, or has another role.
    """
    if given is not None:
        await _store_given(store, audit, given, now)
        return None
    for key in await store.all():
        if key.role is Role.ADMIN and key.valid(now):
            return None
    key, secret = make_key("first admin", Role.ADMIN, now)
    await _add(store, audit, key, secret)
    return secret


async def _add(store: KeyStore, audit: AuditStore, key: Key, secret: str) -> None:
    await store.add(key, digest_of(secret))
    entry = make_entry(SERVER, Action.KEY_MADE, key.id, key.created_at, reason=key.purpose())
    await audit.add(entry)


async def _store_given(store: KeyStore, audit: AuditStore, given: str, now: datetime) -> None:
    if not given.strip() or given != given.strip():
        raise ConfigurationError(
            "EARSHOT_ADMIN_KEY is empty or has spaces around it; give a long random key or unset it"
        )
    known = await store.find(digest_of(given))
    if known is None:
        key, _ = make_key("first admin", Role.ADMIN, now, secret=given)
        await _add(store, audit, key, given)
    elif known.role is not Role.ADMIN or not known.valid(now):
        state = "no longer valid" if known.role is Role.ADMIN else f"of role {known.role}"
        raise ConfigurationError(
            f"EARSHOT_ADMIN_KEY is key {known.id}, which is {state}; give another or unset it"
        )
