"""Examples of each rule, tried on the rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from policies.finding import Finding, Location, quote
from policies.languages import guess_language
from policies.match import Match, RuleStatus
from policies.matcher import Matcher
from policies.pack import Example, Pack, Rule
from policies.spoken import Context, Earlier, Spoken

_TURN_S = 3.0
"""Seconds from the start of one turn of an example to the start of the next."""
_SPEAKER, _ANOTHER = "speaker", "another"


def try_examples(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    """Try the examples of rules without other findings."""
    for index, rule in rules.items():
        matcher = Matcher([_alone(rule)])
        for kind, examples in (
            ("must_match", rule.tests.must_match),
            ("must_not_match", rule.tests.must_not_match),
            ("must_excuse", rule.tests.must_excuse),
        ):
            for number, example in enumerate(examples):
                where = ("policies", index, "tests", kind, number)
                language = example_language(example)
                if language not in rule.languages:
                    problem = f"is read as '{language}', which is not in languages"
                    yield Finding(where, problem, f"add {language} to languages, or remove it")
                    continue
                matches = matcher.match(*spoken_example(example))
                yield from _judged(where, kind, example, matches)


def example_language(example: Example) -> str:
    """Return the code of an example's language: as it says, else as its characters show."""
    return example.language or guess_language(example.last).code


def spoken_example(example: Example) -> tuple[Spoken, Context]:
    """Return the input of a matcher for an example."""
    before = example.turns[:-1]
    speaker = _SPEAKER if example.same_speaker else _ANOTHER
    language = example_language(example)
    earlier = [
        Earlier(text, language, speaker, (len(before) - number) * _TURN_S)
        for number, text in enumerate(before)
    ]
    context = Context(
        room_id=example.room or "",
        speaker_id=_SPEAKER,
        role=example.role or "",
        tags=frozenset(example.tags),
        earlier=earlier,
    )
    return Spoken(example.last, language, hypotheses=example.hypotheses), context


def _alone(rule: Rule) -> Pack:
    return Pack(
        schema=1,
        pack="inline-tests",
        version="0.0.0",
        title=rule.title,
        description=rule.description,
        policies=(rule.model_copy(update={"status": RuleStatus.ACTIVE}),),
    )


def _judged(
    where: Location, kind: str, example: Example, matches: Sequence[Match]
) -> Iterator[Finding]:
    excused = bool(matches) and bool(matches[0].excused_by)
    match kind, bool(matches), excused:
        case (("must_match" | "must_excuse"), False, _):
            yield Finding(where, "does not match", "add a phrase that is in it, or remove it")
        case "must_match", True, True:
            reasons = "; ".join(matches[0].excused_by)
            problem = f"is excused: {reasons}"
            yield Finding(where, problem, "put it under must_excuse, or narrow the exception")
        case "must_excuse", True, False:
            problem = "matches, and no exception excuses it"
            yield Finding(where, problem, "add an exception, or put it under must_match")
        case "must_not_match", True, _:
            start, end = matches[0].spans[0]
            problem = f"matches, because of {quote(example.last[start:end])}"
            yield Finding(where, problem, "narrow that phrase, or remove the example")
