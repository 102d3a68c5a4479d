from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.match import Action, Match
from policies.severity import Severity
from policies.spoken import Context
from tests.policies.writing import hear, heard, pack, rule

WORD = st.sampled_from(["gift", "card", "code", "codes", "read", "don't", "café"])
PHRASES = st.lists(st.lists(WORD, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=5)
GAP = st.sampled_from([" ", "  ", ", ", "! ", " — ", " 😀 ", "\n"])
SPEECH = st.lists(st.tuples(WORD, GAP), max_size=20).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


def test_a_match_says_everything_about_its_rule() -> None:
    codes = rule(
        "gift-cards", ["gift card codes"], title="Asking for codes", severity="high", cooldown="10m"
    )
    assert hear("Send me your GIFT card, codes!", pack(codes)) == [
        Match(
            pack="a-pack",
            pack_version="1.2.3",
            rule_id="gift-cards",
            severity=Severity.HIGH,
            category="non_violent_crimes",
            spans=((13, 29),),
            explanation="heard “GIFT card, codes”: Asking for codes",
            cooldown_s=600.0,
            rule_version="1.2.3",
            score=5.0,
            actions=(Action.ALERT,),
        )
    ]


def test_a_rule_matches_once_with_all_its_places() -> None:
    codes = pack(rule("codes", ["read me the code", "the code now", "gift card"]))
    text = "gift card then read me the code now and gift card"
    (match,) = hear(text, codes)
    assert [text[start:end] for start, end in match.spans] == [
        "gift card",
        "read me the code now",
        "gift card",
    ]
    assert match.explanation == "heard “gift card”, “read me the code now”: Title of codes"


def test_chinese_places_that_only_touch_stay_apart() -> None:
    (match,) = hear("验证码验证码", pack(rule("codes", zh=["验证码"])), language="zh")
    assert match.spans == ((0, 3), (3, 6))


def test_many_places_are_quoted_in_part_and_long_ones_clipped() -> None:
    words = ["one thing", "two things", "three things", "four things", "five things"]
    (match,) = hear(", ".join(words), pack(rule("counting", words)))
    assert match.explanation.startswith(
        "heard “one thing”, “two things”, “three things” and 2 more"
    )
    (match,) = hear("word " * 100, pack(rule("long", ["word word"])))
    assert len(match.explanation) < 160


def test_the_gravest_comes_first_then_the_order_of_the_packs() -> None:
    first = pack(
        rule("low", ["gift card"], severity="low"),
        rule("high", ["gift card"], severity="high"),
        name="first",
    )
    second = pack(
        rule("critical", ["gift"], severity="critical"),
        rule("also-high", ["card"], severity="high"),
        name="second",
    )
    found = [match.rule_id for match in hear("gift card", first, second)]
    assert found == ["critical", "high", "also-high", "low"]


def test_only_the_packs_of_the_room_apply() -> None:
    packs = [pack(rule("x", ["gift card"]), name=name) for name in ("one", "two")]
    here = Context(room_id="r", speaker_id="s", packs=frozenset({"two", "three"}))
    assert [match.pack for match in hear("gift card", *packs, context=here)] == ["two"]
    nowhere = Context(room_id="r", speaker_id="s", packs=frozenset())
    assert hear("gift card", *packs, context=nowhere) == []


def test_a_rule_is_heard_only_in_its_languages() -> None:
    both = pack(rule("both", ["gift card"], ["礼品卡"]), rule("zh-only", zh=["礼品卡"]))
    assert heard("gift card 礼品卡", both) == ["gift card"]
    assert heard("gift card 礼品卡", both, language="zh") == ["礼品卡", "礼品卡"]
    assert heard("gift card 礼品卡", both, language="fr") == []


def test_what_ended_before_the_new_words_does_not_count() -> None:
    codes = pack(rule("codes", ["gift card"]))
    text = "a gift card"
    assert heard(text, codes, new_from=len(text) - 1) == ["gift card"]
    assert heard(text, codes, new_from=len(text)) == []
    assert heard("gift card gift card", codes, new_from=9) == ["gift card"]


def test_a_phrase_that_runs_over_into_the_new_words_counts() -> None:
    assert heard("your gift card", pack(rule("codes", ["gift card"])), new_from=10) == ["gift card"]


def test_without_packs_nothing_matches() -> None:
    assert hear("anything") == []


@given(PHRASES, SPEECH)
def test_spans_are_sorted_apart_and_inside_the_text(phrases: list[str], text: str) -> None:
    for match in hear(text, pack(rule("r", phrases))):
        ends = [place for span in match.spans for place in span]
        assert ends == sorted(ends)
        assert len(set(match.spans)) == len(match.spans) > 0
        assert 0 <= ends[0] < ends[-1] <= len(text)


@given(PHRASES, PHRASES, SPEECH)
def test_another_rule_never_changes_a_rule_s_match(
    phrases: list[str], others: list[str], text: str
) -> None:
    one, other = rule("one", phrases), rule("other", others, severity="critical")
    alone = hear(text, pack(one))
    for beside in (pack(one, other), pack(other, one)):
        assert [match for match in hear(text, beside) if match.rule_id == "one"] == alone


@given(PHRASES, SPEECH)
def test_case_makes_no_difference(phrases: list[str], text: str) -> None:
    written = pack(rule("r", phrases))
    spans = [match.spans for match in hear(text, written)]
    for changed in (text.upper(), text.title(), text.swapcase()):
        assert [match.spans for match in hear(changed, written)] == spans
    shouted = pack(rule("r", [phrase.upper() for phrase in phrases]))
    assert [match.spans for match in hear(text, shouted)] == spans


@given(PHRASES, SPEECH, st.integers(0, 60))
def test_new_words_only_ever_take_places_away(phrases: list[str], text: str, new: int) -> None:
    written = pack(rule("r", phrases))
    everything = {span for match in hear(text, written) for span in match.spans}
    for match in hear(text, written, new_from=new):
        for start, end in match.spans:
            assert end > new
            assert any(a <= start and end <= b for a, b in everything)
