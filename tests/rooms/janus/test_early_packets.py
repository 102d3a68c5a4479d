from __future__ import annotations

from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.janus.early_packets import _MOST_PACKETS, EarlyPackets
from service.rooms.janus.lines import TrackId

ANN: TrackId = ("ann", "0")


def a_packet(sequence: int, arrived_s: float) -> Packet:
    return Packet(sequence, 960 * sequence, None, b"opus", arrived_s)


def released(early: EarlyPackets, now_s: float) -> list[int]:
    """Return the sequence numbers of the released packets."""
    packets: list[int] = []
    early.release(lambda track, packet: packets.append(packet.sequence), now_s)
    return packets


def dropped(metrics: Metrics) -> float:
    [counter] = metrics.packets_of_nobody.collect()
    return sum(one.value for one in counter.samples if one.name.endswith("_total"))


def test_packets_of_the_last_second_are_released_in_order_and_once() -> None:
    metrics = Metrics()
    early = EarlyPackets(metrics)
    for sequence in range(4):
        early.hold(ANN, a_packet(sequence, 100.0 + sequence / 2))
    assert released(early, 101.6) == [2, 3]
    assert dropped(metrics) == 2
    assert released(early, 101.6) == []


def test_the_oldest_packets_are_dropped_beyond_the_bound() -> None:
    early = EarlyPackets(Metrics())
    for sequence in range(_MOST_PACKETS + 3):
        early.hold(ANN, a_packet(sequence, 100.0))
    assert released(early, 100.0)[0] == 3


def test_a_packet_that_is_held_again_during_a_release_waits_for_the_next() -> None:
    early = EarlyPackets(Metrics())
    early.hold(ANN, a_packet(7, 100.0))
    early.release(early.hold, 100.0)
    assert released(early, 100.0) == [7]
