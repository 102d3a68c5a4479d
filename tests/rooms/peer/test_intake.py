from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.rooms.peer.intake import (
    BURST,
    JUMPS_BURST,
    JUMPS_PER_S,
    MOST_PER_S,
    MOST_SOURCES,
    Intake,
    Unfit,
)

FRAME = 960
BEGAN_S = 1_000.0


def stamp(spoken_s: float, first: int = 0) -> int:
    return (first + round(spoken_s * 48_000)) % (1 << 32)


@given(
    st.integers(0, (1 << 32) - 1),
    st.lists(st.sampled_from((0.02, 0.02, 0.02, 0.4, 3.0, 60.0)), max_size=200),
    st.data(),
)
def test_whatever_a_speaker_and_a_network_do_everything_is_taken(
    first: int, pauses: list[float], data: st.DataObject
) -> None:
    """Speech, DTX and long silence, late by up to half a second, and outages of three."""
    intake = Intake()
    spoken_s, arrived_s = 0.0, BEGAN_S
    for pause_s in pauses:
        spoken_s += pause_s
        late_s = data.draw(st.sampled_from((0.0, 0.0, 0.03, 0.5, 2.9)))
        arrived_s = max(arrived_s, BEGAN_S + spoken_s + late_s)
        assert intake.takes(7, stamp(spoken_s, first), arrived_s)
    assert not intake.unfit


def test_the_excess_of_ten_times_the_rate_is_passed_over_and_counted() -> None:
    counted: list[Unfit] = []
    intake = Intake(counted.append)
    taken = sum(intake.takes(7, FRAME * (n // 10), BEGAN_S + n / 500) for n in range(30_000))
    assert BURST + 60 * MOST_PER_S - 2 <= taken <= BURST + 60 * MOST_PER_S + 2
    assert intake.unfit == {Unfit.RATE: 30_000 - taken}
    assert counted == [Unfit.RATE] * (30_000 - taken)


def test_packets_that_a_network_held_back_and_brings_at_once_are_taken() -> None:
    intake = Intake()
    assert all(intake.takes(7, FRAME * n, BEGAN_S) for n in range(140))


def test_a_clock_that_jumps_ahead_now_and_then_is_followed() -> None:
    intake = Intake()
    for n in range(100):
        assert intake.takes(7, stamp(n * 600.0), BEGAN_S + n)


def test_a_clock_that_jumps_with_every_packet_is_not_followed_for_long() -> None:
    intake = Intake()
    taken = sum(intake.takes(7, stamp(n * 10.0), BEGAN_S + n / 50) for n in range(500))
    assert JUMPS_BURST <= taken <= JUMPS_BURST + 10 * JUMPS_PER_S + 2
    assert intake.unfit[Unfit.CLOCK] == 500 - taken


def test_media_time_that_runs_ahead_little_by_little_is_jumps_too() -> None:
    intake = Intake()
    taken = sum(intake.takes(7, stamp(n * 2.0), BEGAN_S + n / 50) for n in range(2_000))
    assert taken < 500


def test_a_clock_that_goes_back_is_taken_as_it_comes() -> None:
    intake = Intake()
    assert intake.takes(7, stamp(1_000.0), BEGAN_S)
    assert all(intake.takes(7, FRAME * n, BEGAN_S + n / 50) for n in range(500))


def test_a_source_gives_way_to_another() -> None:
    intake = Intake()
    for ssrc in range(MOST_SOURCES):
        assert all(intake.takes(ssrc, 99 * ssrc, BEGAN_S + ssrc) for _ in range(3))
    assert not intake.takes(MOST_SOURCES, 0, BEGAN_S + 60)
    assert intake.takes(0, 0, BEGAN_S + 61)
    assert intake.unfit == {Unfit.SOURCES: 1}


def test_where_the_offer_names_the_sources_there_may_be_any_number() -> None:
    intake = Intake(most_sources=None)
    assert all(intake.takes(ssrc, 0, BEGAN_S + ssrc) for ssrc in range(1_000))


def test_two_sources_that_take_turns_with_every_packet_are_not_followed_for_long() -> None:
    intake = Intake()
    taken = sum(intake.takes(n % 2, FRAME * n, BEGAN_S + n / 50) for n in range(500))
    assert intake.unfit == {Unfit.CLOCK: 500 - taken}
    assert taken < 500


@given(
    st.lists(
        st.tuples(
            st.integers(0, (1 << 32) - 1),
            st.integers(0, (1 << 32) - 1),
            st.floats(0, 5, allow_nan=False),
        ),
        max_size=60,
    )
)
def test_each_packet_is_taken_or_counted(sent: list[tuple[int, int, float]]) -> None:
    intake = Intake()
    now_s, taken = BEGAN_S, 0
    for ssrc, timestamp, pause_s in sent:
        now_s += pause_s
        taken += intake.takes(ssrc, timestamp, now_s)
    assert taken + intake.unfit.total() == len(sent)
