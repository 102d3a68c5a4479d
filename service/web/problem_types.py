"""Type URIs of problems (RFC 9457): one for each kind, documented in docs/problems.md.

A type stays the same when the words of its title change: edit the title here, and only there.
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "urn:earshot:problem:"
"""An identifier, not an address: a client compares it and never fetches it."""
UNTYPED = "about:blank"
"""Type of a problem that its HTTP status says all about (RFC 9457, 4.2.1)."""

TYPES: Mapping[tuple[int, str], str] = {
    # Requests
    (400, "Bad Idempotency-Key"): "bad-idempotency-key",
    (400, "Bad cursor"): "bad-cursor",
    (400, "Cursor of another order"): "cursor-of-another-order",
    (400, "Incomplete body"): "incomplete-body",
    (409, "Answer not stored"): "answer-not-stored",
    (409, "Outcome unknown"): "outcome-unknown",
    (409, "Still running"): "still-running",
    (415, "Wrong content type"): "wrong-content-type",
    (422, "Empty parameter"): "empty-parameter",
    (422, "Empty period"): "empty-period",
    (422, "Idempotency-Key used before"): "idempotency-key-used-before",
    (422, "Invalid request"): "invalid-request",
    (422, "Text cannot be stored"): "text-not-storable",
    (422, "Unknown event type"): "unknown-event-type",
    (422, "Unknown parameter"): "unknown-parameter",
    # Keys and sessions
    (401, "Key required"): "key-required",
    (403, "Another address"): "another-address",
    (403, "From another site"): "cross-site-request",
    (403, "Not allowed"): "role-not-allowed",
    (403, "Not for a scoped key"): "not-for-a-scoped-key",
    (403, "Outside the key's rooms"): "outside-the-keys-rooms",
    (404, "No such key"): "key-not-found",
    (409, "Name taken"): "name-taken",
    (409, "Your own key"): "own-key",
    (422, "Admins have all rooms"): "admin-key-scoped",
    (429, "Too many unknown keys"): "too-many-unknown-keys",
    (429, "Too many unknown tokens"): "too-many-unknown-tokens",
    # Rooms
    (404, "No such room"): "room-not-found",
    (409, "Room differs"): "room-differs",
    (409, "Room ended"): "room-ended",
    (409, "Room exists"): "room-exists",
    (422, "Unknown connector"): "unknown-connector",
    (503, "Still ending"): "room-still-ending",
    # Publishing
    (400, "Bad SDP"): "bad-sdp",
    (400, "Bad candidate"): "bad-candidate",
    (400, "Bad offer"): "bad-offer",
    (401, "Publish token required"): "publish-token-required",
    (403, "Another room"): "token-for-another-room",
    (403, "Not your session"): "session-of-another-speaker",
    (403, "Removed"): "speaker-removed",
    (404, "No such session"): "session-not-found",
    (409, "Already publishing"): "already-publishing",
    (409, "Room of another kind"): "wrong-connector",
    (412, "Stale ETag"): "stale-etag",
    (422, "No ICE restart"): "ice-restart-not-supported",
    (428, "If-Match missing"): "if-match-required",
    (500, "Cannot answer"): "offer-not-answered",
    # Alerts and actions
    (404, "No such alert"): "alert-not-found",
    (409, "Not in this state"): "alert-state-conflict",
    (404, "No such action"): "action-not-found",
    (409, "Another result stands"): "action-result-conflict",
    (409, "Carried out by earshot"): "action-carried-out-by-earshot",
    (409, "No webhook carries it out"): "no-action-webhook",
    (422, "Not an outcome of this alert"): "outcome-of-another-handling",
    (409, "Not possible here"): "action-not-possible",
    (409, "Room has ended"): "action-in-ended-room",
    (409, "Room is lost"): "action-in-lost-room",
    # Policies
    (404, "No such pack"): "pack-not-found",
    (404, "No such version"): "pack-version-not-found",
    (409, "Back-test running"): "backtest-running",
    (412, "Changed meanwhile"): "pack-changed",
    (422, "Nothing on record"): "period-expired",
    (422, "Draft refused"): "draft-refused",
    (422, "Pack refused"): "pack-refused",
    (422, "Unknown pack"): "unknown-pack",
    (503, "Policy work not done"): "policy-work-not-done",
    # Webhooks
    (404, "No events"): "no-events",
    (404, "No such delivery"): "delivery-not-found",
    (404, "No such webhook"): "webhook-not-found",
    (409, "Action not redelivered"): "action-not-redelivered",
    (409, "Not an event"): "delivery-without-event",
    (409, "Redelivering already"): "too-many-redeliveries",
    (409, "Secret unreadable"): "secret-unreadable",
    (409, "Too many webhooks"): "too-many-webhooks",
    (409, "Webhook disabled"): "webhook-disabled",
    (422, "Address refused"): "address-refused",
    (422, "What to send"): "redelivery-unclear",
    # Events from room servers
    (401, "Not from Janus"): "janus-not-authenticated",
    (401, "Not signed"): "signature-invalid",
    (404, "No such secret"): "secret-not-found",
    (409, "Two secrets already"): "too-many-secrets",
    (422, "Invalid event"): "invalid-event",
    (422, "Not an event"): "not-an-event",
    (422, "Not events"): "not-janus-events",
    # Server
    (404, "No such file"): "file-not-found",
    (500, "Internal error"): "internal-error",
    (503, "Database away"): "database-unavailable",
    (503, "Not ready"): "not-ready",
    (503, "Too many connections"): "too-many-connections",
    (503, "Too many feeds"): "too-many-feeds",
    (503, "Stopping"): "server-stopping",
}
"""Status and title -> last part of the type URI."""

BY_STATUS: Mapping[int, str] = {
    400: "unreadable-body",
    404: "path-not-found",
    405: "method-not-allowed",
    413: "body-too-large",
}
"""Types of the refusals whose title is the HTTP reason phrase: FastAPI's and Starlette's own."""


def type_of(status: int, title: str) -> str:
    """Return the type URI of a problem with this title."""
    kind = TYPES.get((status, title))
    return UNTYPED if kind is None else PREFIX + kind


def type_of_status(status: int) -> str:
    """Return the type URI of a refusal that only its HTTP status describes."""
    kind = BY_STATUS.get(status)
    return UNTYPED if kind is None else PREFIX + kind
