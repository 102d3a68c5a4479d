"""Bytes that are hardly HTTP, and spoilt trickle ICE fragments."""

from __future__ import annotations

import os

from tests.e2e.offers import OFFER, trickled

FRAGMENT = "application/trickle-ice-sdpfrag"


def _candidate(port: str) -> str:
    return f"a=candidate:1 1 udp 1 ::1 {port} typ host\r\n"


NOT_HTTP = {
    "nothing": b"",
    "a line break": b"\r\n",
    "random bytes": os.urandom(300),
    "zeros": bytes(5000),
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + os.urandom(190),
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an HTTP/0.9 request": b"GET /\r\n\r\n",
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a STUN packet": bytes.fromhex("000100002112a442") + os.urandom(12),
    "a SIP call": b"INVITE sip:lobby@earshot SIP/2.0\r\n\r\n",
    "a Redis command": b"*1\r\n$8\r\nFLUSHALL\r\n",
    "a request without a host": b"GET / HTTP/1.1\r\n\r\n",
    "a request with two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a length of -1": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "a length that is a word": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    "a length of 9,000 digits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n"
    % (b"9" * 9000),
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\n"
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "an unknown encoding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a chunk that is none": b"POST /v1/rooms HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk of 2^48 bytes": b"POST /v1/rooms HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\nabc",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n",
    "a header name with a space": b"GET / HTTP/1.1\r\nHost: a\r\nfoo : x\r\n\r\n",
    "a header of 200,000 characters": b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n"
    % (b"x" * 200_000),
    "a path of 200,000 characters": b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 200_000),
    "100,000 headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 100_000 + b"\r\n",
    "a path that is not ASCII": b"GET /v1/rooms/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "a request within another": b"POST /v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/rooms HTTP/1.1\r\nHost: a\r\n\r\n",
    "a WebSocket": b"GET /v1/feed HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "a proxy's request": b"GET http://127.0.0.1:1/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "the path *": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path without a slash": b"GET v1/rooms HTTP/1.1\r\nHost: a\r\n\r\n",
    "1,000 requests at once": b"GET /v1/rooms HTTP/1.1\r\nHost: a\r\n\r\n" * 1000,
    "an offer cut off": b"POST /whip/lobby HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nv=0",
}  # fmt: skip


TRICKLED: dict[str, tuple[int, str | None, str, str]] = {
    "no If-Match": (428, None, trickled(), FRAGMENT),
    "another ETag": (412, '"another"', trickled(), FRAGMENT),
    "a weak ETag": (412, "W/{etag}", trickled(), FRAGMENT),
    "an ETag without quotes": (412, "x", trickled(), FRAGMENT),
    "an ICE restart": (422, "{etag}", trickled(ufrag="Zz9z"), FRAGMENT),
    "an ICE restart for any ETag": (422, "*", trickled(ufrag="Zz9z"), FRAGMENT),
    "nothing": (400, "{etag}", "", FRAGMENT),
    "a word": (400, "{etag}", "hello", FRAGMENT),
    "HTML": (400, "{etag}", "<script>alert(1)</script>", FRAGMENT),
    "an offer": (415, "{etag}", OFFER, "application/sdp"),
    "JSON": (415, "{etag}", "{}", "application/json"),
    "no type": (415, "{etag}", trickled(), ""),
    "a candidate of two words": (400, "{etag}", trickled("a=candidate:1 1\r\n"), FRAGMENT),
    "a port that is a word": (400, "{etag}", trickled(_candidate("nine")), FRAGMENT),
    "port 99999": (400, "{etag}", trickled(_candidate("99999")), FRAGMENT),
    "port -1": (400, "{etag}", trickled(_candidate("-1")), FRAGMENT),
    "600 candidates": (400, "{etag}", trickled(_candidate("9") * 600), FRAGMENT),
    "70,000 characters": (413, "{etag}", "a" * 70_000, FRAGMENT),
}  # fmt: skip
"""Status, If-Match, body and content type of each fragment, by its fault."""
