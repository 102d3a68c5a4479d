from __future__ import annotations

from itertools import product

import pytest

from policies.load import load_folder
from policies.matcher import Matcher
from policies.pack import Pack, Rule, words_in
from policies.packs import demo_packs
from policies.severity import Severity
from policies.spoken import Spoken
from policies.taxonomy import Category
from tests.policies.writing import ANYWHERE

NAMES = ["alice", "david", "emma", "james", "maria", "sofia", "tom"]
TIMES = ["today", "tomorrow", "on friday", "last night", "right now", "after dinner", "every day"]
NUMBERS = ["two", "seven", "ten", "twelve", "fifteen", "thirty", "ninety"]
SUMS = ["a hundred", "two thousand", "a million"]
PLACES = ["the park", "the hospital", "my house", "london", "the station"]
PEOPLE = ["mother", "brother", "friend", "boss"]
MOODS = ["bad", "strange", "terrible", "lovely", "boring"]
THINGS = ["phone", "ticket", "game", "story", "computer"]
SPORTS = ["football", "basketball", "tennis"]
FOODS = ["pizza", "soup", "chocolate"]

ORDINARY: list[tuple[str, list[list[str]]]] = [
    ("hello everyone welcome to the room {}", [NAMES]),
    ("hi {} how are you {}", [NAMES, TIMES]),
    ("{} you can speak now", [NAMES]),
    ("please be kind to each other", []),
    ("we have {} people in the room {}", [NUMBERS, TIMES]),
    ("that is a {} question {}", [MOODS, NAMES]),
    ("i think that is a {} idea {}", [MOODS, NAMES]),
    ("you are so kind {}", [NAMES]),
    ("i don't know what to say about {}", [THINGS]),
    ("i can hear you very well {}", [NAMES]),
    ("did you watch the {} game {}", [SPORTS, TIMES]),
    ("we lost the {} game {}", [SPORTS, TIMES]),
    ("the {} player scored {} goals {}", [SPORTS, NUMBERS, TIMES]),
    ("my {} plays {} {}", [PEOPLE, SPORTS, TIMES]),
    ("i want to make some {} {}", [FOODS, TIMES]),
    ("i am so hungry i could eat {} {}", [NUMBERS, FOODS]),
    ("i have a meeting with my {} {}", [PEOPLE, TIMES]),
    ("the ticket to paris was {} dollars {}", [SUMS, TIMES]),
    ("there are {} people at {}", [SUMS, PLACES]),
    ("i left my {} at {} {}", [THINGS, PLACES, TIMES]),
    ("let's meet at {} {}", [PLACES, TIMES]),
    ("we went to {} with my {} {}", [PLACES, PEOPLE, TIMES]),
    ("my {} lives in london", [PEOPLE]),
    ("my {} works at {}", [PEOPLE, PLACES]),
    ("{} and {} are at {}", [NAMES, NAMES, PLACES]),
    ("my {} is busy because the {} is {}", [PEOPLE, THINGS, MOODS]),
    ("the {} was {} and {}", [THINGS, MOODS, MOODS]),
    ("i really like your {} {}", [THINGS, NAMES]),
    ("{} told me a {} story about the {}", [NAMES, MOODS, THINGS]),
    ("they said the {} is {}", [THINGS, MOODS]),
    ("i will find the {} at {} {}", [THINGS, PLACES, TIMES]),
    ("who wants to play {} at {} {}", [SPORTS, PLACES, TIMES]),
    ("i lost my {} on the bus {}", [THINGS, TIMES]),
    ("it takes {} hours to get to {}", [NUMBERS, PLACES]),
    ("i will call you {} {}", [NAMES, TIMES]),
    ("oh no that is {}", [MOODS]),
]
"""Talk that no rule is about, in the words of the demonstration model."""

VIOLATIONS = [
    ("i have a gun and i will hurt you", {"threat-weapon", "threat-violence"}),
    ("i am going to kill you tonight", {"threat-violence"}),
    ("we are coming to your house later", {"threat-at-home"}),
    ("send me your gift card codes right now", {"scam-gift-cards"}),
    ("read me the verification code", {"scam-verification-code"}),
    ("what is your bank password", {"scam-passwords"}),
    ("this is your bank we need your pin", {"scam-fake-bank"}),
    ("guaranteed returns double your money", {"scam-easy-money"}),
    ("join the online casino for free spins", {"gambling-promotion"}),
    ("i want to end my life", {"self-harm-help"}),
    ("his home address is two maple street", {"doxxing-address"}),
    ("her phone number is two five one", {"doxxing-numbers"}),
    ("shut up you stupid florbin", {"harassment-insults", "hate-slurs"}),
]


@pytest.fixture(scope="module")
def packs() -> list[Pack]:
    return load_folder(demo_packs())


def sentences() -> list[str]:
    return [template.format(*words) for template, slots in ORDINARY for words in product(*slots)]


def test_ordinary_talk_raises_nothing(packs: list[Pack]) -> None:
    matcher = Matcher(packs)
    said = sentences()
    assert len(said) > 2000
    found = {text: matcher.match(Spoken(text, "en"), ANYWHERE) for text in said}
    assert [text for text, matches in found.items() if matches] == []


@pytest.mark.parametrize(("text", "rules"), VIOLATIONS)
def test_a_violation_is_found_by_its_rules(text: str, rules: set[str], packs: list[Pack]) -> None:
    matches = Matcher(packs).match(Spoken(text, "en"), ANYWHERE)
    assert {match.rule_id for match in matches} == rules


def test_every_rule_of_the_demo_pack_is_among_the_violations(packs: list[Pack]) -> None:
    (demo,) = packs
    named = {rule for _, rules in VIOLATIONS for rule in rules}
    assert {rule.id for rule in demo.policies} == named


def test_every_rule_has_four_examples_of_each_kind(packs: list[Pack]) -> None:
    for rule in (rule for pack in packs for rule in pack.policies):
        assert len(rule.tests.must_match) >= 4, rule.id
        assert len(rule.tests.must_not_match) >= 4, rule.id


def test_members_can_read_every_rule_in_chinese(packs: list[Pack]) -> None:
    rules = [rule for pack in packs for rule in pack.policies]
    listed: list[Pack | Rule] = [*packs, *rules]
    for told in listed:
        chinese = told.translations.in_language("zh")
        assert chinese is not None, told.title
        for text in (chinese.title, chinese.description):
            assert sum("\u4e00" <= char <= "\u9fff" for char in text) >= 4, text
        assert chinese.description.endswith("。")


def test_self_harm_is_about_help(packs: list[Pack]) -> None:
    rules = [rule for pack in packs for rule in pack.policies]
    helping = [rule for rule in rules if rule.category is Category.SUICIDE_SELF_HARM]
    assert helping
    for rule in helping:
        assert "offer help" in rule.description.replace("\n", " ")
        assert "提供帮助" in words_in("zh", rule).description
        assert rule.severity in (Severity.MEDIUM, Severity.HIGH)
