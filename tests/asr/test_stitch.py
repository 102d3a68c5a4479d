from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asr.speech import Transcript, Word
from asr.stitch import Join, count_tail, join_parts
from tests.asr.examples import a_transcript


def timed(*words: tuple[str, int, int], language: str = "en") -> Transcript:
    """Return a transcript of 10 s with timed words."""
    space = "" if language == "zh" else " "
    return a_transcript(
        space.join(text for text, *_ in words),
        language=language,
        words=[Word(text, start, end, 0.9) for text, start, end in words],
        length_ms=10_000,
    )


FIRST = timed(("before", 9_000, 9_300), ("kill", 9_350, 9_600), ("you", 9_650, 9_900))
SECOND = timed(("ill", 0, 100), ("you", 150, 400), ("now", 450, 800))


def test_the_likeliest_join_takes_each_half_word_from_the_part_in_which_it_is_whole() -> None:
    join = join_parts(FIRST, SECOND, 500)[0]
    assert join.text == "before kill you now"
    assert join.text[join.new_from :] == "you now"
    assert join.text[: join.repeated_until] == "before kill you now"


def test_the_words_of_either_part_in_the_overlap_are_plausible_too() -> None:
    texts = [join.text for join in join_parts(FIRST, SECOND, 500)]
    assert "before kill ill you now" in texts
    assert "before kill you now" in texts


def test_without_times_words_in_both_parts_come_once() -> None:
    found = join_parts(a_transcript("we will kill you"), a_transcript("kill you now"), 500)
    assert found[0].text == "we will kill you now"
    assert found[0].text[found[0].new_from :] == "now"


def test_without_times_halves_of_words_are_left_out_too() -> None:
    found = join_parts(a_transcript("we will ki"), a_transcript("kill you"), 500)
    assert "we will kill you" in [join.text for join in found]


def test_chinese_is_joined_without_spaces() -> None:
    first = timed(("我", 9_000, 9_300), ("杀", 9_350, 9_600), language="zh")
    second = timed(("杀", 0, 100), ("了", 300, 500), ("你", 550, 800), language="zh")
    assert join_parts(first, second, 500)[0].text == "我杀了你"


def test_a_join_carries_only_the_end_of_a_long_part() -> None:
    first = a_transcript(" ".join(f"w{n}" for n in range(100)))
    (join,) = join_parts(first, a_transcript(""), 500)[:1]
    assert join.text.split() == [f"w{n}" for n in range(60, 100)]


def test_the_tail_of_a_transcript_is_as_long_as_the_overlap() -> None:
    assert FIRST.text[-count_tail(FIRST, 500) :] == " kill you"
    letters = a_transcript("a b c d e f g")
    assert letters.text[-count_tail(letters, 500) :] == " c d e f g"
    assert count_tail(a_transcript(""), 500) <= 1


words = st.lists(st.sampled_from(("a", "bb", "ccc")), max_size=60)


@given(words, words, st.sampled_from(("en", "zh")))
def test_every_join_ends_with_the_words_of_the_second_part(
    one: list[str], other: list[str], language: str
) -> None:
    space = "" if language == "zh" else " "
    first = a_transcript(space.join(one), language=language)
    second = a_transcript(space.join(other), language=language)
    found: list[Join] = join_parts(first, second, 500)
    assert found
    for join in found:
        assert 0 <= join.new_from <= join.repeated_until
        assert second.text.endswith(join.text[join.new_from :])
        assert join.text[: join.new_from].strip() in first.text
