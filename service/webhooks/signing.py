"""Signatures of Standard Webhooks 1.0.0, for messages in both directions."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from service.clock import iso

PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)
"""Greatest difference between the sender's clock and ours."""

_ID = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class BadSignature(Exception):
    """The call has no valid signature.

    Attributes:
        kind: `unsigned`, `stale`, `wrong` or `replayed`: the label of the metric.
    """

    def __init__(self, kind: str, remedy: str) -> None:
        super().__init__(remedy)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class VerifiedCall:
    """Id, time and signer of a call with a valid signature."""

    id: str
    timestamp: int
    signer: str


def make_secret() -> str:
    """Make a secret of 256 random bits in the form of the standard."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """Return a `v1` signature.

    Args:
        secret: `whsec_` and base64 of 24 to 64 bytes.
        timestamp: Unix seconds of this attempt.
    """
    content = b".".join((id_.encode(), str(timestamp).encode(), body))
    digest = hmac.digest(b64decode(secret.removeprefix(PREFIX)), content, sha256)
    return "v1," + b64encode(digest).decode()


def headers_for(secrets_: Sequence[str], id_: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of one delivery attempt, signed with each valid secret."""
    timestamp = int(now.timestamp())
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(one, id_, timestamp, body) for one in secrets_),
    }


def verify(
    signers: Mapping[str, Sequence[str]], headers: Mapping[str, str], body: bytes, now: datetime
) -> VerifiedCall:
    """Verify the signature of a call. Returns: its id, time and signer.

    Every secret is compared with every signature in constant time, so that the duration reveals
    nothing about either.

    Args:
        signers: Name -> secrets that are valid now.
        headers: Headers of the request, by lower-case name.

    Raises:
        BadSignature: The text has the remedy.
    """
    id_ = headers.get("webhook-id", "")
    seconds = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()
    if not (_ID.fullmatch(id_) and _SECONDS.fullmatch(seconds) and given):
        raise BadSignature(
            "unsigned",
            "sign the call as Standard Webhooks says: the headers webhook-id, webhook-timestamp"
            " (Unix seconds) and webhook-signature",
        )
    timestamp = int(seconds)
    signer = _signer(signers, given, id_, timestamp, body)
    if signer is None:
        raise BadSignature(
            "wrong",
            "no signature is from a secret that is valid here; sign `id.timestamp.body` with the"
            " exact bytes of the body and a secret of POST /v1/hooks/secrets",
        )
    if abs(timestamp - now.timestamp()) > TOLERANCE.total_seconds():
        raise BadSignature(
            "stale",
            f"webhook-timestamp is more than {TOLERANCE.seconds} s from this server's clock, which"
            f" says {iso(now)}; set the clocks right, and sign each attempt anew",
        )
    return VerifiedCall(id_, timestamp, signer)


def _signer(
    signers: Mapping[str, Sequence[str]],
    given: Sequence[str],
    id_: str,
    timestamp: int,
    body: bytes,
) -> str | None:
    found = None
    for name, valid in signers.items():
        for secret in valid:
            right = sign(secret, id_, timestamp, body).encode()
            for signature in given[:_SIGNATURES]:
                if hmac.compare_digest(right, signature.encode("utf-8", "replace")):
                    found = name
    return found


_SIGNATURES = 10
"""Most signatures of one call that are checked."""
