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


def timestamp_at(spoken_s: float, first: int = 0) -> int:
    return (first + round(spoken_s * 48_000)) % (1 << 32)


@given(
    st.integers(0, (1 << 32) - 1),
    st.lists(st.sampled_from((0.02, 0.02, 0.02, 0.4, 3.0, 60.0)), max_size=200),
    st.data(),
)
def test_packets_of_an_ordinary_speaker_and_network_are_admitted(
    first: int, pauses: list[float], data: st.DataObject
) -> None:
    """Speech, DTX and long silence, up to half a second late, with outages of three seconds."""
    intake = Intake()
    spoken_s, arrived_s = 0.0, BEGAN_S
    for pause_s in pauses:
        spoken_s += pause_s
        late_s = data.draw(st.sampled_from((0.0, 0.0, 0.03, 0.5, 2.9)))
        arrived_s = max(arrived_s, BEGAN_S + spoken_s + late_s)
        assert intake.admit(7, timestamp_at(spoken_s, first), arrived_s)
    assert not intake.unfit


def test_the_excess_of_ten_times_the_rate_is_refused_and_counted() -> None:
    counted: list[Unfit] = []
    intake = Intake(counted.append)
    admitted = sum(intake.admit(7, FRAME * (n // 10), BEGAN_S + n / 500) for n in range(30_000))
    assert BURST + 60 * MOST_PER_S - 2 <= admitted <= BURST + 60 * MOST_PER_S + 2
    assert intake.unfit == {Unfit.RATE: 30_000 - admitted}
    assert counted == [Unfit.RATE] * (30_000 - admitted)


def test_packets_that_a_network_delays_and_delivers_at_once_are_admitted() -> None:
    intake = Intake()
    assert all(intake.admit(7, FRAME * n, BEGAN_S) for n in range(140))


def test_occasional_jumps_of_the_clock_are_followed() -> None:
    intake = Intake()
    for n in range(100):
        assert intake.admit(7, timestamp_at(n * 600.0), BEGAN_S + n)


def test_jumps_of_the_clock_with_every_packet_are_soon_refused() -> None:
    intake = Intake()
    admitted = sum(intake.admit(7, timestamp_at(n * 10.0), BEGAN_S + n / 50) for n in range(500))
    assert JUMPS_BURST <= admitted <= JUMPS_BURST + 10 * JUMPS_PER_S + 2
    assert intake.unfit[Unfit.CLOCK] == 500 - admitted


def test_media_time_that_runs_ahead_slowly_counts_as_jumps() -> None:
    intake = Intake()
    admitted = sum(intake.admit(7, timestamp_at(n * 2.0), BEGAN_S + n / 50) for n in range(2_000))
    assert admitted < 500


def test_a_clock_that_goes_back_is_followed() -> None:
    intake = Intake()
    assert intake.admit(7, timestamp_at(1_000.0), BEGAN_S)
    assert all(intake.admit(7, FRAME * n, BEGAN_S + n / 50) for n in range(500))


def test_a_track_may_change_its_source_up_to_the_limit() -> None:
    intake = Intake()
    for ssrc in range(MOST_SOURCES):
        assert all(intake.admit(ssrc, 99 * ssrc, BEGAN_S + ssrc) for _ in range(3))
    assert not intake.admit(MOST_SOURCES, 0, BEGAN_S + 60)
    assert intake.admit(0, 0, BEGAN_S + 61)
    assert intake.unfit == {Unfit.SOURCES: 1}


def test_an_offer_may_name_any_number_of_sources() -> None:
    intake = Intake(most_sources=None)
    assert all(intake.admit(ssrc, 0, BEGAN_S + ssrc) for ssrc in range(1_000))


def test_two_sources_that_alternate_with_every_packet_are_soon_refused() -> None:
    intake = Intake()
    admitted = sum(intake.admit(n % 2, FRAME * n, BEGAN_S + n / 50) for n in range(500))
    assert intake.unfit == {Unfit.CLOCK: 500 - admitted}
    assert admitted < 500


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
def test_each_packet_is_admitted_or_counted(sent: list[tuple[int, int, float]]) -> None:
    intake = Intake()
    now_s, admitted = BEGAN_S, 0
    for ssrc, timestamp, pause_s in sent:
        now_s += pause_s
        admitted += intake.admit(ssrc, timestamp, now_s)
    assert admitted + intake.unfit.total() == len(sent)
