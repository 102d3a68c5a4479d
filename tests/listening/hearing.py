"""An ear on a simulated network and clock, with its utterances and gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE, Utterance
from service.listening.ear import Ear
from service.listening.events import AudioGap
from service.listening.packet import Packet
from service.listening.vad import FRAME_BYTES
from tests.listening.packets import START
from tests.listening.sound import loud

Item = Utterance | AudioGap


@dataclass
class Listening:
    """Utterances and gaps of an ear.

    Attributes:
        given: Time and item of each, in seconds after `START`.
        marks: `heard_until` after each step, and the number of utterances given by then.
        interims: Interim utterances.
    """

    ear: Ear
    given: list[tuple[float, Item]] = field(default_factory=list)
    marks: list[tuple[float, int]] = field(default_factory=list)
    interims: list[Utterance] = field(default_factory=list)

    @property
    def utterances(self) -> list[Utterance]:
        return [item for _, item in self.given if isinstance(item, Utterance)]

    @property
    def gaps(self) -> list[AudioGap]:
        return [item for _, item in self.given if isinstance(item, AudioGap)]

    def add(self, now_s: float, items: Iterable[Item]) -> None:
        self.given += [(now_s, item) for item in items]
        heard_s = seconds(self.ear.heard_until())
        assert heard_s <= now_s + 0.001, "nobody can be heard into the future"
        self.marks.append((heard_s, len(self.utterances)))

    def check_marks(self) -> None:
        """Assert that `heard_until` never passed a later utterance: a crash would lose it."""
        begins = [
            seconds(u.started_at) + max(loud_span_s(u.pcm)[0], u.overlap_ms / 1000)
            for u in self.utterances
        ]
        for heard_s, count in self.marks:
            assert all(heard_s <= begins_s + 0.005 for begins_s in begins[count:])


def seconds(at: datetime) -> float:
    return (at - START).total_seconds()


def listen(ear: Ear, packets: Sequence[Packet], *, until_s: float, close: bool = True) -> Listening:
    """Push packets at their times, tick every 20 ms, and close the ear at the end."""
    listening = Listening(ear)
    waiting = list(packets)
    for tick in range(int(until_s * 50)):
        now_s = tick * 0.02
        while waiting and waiting[0].arrived_s - 1_000 <= now_s:
            packet = waiting.pop(0)
            at_s = packet.arrived_s - 1_000
            listening.add(at_s, ear.push(packet, START + timedelta(seconds=at_s)))
        now = START + timedelta(seconds=now_s)
        listening.add(now_s, ear.tick(1_000 + now_s, now))
        if (interim := ear.interim_utterance()) is not None:
            listening.interims.append(interim)
    if close:
        listening.add(until_s, ear.close(START + timedelta(seconds=until_s)))
    listening.check_marks()
    return listening


def loud_span_s(pcm: bytes) -> tuple[float, float]:
    """Return the begin of the first and the end of the last loud 20 ms, in seconds."""
    found = [
        at
        for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)
        if loud(pcm[at : at + FRAME_BYTES])
    ]
    return found[0] / 2 / SAMPLE_RATE, (found[-1] + FRAME_BYTES) / 2 / SAMPLE_RATE


def words(pcm: bytes) -> bytes:
    """Return the samples without the silence around the words."""
    first_s, last_s = loud_span_s(pcm)
    return pcm[round(first_s * SAMPLE_RATE) * 2 : round(last_s * SAMPLE_RATE) * 2]
