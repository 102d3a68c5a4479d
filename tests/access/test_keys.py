from __future__ import annotations

from service.access import publish_tokens
from service.access.keys import Role, digest_of, make_key, make_secret
from tests.storage.examples import NOW


def test_secrets_are_long_different_and_say_what_they_are() -> None:
    made = {make_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(secret.startswith("ek_") and len(secret) == 46 for secret in made)
    tokens = {publish_tokens.make_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("pt_") and len(token) == 46 for token in tokens)


def test_a_digest_is_sha_256() -> None:
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of("abc") == expected


def test_a_key_does_not_show_its_secret() -> None:
    key, secret = make_key("Mo", Role.ADMIN, NOW)
    assert secret not in repr(key)
    assert secret[3:] not in repr(key)
