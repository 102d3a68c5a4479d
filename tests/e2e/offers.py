"""SDP offer as Chromium makes it, and ways to spoil it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FINGERPRINT = ":".join(f"{n:02X}" for n in range(32))

OFFER = "\r\n".join(
    f"""\
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host generation 0
a=ice-ufrag:Xf3q
a=ice-pwd:hQ3n0Lw2Vd8sK5rT7yB1mZ4c
a=ice-options:trickle
a=fingerprint:sha-256 {_FINGERPRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:stream track
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1001 cname:abcdefgh
a=ssrc:1001 msid:stream track
""".split("\n")
)
"""Valid offer: the server answers 201. Nothing sends from its address."""

_CANDIDATE = "a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host generation 0\r\n"
_VIDEO = f"""\
m=video 9 UDP/TLS/RTP/SAVPF 96\r
c=IN IP4 0.0.0.0\r
a=ice-ufrag:Xf3q\r
a=ice-pwd:hQ3n0Lw2Vd8sK5rT7yB1mZ4c\r
a=fingerprint:sha-256 {_FINGERPRINT}\r
a=setup:actpass\r
a=mid:{{mid}}\r
a=sendonly\r
a=rtcp-mux\r
a=rtpmap:96 VP8/90000\r
"""
_MEDIA = OFFER[OFFER.index("m=audio") :]


def trickled(candidate: str = _CANDIDATE, *, ufrag: str = "Xf3q") -> str:
    """Return a trickle ICE fragment for `OFFER`."""
    return (
        f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:hQ3n0Lw2Vd8sK5rT7yB1mZ4c\r\n"
        f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n{candidate}"
    )


def spoilt() -> Mapping[str, bytes]:
    """Return bodies that are not an offer of one audio track, by their fault."""
    text = {**_not_sdp(), **_truncated(), **_without_a_line(), **_odd_lines(), **_sections()}
    return {what: body.encode() for what, body in text.items()} | {
        "bytes that are not UTF-8": bytes(range(128, 256)),
        "UTF-16": OFFER.encode("utf-16"),
        "a gzip header": b"\x1f\x8b\x08\x00" + bytes(60),
        "an offer cut inside a character": OFFER.replace("cname:", "cname:é").encode()[:-80]
        + b"\xc3",
    }


def _not_sdp() -> dict[str, str]:
    return {
        "nothing": "",
        "a line break": "\r\n",
        "a word": "hello",
        "HTML": "<html><script>alert(1)</script></html>",
        "JSON": '{"type": "offer", "sdp": "v=0"}',
        "a NUL": "\0",
        "10,000 lines of nothing": "v=0\r\n" + "a=x\r\n" * 10_000,
        "10,000 empty lines": "\r\n" * 10_000,
        "one line of 60,000 characters": "v=" + "0" * 60_000,
        "a session without media": OFFER[: OFFER.index("m=audio")],
        "an answer's direction": OFFER.replace("a=sendonly", "a=recvonly"),
        "no direction at all": OFFER.replace("a=sendonly", "a=inactive"),
    }


def _truncated() -> dict[str, str]:
    lines = OFFER.splitlines(keepends=True)
    return {
        f"an offer cut after line {count}": "".join(lines[:count])
        for count in (1, 3, 5, 7, 8, 10, 11, 12, 13, 14, 15, 17, 19, 21, 23)
    } | {"an offer cut within a line": OFFER[: OFFER.index("a=fingerprint") + 20]}


def _without_a_line() -> dict[str, str]:
    starts = (
        "m=audio", "a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup", "a=rtcp-mux",
        "a=rtpmap:111",
    )  # fmt: skip
    return {f"an offer without {start}": _sub(rf"^{start}\b.*\r\n", "") for start in starts}


def _odd_lines() -> dict[str, str]:
    changes = {
        "a port that is a word": (r"^m=audio 9", "m=audio nine"),
        "payload types that are words": (r"^(m=audio 9 \S+) .*", r"\1 opus"),
        "no payload types": (r"^(m=audio 9 \S+) .*", r"\1"),
        "a payload type of 999": (r"\b111\b", "999"),
        "a clock rate that is a word": ("opus/48000", "opus/fast"),
        "Opus at 8000 Hz": ("opus/48000", "opus/8000"),
        "no Opus": ("opus/48000/2", "speex/16000"),
        "an rtpmap without a codec": (r"^a=rtpmap:111.*", "a=rtpmap:111"),
        "fmtp of an unknown payload type": (r"^a=fmtp:111", "a=fmtp:77"),
        "an SSRC that is a word": (r"^a=ssrc:1001", "a=ssrc:many"),
        "an extension number that is a word": (r"^a=extmap:1", "a=extmap:one"),
        "a fingerprint without a value": (r"^a=fingerprint.*", "a=fingerprint:sha-256"),
        "an unknown DTLS role": ("a=setup:actpass", "a=setup:dancer"),
        "the DTLS role holdconn": ("a=setup:actpass", "a=setup:holdconn"),
        "an empty ICE user name": (r"^a=ice-ufrag:.*", "a=ice-ufrag:"),
        "an address that is garbage": (r"^c=.*", "c=somewhere"),
        "an RTCP port that is a word": (r"^a=rtcp:9", "a=rtcp:x"),
        "an SCTP map that is a word": (r"^a=mid:0", "a=mid:0\r\na=sctpmap:x"),
        "an SSRC group of words": (r"^a=mid:0", "a=mid:0\r\na=ssrc-group:FID x y"),
        "a candidate of three words": (r"^a=candidate.*", "a=candidate:1 1 udp"),
        "a candidate without a port": (r" 127.0.0.1 9 ", " 127.0.0.1 typ "),
        "a candidate with port 0": (r" 127.0.0.1 9 ", " 127.0.0.1 0 "),
        "a candidate with port 99999": (r" 127.0.0.1 9 ", " 127.0.0.1 99999 "),
        "a candidate with port -1": (r" 127.0.0.1 9 ", " 127.0.0.1 -1 "),
        "a candidate component that is a word": (r"^a=candidate:1 1", "a=candidate:1 one"),
        "a candidate priority that is a word": ("2122260223", "high"),
        "a NUL inside": ("a=sendonly", "a=send\0only"),
    }
    return {f"an offer with {what}": _sub(*change) for what, change in changes.items()} | {
        "an offer with 600 candidates": _sub(_CANDIDATE, "".join(map(_elsewhere, range(600)))),
    }


def _sections() -> dict[str, str]:
    application = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n"
    videos = "".join(_VIDEO.format(mid=mid) for mid in range(1, 150))
    return {
        "an offer with two audio sections": OFFER + _MEDIA.replace("a=mid:0", "a=mid:1"),
        "two offers at once": OFFER * 2,
        "an offer with a data channel": OFFER + application,
        "an offer of video only": OFFER.replace("m=audio", "m=video"),
        "an offer of text": OFFER.replace("m=audio", "m=text"),
        "an offer with 149 video sections": OFFER + videos,
        "an offer whose sections share a mid": OFFER + _VIDEO.format(mid=0),
    }


def _elsewhere(number: int) -> str:
    address = f"198.18.{number // 250}.{number % 250 + 1}"
    return f"a=candidate:{number} 1 udp 1 {address} 9 typ host\r\n"


def _sub(pattern: str, replacement: str) -> str:
    spoilt, count = re.subn(pattern, replacement, OFFER, flags=re.MULTILINE)
    assert count, pattern
    return spoilt
