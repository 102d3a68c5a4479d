"""Names that could be taken for another, where keys, room servers and webhooks are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blackbox.scoped_server import Tenants
from tests.e2e.commands import earshot

UNCLEAR = {
    "zero width space": "Mo\u200bra",
    "zero width joiner between Latin letters": "Mo\u200dra",
    "word joiner": "Mo\u2060ra",
    "byte order mark": "\ufeffMora",
    "soft hyphen": "Mo\u00adra",
    "right-to-left override": "\u202earoM",
    "isolate": "\u2066Mora\u2069",
    "left-to-right mark": "Mora\u200e",
    "Hangul filler": "Mora\u3164",
    "blank Braille": "Mora\u2800x",
    "no-break space": "Mora\u00a0B",
    "ideographic space": "Mora\u3000B",
    "two spaces": "Mora  B",
    "line separator": "Mora\u2028B",
    "tag characters": "Mora\U000e0041",
    "private use": "Mora\ue000",
    "heap of marks": "Mo" + "\u0301" * 9,
    "Cyrillic letter in a Latin word": "M\u043era",
    "Greek letter in a Latin word": "M\u03bfra",
}
CLEAR = (
    "王小明",
    "日本語 Room サーバー",
    "葛\U000e0100飾",
    "محمد علی",
    "نامه\u200cای",
    "क्\u200dषेत्र",
    "श्री राम",
    "ශ්\u200dරී ලංකා",
    "한국 사람",
    "Нина (night shift)",
    "Zoë O'Neil-García",
    "👩\u200d👩\u200d👧 team",
    "👩🏽\u200d🚀",
    "❤\ufe0f Ann",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f England",
    "5\ufe0f⃣ five",
)
ALIKE = (
    ("Ada Lovelace", "Ada Lovelace"),
    ("Ada Byron", "ADA BYRON"),
    ("Ada King", "\uff21\uff44\uff41 King"),
    ("Ada Paos", "\u0410d\u0430 \u0420\u0430\u043e\u0455".replace("d", "\u0501")),
    ("Server 1", "Server l"),
    ("Server 0", "Server O"),
)


@pytest.mark.parametrize("fault", UNCLEAR)
def test_a_key_with_an_unclear_name_is_refused(unscoped: Tenants, fault: str) -> None:
    body = {"name": UNCLEAR[fault], "role": "moderator"}
    refused = unscoped.admin.post("/v1/keys", json=body)
    assert refused.status_code == 422, refused.text
    assert "name" in refused.text


@pytest.mark.parametrize("name", CLEAR)
def test_a_name_in_any_script_is_taken(unscoped: Tenants, name: str) -> None:
    made = unscoped.admin.post("/v1/keys", json={"name": name, "role": "moderator"})
    assert made.status_code == 201, made.text
    assert made.json()["name"] == name


@pytest.mark.parametrize(("first", "second"), ALIKE)
def test_a_name_that_looks_like_a_valid_keys_is_refused_until_that_is_revoked(
    unscoped: Tenants, first: str, second: str
) -> None:
    made = unscoped.admin.post("/v1/keys", json={"name": first, "role": "observer"})
    assert made.status_code == 201, made.text
    again = {"name": second, "role": "observer"}
    refused = unscoped.admin.post("/v1/keys", json=again)
    assert refused.status_code == 409
    assert made.json()["id"] in refused.json()["detail"]
    assert unscoped.admin.delete(f"/v1/keys/{made.json()['id']}").status_code == 204
    assert unscoped.admin.post("/v1/keys", json=again).status_code == 201


def test_a_room_server_has_no_twin(unscoped: Tenants) -> None:
    def make(name: str) -> int:
        asked = {"room_server": name}
        return unscoped.admin.post("/v1/hooks/secrets", json=asked).status_code

    assert make("janus-1") == 201
    assert make("janus-1") == 201, "its second secret, to rotate them"
    assert [make("janus-l"), make("Janus-1")] == [409, 409]
    assert make("janus-2") == 201


def test_a_webhooks_description_and_an_owner_hide_nothing(unscoped: Tenants) -> None:
    asked = {"url": "https://names.invalid/", "description": "ours\u202e sruo"}
    assert unscoped.admin.post("/v1/webhooks", json=asked).status_code == 422
    path = "/v1/alerts/alert-club-1/assign"
    assert unscoped.admin.post(path, json={"owner": "Mo\u200bra"}).status_code == 422


def test_the_command_refuses_the_same_names(tmp_path: Path) -> None:
    options = ["key", "create", "--name", "Mo\u200bra", "--role", "observer"]
    done = earshot(*options, EARSHOT_DATA_DIR=str(tmp_path))
    assert done.code == 2
    assert "U+200B" in done.err
