"""Cipher suites of DTLS, extended so that publishers with an RSA certificate can connect.

aiortc offers ECDSA alone, as browsers do; GStreamer's webrtcbin signs with RSA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
"""aiortc's suites, and the forward-secret ones with authenticated encryption for RSA."""


def add_rsa_ciphers(create_context: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make the replacement of the method of aiortc's certificates."""

    def create_ssl_context(certificate: Any, srtp_profiles: Any) -> Any:
        context = create_context(certificate, srtp_profiles)
        context.set_cipher_list(_CIPHERS)
        return context

    return create_ssl_context
