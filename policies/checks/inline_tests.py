"""Every rule does on its own examples what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from policies.finding import Finding, Location, quote
from policies.language import Language
from policies.match import Match
from policies.matcher import Matcher
from policies.pack import Pack, Rule
from policies.spoken import Context, Spoken

_HAN = re.compile("[\u3400-\u9fff]")
_NOWHERE = Context(room_id="", speaker_id="")


def inline_tests(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    """Needs rules without other findings."""
    for index, rule in rules.items():
        matcher = Matcher([_alone(rule)])
        for wanted, kind, examples in (
            (True, "must_match", rule.tests.must_match),
            (False, "must_not_match", rule.tests.must_not_match),
        ):
            for number, example in enumerate(examples):
                where = ("policies", index, "tests", kind, number)
                language = language_of(example)
                if language not in rule.languages:
                    problem = f"is read as '{language}', which is not in languages"
                    yield Finding(where, problem, f"add {language} to languages, or remove it")
                    continue
                matches = matcher.match(Spoken(example, language), _NOWHERE)
                if bool(matches) != wanted:
                    yield _failed(where, example, matches)


def language_of(example: str) -> Language:
    """Chinese if any character of it is."""
    return Language.ZH if _HAN.search(example) else Language.EN


def _alone(rule: Rule) -> Pack:
    return Pack(
        schema=1,
        pack="inline-tests",
        version="0.0.0",
        title=rule.title,
        description=rule.description,
        policies=(rule,),
    )


def _failed(where: Location, example: str, matches: list[Match]) -> Finding:
    if not matches:
        return Finding(where, "does not match", "add a phrase that is in it, or remove it")
    start, end = matches[0].spans[0]
    problem = f"matches, because of {quote(example[start:end])}"
    return Finding(where, problem, "narrow that phrase, or remove the example")
