from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.match import Action, Layer, Match, RuleStatus
from policies.matcher import Matcher
from policies.pack import Pack
from policies.severity import Severity
from policies.spoken import Context, Earlier, Spoken, Timed
from tests.policies.writing import ANYWHERE, hear, heard, pack, rule

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
            title="Asking for codes",
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


def spread(**changes: Any) -> Pack:
    fields: dict[str, Any] = {
        "match": {
            "ask": {"phrases": {"en": ["read me", "give me"]}},
            "secret": {"phrases": {"en": ["gift card"]}},
        },
        "when": {"near": {"groups": ["ask", "secret"], "within_words": 4}},
        "context": {"utterances": 3, "seconds": 20},
    }
    return pack(rule("r", **(fields | changes)))


def after(*before: tuple[str, str, float]) -> Context:
    """Text, speaker and how long ago."""
    earlier = [Earlier(text, "en", speaker, ago_s) for text, speaker, ago_s in before]
    return Context("room", "ann", earlier=earlier)


def test_what_was_said_before_counts_together_with_what_is_said_now() -> None:
    context = after(("so give me", "ann", 4.0))
    (match,) = hear("the gift card", spread(), context=context)
    assert match.spans == ((4, 13),)
    assert match.explanation == "heard “gift card”, after “give me”: Title of r"


@pytest.mark.parametrize(
    "before",
    [
        [("give me", "bob", 4.0)],
        [("give me", "ann", 21.0)],
        [("give me", "ann", 9.0), ("well", "ann", 6.0), ("um", "ann", 3.0), ("so", "ann", 1.0)],
        [("give me one two three four five", "ann", 4.0)],
    ],
    ids=["another speaker", "too long ago", "too many utterances ago", "too many words ago"],
)
def test_what_is_too_far_does_not(before: list[tuple[str, str, float]]) -> None:
    assert hear("gift card", spread(), context=after(*before)) == []


def test_a_rule_may_listen_over_several_speakers() -> None:
    every: dict[str, Any] = {"utterances": 3, "seconds": 20, "same_speaker": "false"}
    context = after(("give me", "bob", 4.0))
    assert hear("gift card", spread(context=every), context=context)


def test_what_was_said_before_is_no_match_by_itself() -> None:
    context = after(("give me the gift card", "ann", 4.0))
    assert hear("thank you", spread(), context=context) == []
    assert hear("gift card", spread(context={"utterances": 1}), context=context) == []


def test_times_come_with_the_spans() -> None:
    times = [Timed(0, 4, 0.0, 0.5), Timed(5, 9, 0.6, 0.9), Timed(10, 14, 1.0, 1.4)]
    matcher = Matcher([pack(rule("r", ["gift card"]))])
    (match,) = matcher.match(Spoken("gift card nice", "en", times=times), ANYWHERE)
    assert match.times == ((0.0, 0.9),)


def test_near_in_seconds_uses_the_words_own_times() -> None:
    within = {"groups": ["ask", "secret"], "within_seconds": "2"}
    near = spread(when={"near": within}, context={"utterances": 1})
    text = "give me gift card"

    def said(gap_s: float) -> list[Match]:
        times = [
            Timed(0, 4, 0.0, 0.3), Timed(5, 7, 0.3, 0.5),
            Timed(8, 12, 0.5 + gap_s, 1.0 + gap_s), Timed(13, 17, 1.0 + gap_s, 1.5 + gap_s),
        ]  # fmt: skip
        return Matcher([near]).match(Spoken(text, "en", times=times), ANYWHERE)

    assert said(1.9)
    assert said(2.1) == []


def test_another_reading_of_the_sound_is_tried_where_a_rule_asks_for_it() -> None:
    codes = pack(rule("r", ["verification code"], hypotheses=2))
    readings = ["the vacation cold", "my verification code please"]
    spoken = Spoken("my fabrication cult please", "en", hypotheses=readings)
    (match,) = Matcher([codes]).match(spoken, ANYWHERE)
    assert match.spans == ((3, 19),)
    assert match.reading == 2
    assert match.score == round(5 * 0.9**2, 2)
    assert match.explanation == (
        "heard “fabrication cult”, which may be “verification code”: Title of r"
    )
    once = pack(rule("r", ["verification code"], hypotheses=1))
    assert Matcher([once]).match(spoken, ANYWHERE) == []


def test_a_rule_that_the_text_settles_is_not_tried_on_other_readings() -> None:
    changes: dict[str, Any] = {"hypotheses": 1, "except": {"negation": 2, "effect": "suppress"}}
    codes = pack(rule("r", ["gift card"], **changes))
    spoken = Spoken("never a gift card", "en", hypotheses=["clever a gift card"])
    assert Matcher([codes]).match(spoken, ANYWHERE) == []


def test_words_that_only_another_reading_has_are_put_beside_the_nearest() -> None:
    codes = pack(rule("r", ["gift card"], hypotheses=1))
    spoken = Spoken("send it now", "en", hypotheses=["send it gift card now"])
    (match,) = Matcher([codes]).match(spoken, ANYWHERE)
    assert match.spans == ((5, 7),)
    empty = Spoken("", "en", hypotheses=["gift card"])
    assert Matcher([codes]).match(empty, ANYWHERE) == []


def test_live_and_shadow_come_apart_and_the_rest_is_not_heard() -> None:
    rules = [rule(str(status), ["gift card"], status=status) for status in RuleStatus]
    matcher = Matcher([pack(*rules)])
    verdict = matcher.verdict(Spoken("gift card", "en"), ANYWHERE)
    assert [match.rule_id for match in verdict.live] == ["active"]
    assert [match.rule_id for match in verdict.shadow] == ["shadow"]
    assert [match.rule_id for match in matcher.match(Spoken("gift card", "en"), ANYWHERE)] == [
        "active"
    ]
    tried = Matcher([pack(*rules)], [RuleStatus.DRAFT])
    assert [m.rule_id for m in tried.verdict(Spoken("gift card", "en"), ANYWHERE).shadow] == [
        "draft"
    ]


def test_a_rule_s_own_version_comes_with_its_pack_s() -> None:
    (match,) = hear("gift card", pack(rule("r", ["gift card"], version="2.0.1")))
    assert (match.rule_version, match.pack_version) == ("2.0.1", "1.2.3")


def test_what_sounds_alike_is_told_with_the_phrase_that_was_meant() -> None:
    match = {"words": {"phrases": {"en": ["verification code"]}, "tolerance": "near"}}
    changes: dict[str, Any] = {"match": match}
    (found,) = hear("the verification coat", pack(rule("r", **changes)))
    assert found.layer is Layer.PHONES
    assert found.explanation == (
        "heard “verification coat”, which sounds like “verification code”: Title of r"
    )


def test_masked_words_are_not_written_out() -> None:
    (match,) = hear("you zargle head", pack(rule("r", ["zargle head"], mask="true")))
    assert match.explanation == "heard “z••••• h•••”: Title of r"


def test_the_gravest_comes_first_after_exceptions_and_repetition() -> None:
    excused: dict[str, Any] = {"except": {"negation": 3}, "severity": "critical"}
    rules = pack(rule("excused", ["gift card"], **excused), rule("plain", ["gift card"]))
    assert [match.rule_id for match in hear("never a gift card", rules)] == ["plain", "excused"]
