"""Encryption of stored secrets that the server must read again.

Webhooks are signed with HMAC in both directions, which needs the secret itself: a hash, as keys
have, is not enough. A sealed secret is useless to a person who has only the database or a copy.
A person who also has the data folder or EARSHOT_SECRET can open it.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.errors import ConfigurationError

KEY_FILE = "secret.key"
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The secret was sealed with another key, or for another owner."""


class Seal:
    """Key that seals and opens secrets with AES-GCM.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._aes = AESGCM(key)

    def close(self, secret: str, owner: str) -> str:
        """Seal a secret.

        Args:
            owner: Id of the webhook, room or room server; the secret opens only with this id.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return b64encode(nonce + self._aes.encrypt(nonce, secret.encode(), owner.encode())).decode()

    def open(self, sealed: str, owner: str) -> str:
        """Return the secret.

        Raises:
            CannotOpen: It was sealed with another key or for another owner.
        """
        try:
            raw = b64decode(sealed)
            nonce, text = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            return self._aes.decrypt(nonce, text, owner.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise CannotOpen(owner) from error


def make_seal(given: str | None, data_dir: Path) -> Seal:
    """Make a seal with a key from EARSHOT_SECRET, or else from a file in the data folder.

    The first start makes the file, readable for its owner only.

    Raises:
        ConfigurationError: The file cannot be made or read, or is not a key.
    """
    return Seal(sha256(given.encode()).digest() if given else _key_of(data_dir / KEY_FILE))


def _key_of(path: Path) -> bytes:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the key file {path}, which seals secrets, cannot be used: {error.strerror}; give"
            " EARSHOT_DATA_DIR a folder that this user may write, or set EARSHOT_SECRET"
        ) from error
    if len(key) != 32:
        raise ConfigurationError(
            f"the file {path} is not a key of 32 bytes; restore the earlier file, or move this one"
            " away and rotate the secret of every webhook"
        )
    return key


def _make(path: Path) -> None:
    """Write a new key to a temporary file and link it, so that no half file has the name."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    file = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(file, secrets.token_bytes(32))
        os.fsync(file)
        os.link(beside, path)
    finally:
        os.close(file)
        beside.unlink()
