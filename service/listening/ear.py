"""One speaker's way from packets to utterances: order, sound, timeline, segments.

Two clocks meet here. Packets carry media time, which says how much silence lies between them;
arrival gives wall time. When nothing arrives (DTX, mute, an outage), silence is filled in at the
pace of the wall clock, so that the last words end and are transcribed without waiting for more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from asr.speech import SAMPLE_RATE, Utterance, utterance_id
from service.listening.heard import AudioGap
from service.listening.levels import FLOOR_DBFS, dbfs
from service.listening.looks import Looks
from service.listening.opus import BadPacket, OpusDecoder, packet_samples
from service.listening.packet import Packet
from service.listening.reorder import Missing, Reorder
from service.listening.segmenter import DEFAULTS, Segment, Segmenter, SegmenterSettings
from service.listening.timeline import LATEST_S, Timeline
from service.listening.vad import FRAME_MS, Vad

INTERRUPTED = "listening was interrupted"
"""Reason of the gap that a stop of the server leaves."""

_CLOCK_RATIO = 3
"""RTP's Opus clock (48 kHz, RFC 7587) over ours."""
_HOLD_S = 0.18
"""No sound for so long: treat it as silence and go on (the reorder window and some jitter). Less
than the shortest closing silence, so that waiting costs no time."""
_LAG_S = 0.04
"""How far behind the wall clock the filled silence stays."""
_LONGEST_FILL_S = 2.0
"""A larger hole in media time is a new beginning, not silence to be played through."""
_REPAIR_S = 0.08
"""Lost sound is guessed at for so long; beyond that it is silence."""
_REPAIR_STEP = SAMPLE_RATE // 400
"""libopus repairs whole 2.5 ms."""
_REPORT_LOSS_S = 0.5
"""Lost sound of this length in one piece is a gap event."""
_CUT_OFF = timedelta(seconds=1)
"""A lost connection that was silent for longer leaves a gap."""
_NOTICED = timedelta(seconds=30)
"""A lost way to a speaker is noticed within this time: ICE gives up a dead path after 29 s."""
_QUIET_RETURN = timedelta(seconds=5)
"""After an interruption, a speaker who is back without a sound for so long is silent."""
_OPENING_S = 0.7
"""After an interruption, speech this soon may have been going on before (a sentence bears pauses of
half a second), and what is no speech may have been the end of a word: it belongs to the gap."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """Open speech that has been looked at: what it will be called once it ends.

    Attributes:
        place: The segment's onset and part.
        revision: Of the last look.
    """

    place: tuple[int, int]
    started_at: datetime
    revision: int


@dataclass(slots=True)
class EarCounters:
    packets: int = 0
    lost: int = 0
    bad: int = 0
    late: int = 0
    duplicate: int = 0


class Ear:
    """Hears one speaker.

    Args:
        now: When hearing begins (wall time).
        interrupted_at: What was said from here to the first words heard now went unheard.
        looks: When to look at speech that goes on; None: never.
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
        looks: Looks | None = None,
    ) -> None:
        self.room_id = room_id
        self.speaker_id = speaker_id
        self.counters = EarCounters()
        self.level_dbfs = FLOOR_DBFS
        self._decoder = decoder()
        self._reorder = Reorder()
        self._segmenter = Segmenter(vad, settings)
        self._looks = looks
        self._begun: _Begun | None = None
        self._timeline = Timeline(now)
        self._next_timestamp: int | None = None
        self._ssrc = 0  # whose clock that is
        self._filled = 0  # samples of silence since the last sound that came
        self._sound_s: float | None = None  # when that came
        self._sound_at: datetime | None = None  # the same by the wall clock
        self._joined_at = now
        self._now_s = -math.inf
        self._missing = 0
        self._last_start = datetime.min.replace(tzinfo=now.tzinfo)
        self._interrupted_at = interrupted_at

    @property
    def speaking(self) -> bool:
        return self._segmenter.speaking

    @property
    def interrupted(self) -> bool:
        """There is still a gap to tell of before what is heard now."""
        return self._interrupted_at is not None

    @property
    def held_bytes(self) -> int:
        """Packets and sound in memory."""
        return self._reorder.held_bytes + self._segmenter.held_bytes

    def heard_until(self) -> datetime:
        """Everything before this has been given out as utterances, or was no speech.

        Silence that was only filled in counts once it is too old for sound to come late.
        """
        unsure = min(self._filled, int(LATEST_S * SAMPLE_RATE))
        return self._timeline.wall(
            min(self._segmenter.complete_until, self._segmenter.position - unsure)
        )

    def unheard_since(self, now: datetime) -> datetime:
        """From when on the speaker may have talked unheard, if the way to them is lost `now`.

        Whoever sends nothing while they are silent has not sent for long: a loss is noticed within
        `_NOTICED` at most.
        """
        return max(self._sound_at or self._joined_at, now - _NOTICED)

    def push(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        """Take a packet that arrived `now`; what it completes."""
        self.counters.packets += 1
        self._now_s = packet.arrived_s
        items = self._reorder.push(packet)
        self.counters.late = self._reorder.late
        self.counters.duplicate = self._reorder.duplicate
        return self._play(items, now)

    def tick(self, now_s: float, now: datetime) -> list[Utterance | AudioGap]:
        """Let time pass (monotonic seconds and wall time of one moment); what it completes."""
        self._now_s = now_s
        out = self._play(self._reorder.expire(now_s), now)
        if self._sound_s is None:
            if self._interrupted_at is not None and now - self._joined_at >= _QUIET_RETURN:
                out.append(self._tell_gap(now))
            return out
        if now_s - self._sound_s < _HOLD_S:
            return out
        due = int((now_s - self._sound_s - _LAG_S) * SAMPLE_RATE) - self._filled
        if due >= SAMPLE_RATE * FRAME_MS // 1000:
            self._filled += due
            out += self._hear(bytes(2 * due))
        return out

    def glimpse(self) -> Utterance | None:
        """A look at speech that goes on, where one is due: the words so far, under the id that the
        whole will have."""
        position = self._segmenter.position
        if self._looks is None or not self._looks.due(
            self._segmenter.since, position, self._segmenter.pausing_ms
        ):
            return None
        segment = self._segmenter.glimpse()
        assert segment is not None
        before = self._begun
        place = (segment.onset, segment.part)
        if before is not None and before.place == place:
            self._begun = replace(before, revision=before.revision + 1)
        else:
            self._begun = _Begun(place, self._starts(segment), 1)
        return self._utterance(segment, self._begun.started_at, self._begun.revision)

    def look_again(self) -> None:
        """What the last look saw is to be confirmed soon."""
        if self._looks is not None:
            self._looks.again(self._segmenter.position)

    def close(self, now: datetime, *, cut_off: bool = False) -> list[Utterance | AudioGap]:
        """The speaker has gone; what was still open.

        Args:
            cut_off: Not by their own will: since the last sound they may have talked unheard.
        """
        out = self._play(self._reorder.expire(math.inf), now)
        for segment in self._segmenter.flush():
            out += self._give(segment)
        if self._interrupted_at is not None:
            out.insert(0, self._tell_gap(now))
        elif cut_off and self._sound_at is not None and now - self._sound_at > _CUT_OFF:
            reason = "the connection was lost"
            out.append(AudioGap(self.room_id, self.speaker_id, self._sound_at, now, reason))
        return out

    def _play(self, items: list[Packet | Missing], now: datetime) -> list[Utterance | AudioGap]:
        out: list[Utterance | AudioGap] = []
        for item in items:
            if isinstance(item, Missing):
                self._missing += item.count
                self.counters.lost += item.count
            else:
                out += self._sound(item, now)
        return out

    def _sound(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        try:
            samples = packet_samples(packet.payload)
        except BadPacket:
            self.counters.bad += 1
            self._missing += 1
            return []
        waited = timedelta(seconds=max(0.0, self._now_s - packet.arrived_s))
        out = self._bridge(packet, samples, now - waited)
        try:
            pcm = self._decoder.decode(packet.payload)
        except BadPacket:
            self.counters.bad += 1
            pcm = bytes(2 * samples)
        self._next_timestamp = (packet.timestamp + samples * _CLOCK_RATIO) % (1 << 32)
        self._ssrc = packet.ssrc
        self._sound_s = packet.arrived_s
        self._sound_at = now - waited
        self._filled = 0
        self._missing = 0
        return out + self._hear(pcm)

    def _bridge(
        self, packet: Packet, samples: int, arrived: datetime
    ) -> list[Utterance | AudioGap]:
        """Bring the timeline to where this packet belongs: repair what was lost, fill silence."""
        hole = self._hole(packet)
        lost = min(hole or 0, self._missing * samples)
        out: list[Utterance | AudioGap] = []
        if hole:
            guess, copy = self._repair(packet, samples, lost)
            longest = min(hole, int(_LONGEST_FILL_S * SAMPLE_RATE))
            silence = longest - self._filled - len(guess + copy) // 2
            out += self._hear(guess + bytes(2 * max(0, silence)) + copy)
        begins = self._timeline.place(self._segmenter.position, samples, arrived, after=hole)
        if hole and lost >= _REPORT_LOSS_S * SAMPLE_RATE:
            from_at = begins - timedelta(seconds=hole / SAMPLE_RATE)
            out.append(
                AudioGap(self.room_id, self.speaker_id, from_at, begins, "packets lost on the way")
            )
        return out

    def _hole(self, packet: Packet) -> int | None:
        """Samples of media time since the packet before; None where there is no telling."""
        if self._next_timestamp is None or packet.ssrc != self._ssrc:
            return None
        ahead = (packet.timestamp - self._next_timestamp) % (1 << 32)
        if ahead >= 1 << 31:  # media time went back: a restarted sender; take it from here
            return None
        return ahead // _CLOCK_RATIO

    def _repair(self, packet: Packet, samples: int, lost: int) -> tuple[bytes, bytes]:
        """A guess that goes on from the sound before, and the copy (FEC) of the packet lost last
        that this one carries. Between the two there may have been silence."""
        if lost < _REPAIR_STEP:
            return b"", b""
        copied = min(lost, samples) // _REPAIR_STEP * _REPAIR_STEP
        guessed = min(lost - copied, int(_REPAIR_S * SAMPLE_RATE)) // _REPAIR_STEP * _REPAIR_STEP
        try:
            late = self._filled > 0  # silence has gone before: it is too late for a guess
            guess = self._decoder.conceal(guessed) if guessed and not late else b""
            return guess, self._decoder.recover(packet.payload, copied)
        except BadPacket:
            self.counters.bad += 1
            return b"", b""

    def _hear(self, pcm: bytes) -> list[Utterance | AudioGap]:
        self.level_dbfs = dbfs(pcm)
        out: list[Utterance | AudioGap] = []
        for segment in self._segmenter.push(pcm):
            out += self._give(segment)
        if self._interrupted_at is not None and self._opened_quietly():
            out.insert(0, self._tell_gap(self._timeline.wall(self._segmenter.position)))
        return out

    def _opened_quietly(self) -> bool:
        opening = int(_OPENING_S * SAMPLE_RATE)
        return self._segmenter.position >= opening and not self._segmenter.speaking

    def _starts(self, segment: Segment) -> datetime:
        """When it was spoken: once said, that does not change, since the id is made of it."""
        if self._begun is not None and self._begun.place == (segment.onset, segment.part):
            return self._begun.started_at
        # Told from where the words begin: what lies before may be silence that was filled in.
        before = timedelta(seconds=(segment.onset - segment.start) / SAMPLE_RATE)
        started_at = self._timeline.wall(segment.onset) - before
        return max(started_at, self._last_start + timedelta(milliseconds=1))  # come what may

    def _utterance(self, segment: Segment, started_at: datetime, revision: int) -> Utterance:
        return Utterance(
            id=utterance_id(self.room_id, self.speaker_id, started_at, segment.part),
            room_id=self.room_id,
            speaker_id=self.speaker_id,
            started_at=started_at,
            pcm=segment.pcm,
            ended_by=segment.ended_by,
            part=segment.part,
            overlap_ms=segment.overlap_ms,
            revision=revision,
        )

    def _give(self, segment: Segment) -> list[Utterance | AudioGap]:
        self._last_start = self._starts(segment)
        self._begun = None
        utterance = self._utterance(segment, self._last_start, revision=0)
        if self._interrupted_at is None:
            return [utterance]
        # Whoever was in the middle of a sentence when hearing came back: its beginning is lost,
        # so that the gap ends with it, though what was heard of it is matched all the same.
        return [self._tell_gap(utterance.ended_at), utterance]

    def _tell_gap(self, to_at: datetime) -> AudioGap:
        assert self._interrupted_at is not None
        from_at, self._interrupted_at = self._interrupted_at, None
        return AudioGap(self.room_id, self.speaker_id, from_at, max(from_at, to_at), INTERRUPTED)
