from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.handling import Handling
from policies.languages import CODES, load_language
from service.alerts.helplines import Helpline
from service.alerts.suggested_message import LONGEST, suggest_message


@pytest.mark.parametrize("code", CODES)
def test_support_is_no_warning_and_fits_into_a_message(code: str) -> None:
    words = load_language(code).room_words
    if words is None:
        return
    assert suggest_message(Handling.OFFENCE, [code], ()) == words.warning
    message = suggest_message(Handling.HELP, [code], ())
    assert message == words.support != words.warning
    assert len(message) <= LONGEST
    for blame in ("rule", "warn", "moderator", "规则", "警告", "管理员"):
        assert blame not in message.lower()


def test_it_names_the_helplines_of_the_room_before_others() -> None:
    lines = [Helpline("A", "1", ("zh",)), Helpline("B", "2", ("en",)), Helpline("C", "3", ("en",))]
    message = suggest_message(Handling.HELP, ["en"], lines)
    assert message.endswith(" You can also reach: B: 2; C: 3")
    assert "A: 1" in suggest_message(Handling.HELP, ["fr"], lines)
    assert "A：" not in suggest_message(Handling.OFFENCE, ["en"], lines)


@given(st.lists(st.text("ab c{}", min_size=1, max_size=200), max_size=8))
def test_it_never_exceeds_a_message_and_never_cuts_a_helpline(contacts: list[str]) -> None:
    lines = [Helpline("L", contact) for contact in contacts]
    message = suggest_message(Handling.HELP, [], lines)
    assert len(message) <= LONGEST
    _, _, named = message.partition("You can also reach: ")
    if named:
        assert any(named.startswith(f"L: {contact}") for contact in contacts)
