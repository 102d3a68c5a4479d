from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.listening.packet import Packet
from service.listening.reorder import Missing, Reorder

WINDOW_S = 0.08
UP_S = WINDOW_S + 1e-6
"""Time at which the window is over, despite rounding."""


def a_packet(number: int, at_s: float = 0.0) -> Packet:
    """Return a packet of a stream; its timestamp tells it from others of the same sequence."""
    return Packet(number % 65536, number * 960, None, b"x", at_s)


def numbers(played: Sequence[Packet | Missing]) -> list[int]:
    return [item.timestamp // 960 for item in played if isinstance(item, Packet)]


def missing(played: Sequence[Packet | Missing]) -> int:
    return sum(item.count for item in played if isinstance(item, Missing))


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[int, int, list[tuple[float, int]]]:
    """Draw the first number, the count of packets sent, and (arrival, number) of those that came.

    One is sent every 20 ms. Delays are shorter than the window; some packets are lost, some come
    twice. The first is neither lost nor overtaken.
    """
    first = draw(st.one_of(st.integers(0, 70_000), st.integers(65_480, 65_540)))
    count = draw(st.integers(1, 80))
    came = [(0.0, first)]
    for step in range(1, count):
        for _ in range(draw(st.sampled_from((1, 1, 1, 1, 0, 2)))):
            delay_s = draw(st.integers(0, 70)) / 1000
            came.append((step * 0.02 + delay_s, first + step))
    return first, count, sorted(came)


def play(came: Sequence[tuple[float, int]], reorder: Reorder) -> list[Packet | Missing]:
    """Push the packets with a tick every 10 ms; return everything that was played."""
    played: list[Packet | Missing] = []
    ticks = 0
    for at_s, number in came:
        while ticks * 0.01 <= at_s:
            played += reorder.expire(ticks * 0.01)
            ticks += 1
        played += reorder.push(a_packet(number, at_s))
    return [*played, *reorder.expire(float("inf"))]


@given(deliveries())
def test_packets_within_the_window_are_played_once_in_order_and_losses_are_counted(
    sent: tuple[int, int, list[tuple[float, int]]],
) -> None:
    first, _, came = sent
    played = play(came, Reorder(window_s=WINDOW_S))
    arrived = sorted({number for _, number in came})
    assert numbers(played) == arrived
    assert missing(played) == arrived[-1] - first + 1 - len(arrived)
    assert all(item.count > 0 for item in played if isinstance(item, Missing))


@given(deliveries())
def test_each_loss_is_reported_at_its_place(
    sent: tuple[int, int, list[tuple[float, int]]],
) -> None:
    first, _, came = sent
    due = first
    for item in play(came, Reorder(window_s=WINDOW_S)):
        if isinstance(item, Missing):
            due += item.count
        else:
            assert item.timestamp // 960 == due
            due += 1


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 65_535)), max_size=80))
def test_no_packet_is_played_twice_or_held_beyond_the_window(
    sent: list[tuple[int, int]],
) -> None:
    reorder = Reorder(window_s=WINDOW_S)
    now_s = 0.0
    pushed: list[Packet] = []
    played: list[Packet | Missing] = []
    for pause_ms, sequence in sent:
        now_s += pause_ms / 1000
        played += reorder.expire(now_s)
        pushed.append(Packet(sequence, len(pushed), None, b"x", now_s))
        played += reorder.push(pushed[-1])
    played += reorder.expire(now_s + UP_S)
    stamps = [item.timestamp for item in played if isinstance(item, Packet)]
    assert len(stamps) == len(set(stamps))
    assert reorder.expire(float("inf")) == []
    assert len(stamps) + reorder.late + reorder.duplicate == len(pushed)


@given(st.integers(1, 40), st.integers(51, 120))
def test_more_than_its_capacity_is_never_held(lost: int, count: int) -> None:
    reorder = Reorder(window_s=WINDOW_S, capacity=50)
    played = list(reorder.push(a_packet(0)))
    for number in range(1 + lost, 1 + lost + count):
        played += reorder.push(a_packet(number))
    assert numbers(played) == [0, *range(1 + lost, 1 + lost + count)]
    assert missing(played) == lost


def test_a_late_packet_is_not_played_and_counts() -> None:
    reorder = Reorder(window_s=WINDOW_S)
    reorder.push(a_packet(0, 0.0))
    reorder.push(a_packet(2, 0.04))
    assert numbers(reorder.expire(0.04 + UP_S)) == [2]
    assert reorder.push(a_packet(1, 0.13)) == []
    assert (reorder.late, reorder.duplicate) == (1, 0)


def test_a_packet_is_waited_for_no_longer_than_the_window() -> None:
    reorder = Reorder(window_s=WINDOW_S)
    reorder.push(a_packet(0, 0.0))
    reorder.push(a_packet(2, 0.04))
    assert reorder.expire(0.04 + WINDOW_S - 0.001) == []
    assert reorder.expire(0.04 + UP_S) == [Missing(1), a_packet(2, 0.04)]


@given(st.integers(0, 65_535), st.integers(3_001, 32_000))
def test_a_jump_far_ahead_is_a_new_stream_and_no_loss(first: int, jump: int) -> None:
    reorder = Reorder()
    reorder.push(a_packet(first))
    played = reorder.push(a_packet(first + 1 + jump)) + reorder.push(a_packet(first + 2 + jump))
    assert numbers(played) == [first + 1 + jump, first + 2 + jump]
    assert missing(played) == 0


@given(st.integers(40_000, 100_000), st.integers(101, 32_000))
def test_a_stream_that_begins_anew_behind_is_followed_from_its_first_packet(
    first: int, back: int
) -> None:
    reorder = Reorder()
    reorder.push(a_packet(first))
    played = []
    for number in range(first - back, first - back + 5):
        played += reorder.push(a_packet(number))
    assert numbers(played) == list(range(first - back, first - back + 5))
    assert (missing(played), reorder.late) == (0, 0)


def test_single_packets_from_far_back_do_not_disturb_a_stream() -> None:
    reorder = Reorder()
    played = list(reorder.push(a_packet(10_000)))
    for number in range(10_001, 10_020):
        played += reorder.push(a_packet(9_000 - 3 * (number % 7)))
        played += reorder.push(a_packet(number))
    assert numbers(played) == list(range(10_000, 10_020))


def from_source(ssrc: int, number: int) -> Packet:
    return replace(a_packet(number), ssrc=ssrc)


@given(st.integers(0, 70_000), st.integers(0, 70_000), st.integers(2, 30))
def test_another_source_is_followed_from_its_first_packet(
    before: int, first: int, count: int
) -> None:
    """Its numbers may begin anywhere. Packets held of the source before come first."""
    reorder = Reorder()
    played = [*reorder.push(from_source(1, before)), *reorder.push(from_source(1, before + 2))]
    for number in range(first, first + count):
        played += reorder.push(from_source(2, number))
    assert numbers(played) == [before, before + 2, *range(first, first + count)]
    assert (missing(played), reorder.late) == (1, 0)


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_late_packets_of_the_source_before_do_not_bring_it_back(before: int, first: int) -> None:
    reorder = Reorder()
    played = list(reorder.push(from_source(1, before)))
    for number in range(first, first + 20):
        played += reorder.push(from_source(2, number))
        played += reorder.push(from_source(1, before - 3 * (number - first)))
    assert numbers(played)[0] == before
    assert set(numbers(played)[1:]) <= set(range(first, first + 20))


def test_held_packets_are_played_before_a_jump() -> None:
    reorder = Reorder()
    reorder.push(a_packet(0))
    reorder.push(a_packet(2))
    assert numbers(reorder.push(a_packet(9_000))) == [2, 9_000]


@given(st.integers(0, 65_535), st.integers(3_001, 30_000))
def test_a_jump_far_ahead_after_as_long_a_silence_is_a_loss(first: int, jump: int) -> None:
    reorder = Reorder()
    assert numbers(reorder.push(a_packet(first))) == [first]
    now_s = jump * 0.02
    assert reorder.push(a_packet(first + jump, now_s)) == []
    played = reorder.expire(now_s + UP_S)
    assert (missing(played), numbers(played)) == (jump - 1, [first + jump])
