"""Properties of matching that hold for any rules and any text."""

from __future__ import annotations

from typing import Any

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.languages import CODES
from policies.match import Match
from policies.matcher import Matcher
from policies.pack import Rule
from policies.spoken import Context, Spoken
from policies.tolerance import Tolerance
from tests.policies.writing import ANYWHERE, pack, rule

EN_WORDS = (
    "send me the verification code gift card numbers never said don't i'm going to two hundred "
    "read your password transfer money kill you hurt um station market yesterday"
).split()
EN_PHRASES = st.lists(
    st.lists(st.sampled_from(EN_WORDS), min_size=2, max_size=4).map(" ".join),
    min_size=1,
    max_size=4,
    unique=True,
)
EN_SAID = st.lists(st.sampled_from(EN_WORDS), max_size=18).map(" ".join)
ZH_CHARS = "把验证码驗證碼發发给我你不说的轉转账帳一二百元錢钱安全戶户告诉訴"
ZH_PHRASES = st.lists(st.text(ZH_CHARS, min_size=3, max_size=5), min_size=1, max_size=4)
ZH_SAID = st.text(ZH_CHARS + "，。 ", max_size=30)
TOLERANCES = st.sampled_from([Tolerance.EXACT, Tolerance.BY_LENGTH])


def listening(
    id: str, language: str, phrases: list[str], tolerance: str, severity: str = "medium"
) -> Rule:
    groups = {"words": {"phrases": {language: phrases}, "tolerance": tolerance}}
    return rule(id, match=groups, languages=[language], severity=severity)


def near(id: str, phrases: list[str], others: list[str], within: int) -> Rule:
    changes: dict[str, Any] = {
        "match": {"one": {"phrases": {"en": phrases}}, "other": {"phrases": {"en": others}}},
        "when": {"near": {"groups": ["one", "other"], "within_words": within}},
        "except": {"negation": 3, "reported_speech": 4},
    }
    return rule(id, **changes)


def hear(text: str, language: str, *rules: Rule, new_from: int = 0) -> list[Match]:
    return Matcher([pack(*rules)]).match(Spoken(text, language, new_from), ANYWHERE)


@given(EN_PHRASES, EN_SAID, TOLERANCES)
def test_spans_lie_in_order_in_the_original_and_begin_and_end_with_letters(
    phrases: list[str], text: str, tolerance: str
) -> None:
    for match in hear(text, "en", listening("r", "en", phrases, tolerance)):
        assert match.spans
        assert list(match.spans) == sorted(match.spans)
        for start, end in match.spans:
            assert 0 <= start < end <= len(text)
            assert text[start].isalnum()
            assert text[end - 1].isalnum()
            assert not text[start - 1 : start].isalnum()
            assert not text[end : end + 1].isalnum()


@given(ZH_PHRASES, ZH_SAID, TOLERANCES)
def test_chinese_spans_lie_in_the_original(phrases: list[str], text: str, tolerance: str) -> None:
    for match in hear(text, "zh", listening("r", "zh", phrases, tolerance)):
        for start, end in match.spans:
            assert 0 <= start < end <= len(text)
            assert text[start].isalnum()


@given(EN_PHRASES, EN_PHRASES, EN_SAID, TOLERANCES, st.integers(0, 6))
def test_another_rule_never_changes_a_rule_s_matches(
    phrases: list[str], others: list[str], text: str, tolerance: str, within: int
) -> None:
    ours = (
        listening("plain", "en", phrases, tolerance),
        near("apart", phrases, others, within),
    )
    other = listening("other", "en", others, Tolerance.BY_LENGTH, severity="critical")
    alone = hear(text, "en", *ours)
    for beside in ((*ours, other), (other, *ours)):
        assert [m for m in hear(text, "en", *beside) if m.rule_id != "other"] == alone


@given(EN_PHRASES, EN_SAID, TOLERANCES)
@settings(max_examples=60)
def test_word_by_word_with_an_overlap_finds_the_same_rules_as_the_whole(
    phrases: list[str], text: str, tolerance: str
) -> None:
    """Plain words only: what turns on the words around it is known once they are said."""
    plain = [word for word in text.split() if word not in ("two", "hundred", "um")]
    rules = [
        listening(f"r{number}", "en", [phrase], tolerance)
        for number, phrase in enumerate(phrases)
        if not {"two", "hundred", "um"} & set(phrase.split())
    ]
    if not rules:
        return
    matcher = Matcher([pack(*rules)])
    whole = {match.rule_id for match in matcher.match(Spoken(" ".join(plain), "en"), ANYWHERE)}
    found: set[str] = set()
    for number in range(len(plain)):
        window = plain[max(0, number - 12) : number + 1]
        new_from = len(" ".join(window[:-1]))
        spoken = Spoken(" ".join(window), "en", new_from)
        found |= {match.rule_id for match in matcher.match(spoken, ANYWHERE)}
    assert found == whole


@given(EN_PHRASES, EN_SAID, TOLERANCES)
def test_case_never_changes_a_verdict(phrases: list[str], text: str, tolerance: str) -> None:
    written = listening("r", "en", phrases, tolerance)
    spans = [match.spans for match in hear(text, "en", written)]
    for changed in (text.upper(), text.title()):
        assert [match.spans for match in hear(changed, "en", written)] == spans


@given(ZH_PHRASES, ZH_SAID, TOLERANCES)
def test_simplifying_never_changes_a_verdict(phrases: list[str], text: str, tolerance: str) -> None:
    simplify = opencc.OpenCC("t2s").convert
    spans = [m.spans for m in hear(text, "zh", listening("r", "zh", phrases, tolerance))]
    same = listening("r", "zh", list(map(simplify, phrases)), tolerance)
    assert [m.spans for m in hear(simplify(text), "zh", same)] == spans


@given(EN_PHRASES, EN_SAID)
def test_the_same_twice_gives_the_same(phrases: list[str], text: str) -> None:
    written = listening("r", "en", phrases, Tolerance.BY_LENGTH)
    matcher = Matcher([pack(written)])
    once, again = (matcher.match(Spoken(text, "en"), ANYWHERE) for _ in range(2))
    assert once == again


@given(st.text(max_size=60), st.sampled_from(CODES), st.lists(st.text(max_size=30), max_size=2))
def test_any_text_is_taken(text: str, language: str, hypotheses: list[str]) -> None:
    written = rule("r", ["gift card codes"], ["验证码"], hypotheses=2)
    matcher = Matcher([pack(written)])
    matcher.verdict(Spoken(text, language, hypotheses=hypotheses), Context("", ""))


@pytest.mark.no_cover
@pytest.mark.timeout(60)
def test_time_grows_with_the_text_and_no_faster() -> None:
    """Every word begins something, and everything is near everything: half a minute at most."""
    written = near("r", ["send me", "read me"], ["gift card", "verification code"], 60)
    said = "send me read me the gift card verification code don't said two hundred um " * 3_000
    assert hear(said, "en", written)
