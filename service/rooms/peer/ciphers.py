"""What DTLS may be spoken in: publishers with an RSA certificate are heard, too.

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
"""Those of aiortc, and forward-secret ones with authenticated encryption."""


def with_rsa(create_context: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make the method that replaces the one of aiortc's certificates."""

    def create_ssl_context(certificate: Any, srtp_profiles: Any) -> Any:
        context = create_context(certificate, srtp_profiles)
        context.set_cipher_list(_CIPHERS)
        return context

    return create_ssl_context
