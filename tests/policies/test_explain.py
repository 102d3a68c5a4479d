from __future__ import annotations

from typing import Any

from policies.explain import explain_in_lines
from policies.matcher import Matcher
from policies.pack import Pack
from policies.spoken import Context, Spoken
from tests.policies.writing import ANYWHERE, pack, rule


def explained(text: str, *packs: Pack, language: str = "en", context: Context = ANYWHERE) -> str:
    return "\n".join(explain_in_lines(Matcher(packs), Spoken(text, language), context))


def codes(**more: object) -> Pack:
    changes: dict[str, Any] = {
        "match": {
            "ask": {"phrases": {"en": ["read me"], "zh": ["念给我"]}},
            "secret": {
                "phrases": {"en": ["verification code"], "zh": ["验证码"]},
                "patterns": {"en": [r"\d \d \d \d"]},
                "tolerance": "by_length",
            },
        },
        "when": {"near": {"groups": ["ask", "secret"], "within_words": 3}},
        "except": {"negation": 3},
        "scope": {"exempt_roles": ["host"]},
        "languages": ["en", "zh"],
    }
    return pack(rule("codes", **(changes | more)))


def test_each_layer_says_what_it_heard_and_each_rule_its_verdict() -> None:
    assert explained("never read me the verification coat", codes()) == (
        "words: never read me the verification coat\n"
        "sounds: nevxr rid mi Dx verxfxkASxn kOt\n"
        "layer exact:\n"
        "    “read me” is “read me”\n"
        "layer pattern: nothing\n"
        "layer phones:\n"
        "    “verification coat” sounds like “verification code”, distance 0.018\n"
        "rule a-pack/codes (active): applies at low, for review\n"
        "    ask: “read me”\n"
        "    secret: “verification coat”\n"
        "    holds at “read me” + “verification coat”, score 9.91071; negated by “never”\n"
        "1 of 1 rules that heard anything apply"
    )


def test_what_is_missing_or_too_far_is_told() -> None:
    assert "    missing: secret" in explained("read me a book", codes())
    far = explained("read me a long boring story about a verification code", codes())
    assert "    near: 6 words and 2.4 s apart; within 3 words" in far
    assert far.endswith("0 of 1 rules that heard anything apply")


def test_patterns_and_syllables_are_layers_too() -> None:
    assert "    “1 2 3 4” fits \\d \\d \\d \\d" in explained("read me one two three four", codes())
    chinese = explained("验正马念给我", codes(), language="zh")
    assert "sounds: yan zheng ma nian gei wo" in chinese
    assert "layer pinyin:\n    “验正马” sounds like “验证码”" in chinese


def test_a_rule_out_of_scope_says_why() -> None:
    found = explained(
        "read me the verification code", codes(), context=Context("r", "s", role="host")
    )
    assert "rule a-pack/codes (active): does not apply here" in found
    assert "    out of scope: the role host is exempt" in found


def test_a_score_that_falls_short_is_told() -> None:
    scored = codes(when={"score": 10})
    assert "    score at most 5, 10 needed" in explained("read me a book", scored)


def test_suppressed_is_said() -> None:
    quiet: dict[str, Any] = {"except": {"negation": 3, "effect": "suppress"}}
    found = explained("never read me the verification code", codes(**quiet))
    assert "rule a-pack/codes (active): suppressed by an exception" in found


def test_masked_phrases_are_not_written_out() -> None:
    found = explained("you zargle", pack(rule("slurs", ["zargle"], mask="true")))
    assert "    “z•••••” is “z•••••”" in found
    assert "    words: “z•••••”" in found


def test_a_language_without_rules_says_so() -> None:
    assert explained("bonjour", codes(), language="fr") == "no rule has phrases in 'fr'"
