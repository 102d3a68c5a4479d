"""One speaker's way from packets to utterances: order, sound, timeline, segments.

Two clocks meet here. Packets carry media time, which says how much silence lies between them;
arrival gives wall time. When nothing arrives (DTX, mute, an outage), silence is filled in at the
pace of the wall clock, so that the last words end and are transcribed without waiting for more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE, Utterance, utterance_id
from service.listening.heard import AudioGap
from service.listening.levels import FLOOR_DBFS, dbfs
from service.listening.opus import BadPacket, OpusDecoder, packet_samples
from service.listening.packet import Packet
from service.listening.reorder import Missing, Reorder
from service.listening.segmenter import DEFAULTS, Segment, Segmenter, SegmenterSettings
from service.listening.vad import FRAME_MS, Vad

_CLOCK_RATIO = 3
"""RTP's Opus clock (48 kHz, RFC 7587) over ours."""
_HOLD_S = 0.12
"""No packet for so long: treat it as silence and go on (the reorder window and some jitter)."""
_LAG_S = 0.04
"""How far behind the wall clock the filled silence stays."""
_LONGEST_FILL_S = 2.0
"""A larger hole in media time is a new beginning, not silence to be played through."""
_REPAIR_S = 0.1
"""Lost sound is guessed at for so long; beyond that it is silence."""
_REPORT_LOSS_S = 0.5
"""Lost sound of this length in one piece is a gap event."""
_OPENING_S = 0.3
"""Speech this soon after the first packet was already going on."""


@dataclass(slots=True)
class EarCounters:
    packets: int = 0
    lost: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Sample `position` was spoken at wall time `at`."""

    position: int
    at: datetime


class Ear:
    """Hears one speaker.

    Args:
        now: When hearing begins (wall time).
        interrupted_at: What was said from here to the first words heard now went unheard.
    """

    def __init__(
        self,
        room_id: str,
        speaker_id: str,
        *,
        vad: Vad,
        now: datetime,
        interrupted_at: datetime | None = None,
        decoder: Callable[[], OpusDecoder] = OpusDecoder,
        settings: SegmenterSettings = DEFAULTS,
    ) -> None:
        self.room_id = room_id
        self.speaker_id = speaker_id
        self.counters = EarCounters()
        self.level_dbfs = FLOOR_DBFS
        self._decoder = decoder()
        self._reorder = Reorder()
        self._segmenter = Segmenter(vad, settings)
        self._anchors: deque[_Anchor] = deque([_Anchor(0, now)], maxlen=256)
        self._next_timestamp: int | None = None
        self._filled = 0
        self._last_arrival_s: float | None = None
        self._missing = 0
        self._interrupted_at = interrupted_at

    @property
    def speaking(self) -> bool:
        return self._segmenter.speaking

    @property
    def interrupted(self) -> bool:
        """There is still a gap to tell of before what is heard now."""
        return self._interrupted_at is not None

    def heard_until(self) -> datetime:
        """Everything before this has been given out as utterances, or was no speech."""
        return self._wall(self._segmenter.complete_until)

    def push(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        """Take a packet that arrived `now`; what it completes."""
        self.counters.packets += 1
        self._last_arrival_s = packet.arrived_s
        return self._play(self._reorder.push(packet), now)

    def tick(self, now_s: float, now: datetime) -> list[Utterance | AudioGap]:
        """Let time pass (monotonic seconds and wall time of one moment); what it completes."""
        out = self._play(self._reorder.expire(now_s), now)
        if self._last_arrival_s is None or now_s - self._last_arrival_s < _HOLD_S:
            return out
        due = int((now_s - self._last_arrival_s - _LAG_S) * SAMPLE_RATE) - self._filled
        if due >= SAMPLE_RATE * FRAME_MS // 1000:
            self._filled += due
            out += self._hear(bytes(2 * due))
        return out

    def close(self, now: datetime) -> list[Utterance | AudioGap]:
        """The speaker has gone; what was still open."""
        out: list[Utterance | AudioGap] = []
        for segment in self._segmenter.flush():
            out += self._give(segment)
        if self._interrupted_at is not None:
            out.insert(0, self._tell_gap(now))
        return out

    def _play(self, items: list[Packet | Missing], now: datetime) -> list[Utterance | AudioGap]:
        out: list[Utterance | AudioGap] = []
        for item in items:
            if isinstance(item, Missing):
                self._missing = item.count
                self.counters.lost += item.count
            else:
                out += self._sound(item, now)
        return out

    def _sound(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        try:
            samples = packet_samples(packet.payload)
        except BadPacket:
            self.counters.bad += 1
            return []
        out = self._bridge(packet, samples, now)
        try:
            pcm = self._decoder.decode(packet.payload)
        except BadPacket:
            self.counters.bad += 1
            pcm = bytes(2 * samples)
        self._next_timestamp = (packet.timestamp + samples * _CLOCK_RATIO) % (1 << 32)
        self._filled = 0
        self._missing = 0
        return out + self._hear(pcm)

    def _bridge(self, packet: Packet, samples: int, now: datetime) -> list[Utterance | AudioGap]:
        """Bring the timeline to where this packet belongs: repair what was lost, fill silence."""
        begins = now - timedelta(seconds=samples / SAMPLE_RATE)
        if self._next_timestamp is None:
            self._anchor(begins)
            return []
        ahead = (packet.timestamp - self._next_timestamp) % (1 << 32)
        if ahead >= 1 << 31:  # media time went back: a restarted sender; take it from here
            ahead = 0
        hole = ahead // _CLOCK_RATIO
        lost_s = hole / SAMPLE_RATE if self._missing else 0.0
        out: list[Utterance | AudioGap] = []
        if self._missing:
            out += self._hear(self._repair(packet, min(hole, int(_REPAIR_S * SAMPLE_RATE))))
            hole -= min(hole, int(_REPAIR_S * SAMPLE_RATE))
        rest = min(hole, int(_LONGEST_FILL_S * SAMPLE_RATE)) - self._filled
        if rest > 0:
            out += self._hear(bytes(2 * rest))
        if self._filled or hole:
            self._anchor(begins)
        if lost_s >= _REPORT_LOSS_S:
            from_at = begins - timedelta(seconds=lost_s)
            out.append(
                AudioGap(self.room_id, self.speaker_id, from_at, begins, "packets lost on the way")
            )
        return out

    def _repair(self, packet: Packet, samples: int) -> bytes:
        """Sound for the hole before `packet`: concealment, then the FEC copy it carries."""
        frame = SAMPLE_RATE * FRAME_MS // 1000
        pieces = []
        try:
            while samples > frame:
                pieces.append(self._decoder.conceal(frame))
                samples -= frame
            if samples == frame:
                pieces.append(self._decoder.recover(packet.payload, frame))
                samples = 0
        except BadPacket:
            self.counters.bad += 1
        return b"".join(pieces) + bytes(2 * max(0, samples))

    def _hear(self, pcm: bytes) -> list[Utterance | AudioGap]:
        self.level_dbfs = dbfs(pcm)
        out: list[Utterance | AudioGap] = []
        for segment in self._segmenter.push(pcm):
            out += self._give(segment)
        if self._interrupted_at is not None and self._opened_quietly():
            out.insert(0, self._tell_gap(self._wall(0)))
        return out

    def _opened_quietly(self) -> bool:
        opening = int(_OPENING_S * SAMPLE_RATE) * 2
        return self._segmenter.position >= opening and not self._segmenter.speaking

    def _give(self, segment: Segment) -> list[Utterance | AudioGap]:
        started_at = self._wall(segment.start)
        utterance = Utterance(
            id=utterance_id(self.room_id, self.speaker_id, started_at, segment.part),
            room_id=self.room_id,
            speaker_id=self.speaker_id,
            started_at=started_at,
            pcm=segment.pcm,
            ended_by=segment.ended_by,
            part=segment.part,
            overlap_ms=segment.overlap_ms,
        )
        if self._interrupted_at is None:
            return [utterance]
        # Whoever was in the middle of a sentence when hearing came back: its beginning is lost,
        # so that the gap ends with it, though what was heard of it is matched all the same.
        cut_short = segment.start <= _OPENING_S * SAMPLE_RATE
        return [self._tell_gap(utterance.ended_at if cut_short else self._wall(0)), utterance]

    def _tell_gap(self, to_at: datetime) -> AudioGap:
        assert self._interrupted_at is not None
        from_at, self._interrupted_at = self._interrupted_at, None
        return AudioGap(
            self.room_id, self.speaker_id, from_at, max(from_at, to_at), "listening was interrupted"
        )

    def _anchor(self, at: datetime) -> None:
        self._anchors.append(_Anchor(self._segmenter.position, at))

    def _wall(self, position: int) -> datetime:
        anchor = self._anchors[0]
        for candidate in self._anchors:
            if candidate.position > position:
                break
            anchor = candidate
        return anchor.at + timedelta(seconds=(position - anchor.position) / SAMPLE_RATE)
