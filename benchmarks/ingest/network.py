"""Simulated networks: loss, jitter and outages. Pure: the same seed loses the same packets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.ingest.script import Script


@dataclass(frozen=True, slots=True)
class Network:
    """Network model.

    Attributes:
        loss: Share of the packets that are lost.
        burst: Average number of packets lost in a row (Gilbert-Elliott: the bad state loses all,
            the good state none); 0: losses are independent.
        jitter_s: Mean delay; delays are uniform between 0 and twice this.
        displaced: Share of the packets that `displaced_s` delays, so that others overtake them.
        outage_s: Length of an outage in the middle.
    """

    name: str
    loss: float = 0.0
    burst: float = 0.0
    jitter_s: float = 0.0
    displaced: float = 0.0
    displaced_s: float = 0.05
    outage_s: float = 0.0


NETWORKS = (
    Network("no loss"),
    *(Network(f"{share:.0%} random loss", loss=share) for share in (0.01, 0.03, 0.05, 0.10)),
    *(
        Network(f"{share:.0%} loss in bursts of 3", loss=share, burst=3)
        for share in (0.01, 0.03, 0.05, 0.10)
    ),
    Network("30 ms jitter", jitter_s=0.03),
    Network("5% of the packets 50 ms late", displaced=0.05),
    Network("an outage of 2 s", outage_s=2.0),
)


def through(network: Network, script: Script, *, lead_s: float, tail_s: float, seed: int) -> Script:
    """Return the script without the lost packets, in the order of arrival.

    Args:
        lead_s, tail_s: Lengths of the start and the end that the network leaves untouched.
    """
    chance = random.Random(seed)
    first, last = lead_s, script.seconds - tail_s
    lost = _losses(network, chance)
    middle = (first + last) / 2
    arrived = []
    for cue in script.cues:
        if not first <= cue.at_s <= last:
            arrived.append(cue)
            continue
        gone = next(lost)
        held_s = _held_back(network, chance)
        if gone or abs(cue.at_s - middle) < network.outage_s / 2:
            continue
        arrived.append(replace(cue, at_s=cue.at_s + held_s))
    return Script(sorted(arrived, key=lambda cue: cue.at_s))


def lost_share(before: Script, after: Script, among: frozenset[int]) -> float:
    """Return the share of the packets `among` that the network lost."""
    came = {cue.sequence for cue in after.cues}
    sent = [cue.sequence for cue in before.cues if cue.sequence in among]
    return sum(number not in came for number in sent) / len(sent)


def _losses(network: Network, chance: random.Random) -> Iterator[bool]:
    if network.burst == 0:
        while True:
            yield chance.random() < network.loss
    recover = 1 / network.burst
    fall = network.loss * recover / (1 - network.loss)
    bad = chance.random() < network.loss
    while True:
        yield bad
        bad = chance.random() >= recover if bad else chance.random() < fall


def _held_back(network: Network, chance: random.Random) -> float:
    held_s = chance.uniform(0, 2 * network.jitter_s)
    return held_s + (network.displaced_s if chance.random() < network.displaced else 0.0)
