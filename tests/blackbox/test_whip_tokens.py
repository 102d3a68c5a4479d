"""Publish tokens that have expired, and guesses at them."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from tests.blackbox.scoped_server import Tenants, call_from
from tests.e2e.credentials import publish_token
from tests.e2e.offers import OFFER

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
END = "a=mid:0\r\na=end-of-candidates\r\n"
_PATIENCE_S = 30.0


def bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def wait_until_expired(client: httpx.Client, room: str, token: str) -> None:
    """Wait until the token begins no session any more. While it is valid, the speaker has one."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        again = client.post(f"/whip/{room}", content=OFFER, headers={**SDP, **bearer(token)})
        if again.status_code == 401:
            return
        assert again.status_code == 409, again.text
        assert time.monotonic() < until
        time.sleep(0.2)


def test_an_expired_token_still_ends_the_session_that_it_began_and_no_other(
    unscoped: Tenants,
) -> None:
    room = "club-whip"
    unscoped.open_room(room)
    token = publish_token(unscoped.server, room, "ann", life_s=2)
    twin = publish_token(unscoped.server, room, "ann", life_s=1)
    other = publish_token(unscoped.server, room, "bob")
    with call_from(unscoped, "127.0.0.7") as publisher:
        begun = publisher.post(f"/whip/{room}", content=OFFER, headers={**SDP, **bearer(token)})
        assert begun.status_code == 201, begun.text
        session = begun.headers["location"]
        wait_until_expired(publisher, room, token)
        headers = {**FRAGMENT, **bearer(token), "If-Match": begun.headers["etag"]}
        assert publisher.patch(session, content=END, headers=headers).status_code == 204
        assert publisher.delete(session, headers=bearer(twin)).status_code == 401
        assert publisher.delete(session, headers=bearer(other)).status_code == 403
        assert publisher.delete(f"/whip/{room}/other", headers=bearer(token)).status_code == 401
        assert publisher.delete(session, headers=bearer(token)).status_code == 200
        assert publisher.delete(session, headers=bearer(token)).status_code == 401, "it is over"
    speakers = unscoped.admin.get(f"/v1/rooms/{room}").json()["speakers"]
    assert speakers == []


def test_guesses_at_tokens_must_wait_and_a_good_token_need_not(unscoped: Tenants) -> None:
    room = "club-guess"
    unscoped.open_room(room)
    good = publish_token(unscoped.server, room, "ann")
    with call_from(unscoped, "127.0.0.8") as address:

        def publish(token: str) -> httpx.Response:
            headers = {**SDP, **bearer(token)}
            return address.post(f"/whip/{room}", content=OFFER, headers=headers)

        answers = [publish(f"pt_{number}") for number in range(30)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert address.delete(f"/whip/{room}/x", headers=bearer("pt_x")).status_code == 429
        assert publish(good).status_code == 201
        key = bearer(unscoped.server.key)
        assert address.get("/v1/rooms", headers=key).status_code == 200, "keys are counted apart"
