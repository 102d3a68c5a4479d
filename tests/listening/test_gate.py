from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.listening.gate import DEFAULTS, Gate, GatedPacket
from service.listening.packet import Packet
from service.listening.reorder import Missing

SAMPLES = 320
"""20 ms."""
SILENT, LOUD = 105, 20

levels = st.one_of(st.none(), st.integers(0, 127), st.sampled_from((SILENT, 127, LOUD)))
items = st.lists(
    st.tuples(levels, st.integers(1, 60), st.booleans()), min_size=1, max_size=12
)  # a level, the number of packets with it, and whether one is missing after them


def a_packet(number: int, level: int | None) -> Packet:
    return Packet(number, number * 960, level, b"x", arrived_s=number * 0.02)


def a_gate(seed: int = 0) -> Gate:
    return Gate(random.Random(seed))


def run(gate: Gate, said: Sequence[int | None], dbfs: float | None = None) -> list[GatedPacket]:
    """Return the packets as they leave the gate.

    Args:
        dbfs: True level of decoded packets; None: the declared one.
    """
    out = []
    for number, level in enumerate(said):
        for item in gate.push(a_packet(number, level), SAMPLES):
            assert isinstance(item, GatedPacket)
            out.append(item)
            if item.decode:
                level_dbfs = -float(item.packet.level or 0) if dbfs is None else dbfs
                gate.check_level(item, level_dbfs)
    return out


def seconds(count: float, level: int | None = SILENT) -> list[int | None]:
    return [level] * round(count * 50)


@given(items, st.integers(0, 100))
def test_everything_comes_out_once_and_in_its_order(
    made: list[tuple[int | None, int, bool]], seed: int
) -> None:
    gate, number = a_gate(seed), 0
    sent: list[int | Missing] = []
    out: list[GatedPacket | Missing] = []
    for level, count, missing in made:
        for _ in range(count):
            sent.append(number)
            out += gate.push(a_packet(number, level), SAMPLES)
            number += 1
        if missing:
            sent.append(Missing(2))
            out += gate.push_missing(Missing(2))
    out += gate.flush()
    assert gate.flush() == []
    assert [one.packet.sequence if isinstance(one, GatedPacket) else one for one in out] == sent


@given(items, st.integers(0, 100))
def test_a_packet_that_is_not_silent_is_decoded_at_once_with_those_before_it(
    made: list[tuple[int | None, int, bool]], seed: int
) -> None:
    said = [level for level, count, _ in made for _ in range(count)]
    gate = a_gate(seed)
    decoded: set[int] = set()
    for number, level in enumerate(said):
        for item in gate.push(a_packet(number, level), SAMPLES):
            assert isinstance(item, GatedPacket)
            if item.decode:
                decoded.add(item.packet.sequence)
        if level is None or level < DEFAULTS.silent_level:
            assert decoded.issuperset(range(max(0, number - 20), number + 1))


def test_a_silent_track_is_decoded_for_the_hangover_and_then_hardly_ever() -> None:
    out = run(a_gate(), seconds(600))
    assert all(one.decode for one in out[:35])
    assert not any(one.decode for one in out[36:100])
    share = sum(one.decode for one in out) / len(out)
    assert 0.05 < share < 0.2, "0.4 s of every two to five"


def test_a_pause_that_ends_an_utterance_is_decoded_whole() -> None:
    out = run(a_gate(), [*seconds(1, LOUD), *seconds(0.68), *seconds(1, LOUD)])
    assert all(one.decode for one in out)


def test_a_track_without_levels_is_always_decoded() -> None:
    out = run(a_gate(), seconds(30, None))
    assert len(out) == 1_500
    assert all(one.decode for one in out)


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_a_liar_is_found_out_within_six_seconds_and_decoded_from_then_on(seed: int) -> None:
    gate = a_gate(seed)
    quiet = run(gate, seconds(10))
    start, lies = len(quiet) + 20, gate.lies
    assert not lies
    for number in range(start, start + 1_000):
        for item in gate.push(a_packet(number, 127), SAMPLES):
            assert isinstance(item, GatedPacket)
            if item.decode:
                gate.check_level(item, -20.0)
        if gate.lies:
            break
    assert number - start <= 6 * 50
    after = gate.push(a_packet(number + 1, 127), SAMPLES)
    assert all(isinstance(one, GatedPacket) and one.decode for one in after)


def test_a_liar_is_found_out_at_once_while_the_gate_is_open() -> None:
    gate = a_gate()
    assert all(one.decode for one in run(gate, seconds(5, 127), dbfs=-25.0))
    assert gate.lies


@pytest.mark.parametrize(
    ("level", "dbfs", "lies"),
    [
        (127, -49.0, True),
        (127, -51.0, False),  # too faint to be understood
        (60, -46.0, False),  # an error that a codec may cause
        (60, -44.0, True),
        (59, -10.0, False),  # it is decoded anyway
    ],
)
def test_a_lie_is_sound_that_is_audible_and_much_louder_than_declared(
    level: int, dbfs: float, lies: bool
) -> None:
    gate = a_gate()
    run(gate, seconds(20, level), dbfs)
    assert gate.lies is lies


def test_the_first_sound_after_skipped_packets_proves_nothing() -> None:
    gate = a_gate()
    silent = GatedPacket(a_packet(0, 127), SAMPLES, decode=True)
    for _ in range(20):
        for _ in range(3):
            gate.check_level(silent, -20.0)
        run(gate, seconds(3))
    assert not gate.lies


def test_a_liar_cannot_predict_the_times_of_checks() -> None:
    moments = {
        tuple(one.packet.sequence for one in run(a_gate(seed), seconds(30)) if one.decode)
        for seed in range(10)
    }
    assert len(moments) == 10
