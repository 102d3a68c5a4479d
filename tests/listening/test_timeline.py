from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.listening.timeline import Timeline

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
PACKET = 320


def seconds(at: datetime) -> float:
    return (at - START).total_seconds()


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def place(timeline: Timeline, position: int, arrived_s: float, after: int | None = 0) -> float:
    return seconds(timeline.place_packet(position, PACKET, at(arrived_s), after=after))


def test_before_the_first_packet_sample_0_is_spoken_at_the_beginning() -> None:
    assert Timeline(START).wall_time(1_600) == at(0.1)


def test_the_first_packet_was_spoken_just_before_it_came() -> None:
    timeline = Timeline(START)
    assert place(timeline, 0, 5.0) == pytest.approx(4.98)
    assert timeline.wall_time(0) == at(4.98)


@given(st.lists(st.integers(0, 200), min_size=2, max_size=200))
def test_jitter_never_puts_sound_later_than_it_came_nor_far_from_where_it_was(
    delays_ms: list[int],
) -> None:
    timeline = Timeline(START)
    arrived_s = 0.0
    for number, delay_ms in enumerate(delays_ms):
        arrived_s = max(arrived_s, 0.02 * (number + 1) + delay_ms / 1000)
        begins = place(timeline, number * PACKET, arrived_s)
        assert begins <= arrived_s - 0.02 + 1e-6
        least_s = min(delays_ms[: number + 1]) / 1000
        assert 0.02 * number + least_s - 0.001 <= begins <= 0.02 * number + 0.2 + 0.001


def test_after_a_late_beginning_the_soonest_packet_sets_the_time() -> None:
    timeline = Timeline(START)
    place(timeline, 0, 0.3)
    for number in range(1, 50):
        place(timeline, number * PACKET, max(0.3, 0.02 * (number + 1)))
    assert seconds(timeline.wall_time(49 * PACKET)) == pytest.approx(0.98, abs=0.02)


@pytest.mark.parametrize("outage_s", [0.3, 2.0, 2.9])
def test_a_burst_after_an_outage_lies_where_it_was_spoken(outage_s: float) -> None:
    timeline = Timeline(START)
    for number in range(50):
        place(timeline, number * PACKET, 0.02 * (number + 1))
    for number in range(50, 50 + round(outage_s * 50)):
        begins = place(timeline, number * PACKET, 1.0 + outage_s)
        assert begins == pytest.approx(0.02 * number, abs=0.06)


def test_a_packet_later_than_any_network_delay_begins_a_new_timeline() -> None:
    timeline = Timeline(START)
    place(timeline, 0, 0.02)
    assert place(timeline, PACKET, 60.0) == pytest.approx(59.98)


def test_media_time_that_jumps_ahead_does_not_reach_into_the_future() -> None:
    timeline = Timeline(START)
    place(timeline, 0, 0.02)
    assert place(timeline, PACKET, 0.04, after=16_000 * 3600) == pytest.approx(0.02)


def test_media_time_that_began_anew_is_taken_as_it_comes() -> None:
    timeline = Timeline(START)
    place(timeline, 0, 0.02)
    assert place(timeline, PACKET, 1.5, after=None) == pytest.approx(1.48)


@pytest.mark.parametrize("parts_per_million", [-200, 200])
def test_a_sound_card_that_is_fast_or_slow_is_followed_for_hours(parts_per_million: int) -> None:
    timeline = Timeline(START)
    media_s = 0.0
    for number in range(60_000):  # twenty minutes
        media_s += 0.02
        arrived_s = media_s * (1 + parts_per_million / 1e6)
        begins = place(timeline, number * PACKET, arrived_s)
        assert begins == pytest.approx(arrived_s - 0.02, abs=0.01)


def test_it_remembers_a_bounded_number_of_places() -> None:
    timeline = Timeline(START)
    for number in range(2_000):
        place(timeline, number * PACKET, 10.0 * number, after=None)
    assert seconds(timeline.wall_time(1_999 * PACKET)) == pytest.approx(19_989.98)
    assert timeline.wall_time(0) < at(19_990)


def test_the_copy_of_a_lost_packet_is_dated_with_the_packet_that_brought_it() -> None:
    """The hole before it may be longer than the silence that fills it."""
    timeline = Timeline(START)
    timeline.place_packet(0, 320, START + timedelta(seconds=0.02), after=None)
    arrived = START + timedelta(seconds=4.52)
    begins = timeline.place_packet(32_640, 320, arrived, after=72_000 - 320, lead=320)
    assert begins == arrived - timedelta(seconds=0.02)
    assert timeline.wall_time(32_320) == begins - timedelta(seconds=0.02)
