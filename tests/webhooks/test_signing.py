from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from service.webhooks.signing import BadSignature, headers_for, make_secret, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1_614_265_330
BODY = b'{"test": 2432232314}'
NOW = datetime.fromtimestamp(AT, UTC)
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {
    "webhook-id": ID,
    "webhook-timestamp": str(AT),
    "webhook-signature": SIGNATURE,
}
SIGNERS = {"rooms": [make_secret(), SECRET], "others": [make_secret()]}


def test_the_standards_own_vector() -> None:
    assert sign(SECRET, ID, AT, BODY) == SIGNATURE
    assert headers_for([SECRET], ID, NOW, BODY) == HEADERS
    assert verify(SIGNERS, HEADERS, BODY, NOW).signer == "rooms"


def test_while_a_secret_is_rotated_both_sign() -> None:
    old, new = make_secret(), make_secret()
    now = datetime.now(UTC)
    headers = headers_for([new, old], ID, now, BODY)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(BODY.decode(), headers)
        assert verify({"a": [secret]}, headers, BODY, now)


@given(st.binary(min_size=24, max_size=64), st.text("abc_.-123", min_size=1), st.binary())
def test_what_we_sign_we_believe_and_nothing_changed_of_it(
    raw: bytes, id_: str, body: bytes
) -> None:
    secret = "whsec_" + b64encode(raw).decode()
    headers = headers_for([secret], id_, NOW, body)
    assert verify({"a": [secret]}, headers, body, NOW).id == id_
    with pytest.raises(BadSignature):
        verify({"a": [secret]}, headers, body + b" ", NOW)
    with pytest.raises(BadSignature):
        verify({"a": [secret]}, headers | {"webhook-id": id_ + "x"}, body, NOW)


WRONG = {
    "no signature": ({"webhook-signature": ""}, "unsigned"),
    "no id": ({"webhook-id": ""}, "unsigned"),
    "an id with a line break": ({"webhook-id": "a\nb"}, "unsigned"),
    "no timestamp": ({"webhook-timestamp": ""}, "unsigned"),
    "a timestamp of words": ({"webhook-timestamp": "noon"}, "unsigned"),
    "a timestamp in odd digits": ({"webhook-timestamp": "१६१४२६५३३०"}, "unsigned"),
    "another signature": ({"webhook-signature": SIGNATURE[:-4] + "abc="}, "wrong"),
    "another version": ({"webhook-signature": SIGNATURE.replace("v1", "v2")}, "wrong"),
    "the asymmetric version": ({"webhook-signature": SIGNATURE.replace("v1", "v1a")}, "wrong"),
    "not ASCII": ({"webhook-signature": "v1,\udcffü"}, "wrong"),
    "another time": ({"webhook-timestamp": str(AT + 1)}, "wrong"),
    "the right one behind too many": (
        {"webhook-signature": "v1,eA== " * 10 + SIGNATURE},
        "wrong",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_signed_rightly_is_refused(name: str) -> None:
    change, kind = WRONG[name]
    with pytest.raises(BadSignature) as refused:
        verify(SIGNERS, HEADERS | change, BODY, NOW)
    assert refused.value.kind == kind


@pytest.mark.parametrize(
    ("seconds", "stale"), [(300, False), (-300, False), (301, True), (-301, True)]
)
def test_five_minutes_between_the_clocks_are_tolerated(seconds: int, stale: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    if not stale:
        assert verify(SIGNERS, HEADERS, BODY, now)
        return
    with pytest.raises(BadSignature, match="300 s") as refused:
        verify(SIGNERS, HEADERS, BODY, now)
    assert refused.value.kind == "stale"
