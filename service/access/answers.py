"""Answers to requests with an `Idempotency-Key`, so that a repeated request acts once.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from service.access.keyed_request import Claim, KeyedRequest, StoredAnswer, StoredClaim
from service.access.ports import AnswerStore
from service.access.sealing import CannotOpen, Seal
from service.clock import Clock
from service.errors import Problem, StoreAway

log = structlog.get_logger()

KEPT_FOR = timedelta(hours=24)
"""Time for which an answer is kept."""
MOST_KEPT = 20_000
"""Answers kept of one caller. Beyond it, the oldest are removed."""
MOST_BYTES = 256 * 1024
"""Longest body that is kept."""
_TRIM_EVERY = 500
_NOT_AGAIN = "nothing was done now; see whether it was done then, and send it with a new key if not"


class Answers:
    """Stored answers, and the requests under way in this process."""

    def __init__(self, store: AnswerStore, seal: Seal, clock: Clock) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._under_way: set[str] = set()
        self._claims = 0

    async def begin(self, request: KeyedRequest) -> Claim | StoredAnswer:
        """Claim a request, or return the answer of the same request before.

        Call `finish`, `release` or `abandon` with the claim.

        Raises:
            Problem: 409 while the first request runs, or where its outcome is unknown; 422 for
                another request with the same key.
        """
        digest = request.digest
        if digest in self._under_way:
            raise Problem(
                409,
                "Still running",
                "the first request with this Idempotency-Key still runs; ask again in a second",
                headers={"Retry-After": "1"},
            )
        self._under_way.add(digest)
        try:
            return await self._claim(request, digest)
        except BaseException:
            self._under_way.discard(digest)
            raise

    async def finish(self, request: KeyedRequest, claim: Claim, answer: StoredAnswer) -> None:
        """Store the answer. Where the store is away, the outcome counts as unknown later."""
        try:
            whole = {
                "fingerprint": request.fingerprint,
                "status": answer.status,
                "headers": dict(answer.headers),
                "body": answer.body,
            }
            await self._store.answer(claim, self._seal_text(whole, claim.digest))
        except StoreAway:
            log.warning("idempotency.answer_not_stored", operation=request.operation)
        finally:
            self._under_way.discard(claim.digest)

    async def release(self, request: KeyedRequest, claim: Claim) -> None:
        """Forget a request that was refused and did nothing: it may be sent again."""
        try:
            await self._store.release(claim)
        except StoreAway:
            log.warning("idempotency.claim_not_released", operation=request.operation)
        finally:
            self._under_way.discard(claim.digest)

    def abandon(self, claim: Claim) -> None:
        """Leave a request whose outcome is unknown."""
        self._under_way.discard(claim.digest)

    async def expire(self) -> int:
        """Remove answers past `KEPT_FOR` or beyond `MOST_KEPT`; return how many."""
        return await self._store.expire(self._clock() - KEPT_FOR, MOST_KEPT)

    async def _claim(self, request: KeyedRequest, digest: str) -> Claim | StoredAnswer:
        now = self._clock()
        claim = Claim(digest, secrets.token_hex(8), now)
        sealed = self._seal_text({"fingerprint": request.fingerprint}, digest)
        before = await self._store.claim(claim, request.caller, sealed, now - KEPT_FOR)
        self._claims += 1
        if self._claims % _TRIM_EVERY == 0:
            await self.expire()
        if before is None:
            return claim
        stored = self._open(before, digest)
        if stored["fingerprint"] != request.fingerprint:
            raise Problem(
                422,
                "Idempotency-Key used before",
                "another request was sent with this Idempotency-Key; send each request with a key "
                "of its own",
            )
        if before.answered:
            self._under_way.discard(digest)
            return StoredAnswer(stored["status"], stored["headers"], stored["body"])
        if not request.repeatable:
            raise Problem(
                409,
                "Outcome unknown",
                "the first request with this Idempotency-Key was cut short and may have been "
                f"carried out; {_NOT_AGAIN}",
            )
        return Claim(digest, before.nonce, now, repeated=True)

    def _seal_text(self, content: Mapping[str, Any], digest: str) -> str:
        return self._seal.close(json.dumps(content), f"idempotency {digest}")

    def _open(self, stored: StoredClaim, digest: str) -> dict[str, Any]:
        try:
            opened: dict[str, Any] = json.loads(
                self._seal.open(stored.sealed, f"idempotency {digest}")
            )
        except CannotOpen as error:
            raise Problem(
                409,
                "Outcome unknown",
                "the answer to this Idempotency-Key was sealed with another key of the server; "
                f"{_NOT_AGAIN}",
            ) from error
        return opened
