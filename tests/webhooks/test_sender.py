"""Real connections: pinned to the checked address, bounded, never redirected."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service.errors import Problem
from service.webhooks.address import Address, Allowed, parse_allowed
from service.webhooks.delivery import Answer
from service.webhooks.sender import NOT_SENT, RESPONSE_BYTES, HttpSender
from tests.webhooks.conftest import LOOPBACK
from tests.webhooks.receivers import (
    Behaviour,
    answers,
    closes,
    never_ends,
    receiver,
    says_nothing,
    talks_rubbish,
)

pytestmark = pytest.mark.anyio

HERE = ipaddress.ip_address("127.0.0.1")


class Names:
    """Name service: each look-up of a name gets its next answer."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = [[ipaddress.ip_address(one) for one in answer] for answer in answers]
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


async def post(url: str, allowed: Allowed = LOOPBACK, total_s: float = 20) -> Answer:
    sender = HttpSender(allowed, total_s=total_s)
    try:
        return await sender.post(url, {"webhook-id": "msg_1"}, b"{}")
    finally:
        await sender.close()


async def answer_of(behave: Behaviour, total_s: float = 20) -> Answer:
    async with receiver(behave) as there:
        return await post(there.url, total_s=total_s)


async def test_the_answer_of_a_receiver_is_read_up_to_its_bound() -> None:
    assert (await answer_of(answers(204))).status == 204
    long = await answer_of(answers(500, "é" * 5000))
    assert long.status == 500
    assert len(long.text.encode()) <= RESPONSE_BYTES
    assert (
        await answer_of(answers(200, "\x00a\udcff".encode("utf-8", "replace").decode()))
    ).text == ("\ufffda?")
    throttled = await answer_of(answers(429, Retry_After="7"))
    assert throttled.retry_after == "7"


async def test_a_call_that_became_too_late_writes_nothing() -> None:
    sender = HttpSender(LOOPBACK)
    allowed = [True, False]
    async with receiver(answers(204)) as there:
        try:
            for _ in range(2):
                answer = await sender.post(there.url, {}, b"{}", may_send=lambda: allowed.pop(0))
            assert (answer.status, answer.error) == (None, NOT_SENT)
            assert (await sender.post(there.url, {}, b"{}")).status == 204
            assert len(there.calls) == 2
        finally:
            await sender.close()


async def test_a_call_may_have_less_time_than_the_others() -> None:
    sender = HttpSender(LOOPBACK)
    async with receiver(says_nothing) as there:
        answer = await sender.post(there.url, {}, b"{}", total_s=0.2)
        assert answer.error == "no complete answer within 0.2 s"
    await sender.close()


async def test_an_answer_of_ten_gigabytes_costs_next_to_nothing() -> None:
    async with receiver(never_ends) as there:
        answer = await post(there.url)
        assert answer.status == 200
        assert len(answer.text) == RESPONSE_BYTES
        await asyncio.sleep(0.1)
        assert there.sent < 20_000_000  # the capacity of the sockets between the two


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (closes, "cut off"),
        (talks_rubbish, "not HTTP"),
        (says_nothing, "no complete answer within 0.2 s"),
        (answers(200, after_s=5), "no complete answer within 0.2 s"),
    ],
)
async def test_a_receiver_that_fails_is_an_answer_in_words(behave: Behaviour, error: str) -> None:
    answer = await answer_of(behave, total_s=0.2)
    assert answer.status is None
    assert error in answer.error


async def test_nobody_there_is_an_answer_in_words() -> None:
    async with receiver(answers(200)) as there:
        url = there.url
    answer = await post(url)
    assert (answer.status, answer.refused) == (None, False)
    assert "no connection" in answer.error


async def test_a_redirect_is_not_followed() -> None:
    async with receiver(answers(200)) as inside:
        for status in (301, 302, 303, 307, 308):
            answer = await answer_of(answers(status, Location=inside.url))
            assert answer.status == status
        assert inside.calls == []


async def test_without_a_setting_nothing_of_the_own_machine_is_called() -> None:
    async with receiver(answers(200)) as there:
        port = there.url.split(":")[2]
        for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "[::ffff:127.0.0.1]"):
            for scheme in ("http", "https"):
                answer = await post(f"{scheme}://{host}:{port}", Allowed())
                assert answer.refused, host
                assert answer.error
        assert there.connections == 0


async def test_a_name_is_resolved_and_checked_at_every_connection() -> None:
    async with receiver(answers(200, connection="close")) as there:
        port = there.url.split(":")[2].split("/")[0]
        names = Names(["127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"])
        sender = HttpSender(LOOPBACK, resolve=names)
        for n in range(2):
            assert (await sender.post(f"http://rebinding.example:{port}/", {}, b"")).status == 200
            assert names.asked == n + 1
        refused = await sender.post(f"http://rebinding.example:{port}/", {}, b"")
        assert refused.refused
        assert "10.0.0.1" in refused.error
        assert there.connections == 2
        await sender.close()


async def test_a_name_that_changes_its_mind_after_the_check_gains_nothing() -> None:
    """It is asked once for each connection, and the connection goes to what was checked."""
    async with receiver(answers(200)) as inside:
        port = inside.url.split(":")[2].split("/")[0]
        names = Names(["93.184.216.34"], ["127.0.0.1"])
        sender = HttpSender(Allowed(), resolve=names, connect_s=0.1, total_s=0.5)
        answer = await sender.post(f"https://rebinding.example:{port}/", {}, b"")
        assert answer.status is None
        assert names.asked == 1
        assert inside.connections == 0
        await sender.close()


async def test_one_refused_address_among_good_ones_refuses_the_name() -> None:
    sender = HttpSender(Allowed(), resolve=Names(["93.184.216.34", "127.0.0.1"]))
    assert (await sender.post("https://mixed.example/", {}, b"")).refused
    with pytest.raises(Problem, match="loopback"):
        await sender.check("https://mixed.example/")
    await sender.close()


async def test_a_name_without_an_address_is_no_reason_to_refuse_it_for_good() -> None:
    async def nowhere(host: str, port: int) -> Sequence[Address]:
        raise OSError(-2, "Name or service not known")

    sender = HttpSender(Allowed(), resolve=nowhere)
    await sender.check("https://later.example/")
    answer = await sender.post("https://later.example/", {}, b"")
    assert (answer.refused, answer.status) == (False, None)
    assert "Name or service not known" in answer.error
    await sender.close()


async def test_the_certificate_is_the_names_and_the_connection_the_checked_addresss(
    tmp_path: Path,
) -> None:
    with certified("hooks.example", tmp_path) as (serving, trusting):
        async with receiver(answers(200), tls=serving) as there:
            port = there.url.split(":")[2].split("/")[0]
            sender = HttpSender(
                parse_allowed(["127.0.0.1"]), resolve=Names(["127.0.0.1"]), tls=trusting
            )
            good = await sender.post(f"https://hooks.example:{port}/x?y", {}, b"{}")
            assert good.status == 200, good.error
            assert there.calls[0].headers["host"] == f"hooks.example:{port}"
            assert there.calls[0].path == "/x?y"
            other = await sender.post(f"https://other.example:{port}/", {}, b"{}")
            assert other.status is None
            assert "certificate" in other.error.lower()
            assert len(there.calls) == 1
            await sender.close()


@contextmanager
def certified(name: str, folder: Path) -> Iterator[tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Yield TLS contexts: a server's with a certificate for the name, a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "both.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    trusting = ssl.create_default_context()
    trusting.load_verify_locations(pem)
    yield serving, trusting
