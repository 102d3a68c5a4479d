"""What DTLS may be spoken in: publishers with an RSA certificate are heard, too.

aiortc offers ECDSA alone, as browsers do; GStreamer's webrtcbin signs with RSA.
"""

from __future__ import annotations

from typing import Any

from aiortc import RTCCertificate

_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
"""Those of aiortc, and forward-secret ones with authenticated encryption."""

_context_of_aiortc: Any = getattr(RTCCertificate, "_create_ssl_context", None)


def _context(self: RTCCertificate, srtp_profiles: Any) -> Any:
    context = _context_of_aiortc(self, srtp_profiles)
    context.set_cipher_list(_CIPHERS)
    return context


def offer() -> None:
    """From now on, in every connection of this process."""
    certificate: Any = RTCCertificate
    if _context_of_aiortc is not None:  # else another aiortc than the one that is pinned
        certificate._create_ssl_context = _context
