"""Pipeline of one track: packets to utterances and gaps.

Two clocks meet here. Packets carry media time, which gives the silence between them; their arrival
gives wall time. When nothing arrives (DTX, mute, an outage), the ear fills in silence at the pace
of the wall clock, so that the last words end and are transcribed without a further packet.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from asr.likelihood import Likelihood
from asr.speech import SAMPLE_RATE, Utterance
from service.listening.concealing_decoder import ConcealingDecoder
from service.listening.counters import EarCounters
from service.listening.events import AudioGap
from service.listening.gate import Gate, GatedPacket
from service.listening.interim_schedule import InterimSchedule
from service.listening.levels import FLOOR_DBFS, dbfs
from service.listening.media_time import MediaTime
from service.listening.opus import BadPacket, OpusDecoder, packet_samples
from service.listening.packet import Packet
from service.listening.reorder import Missing, Reorder
from service.listening.segmenter import DEFAULTS, Segment, Segmenter, SegmenterSettings
from service.listening.silence_fill import HOLD_S, is_filled, silence_due
from service.listening.timeline import LATEST_S, Timeline
from service.listening.track_gaps import TrackGaps
from service.listening.utterance_builder import UtteranceBuilder
from service.listening.vad import Vad

_PAUSE_MS = 100
"""Unvoiced sound after which a word may have ended."""
_LONGEST_FILL_S = 2.0
"""Largest hole in media time that is filled; a larger one begins a new timeline."""
_NOTICED = timedelta(seconds=10)
"""Longest time until a lost connection is noticed (`service/rooms/peer/pulse.py`)."""
_QUIET_RETURN = timedelta(seconds=5)
"""Time without sound after which a speaker who is back counts as silent."""
_OPENING_S = 0.7
"""Time after an interruption whose sound belongs to the gap. Speech in it may have begun before (a
sentence has pauses of half a second), and other sound may be the end of a word."""
_UNPREDICTABLE = random.SystemRandom()


class Ear:
    """Hears one speaker.

    Args:
        now: Wall time at which hearing begins.
        interrupted_at: Start of a gap that ends with the first words heard; None: there is none.
        interims: Schedule of interim transcripts; None: there are none.
        second: Detector that confirms the speech found by `vad`; None: no confirmation.
        chance: Source of the times at which packets declared silent are decoded.
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
        interims: InterimSchedule | None = None,
        second: Likelihood | None = None,
        chance: random.Random = _UNPREDICTABLE,
    ) -> None:
        self.room_id = room_id
        self.speaker_id = speaker_id
        self._packets = self._lost = self._bad = self._silent = 0
        self.level_dbfs = FLOOR_DBFS
        self._decoder = ConcealingDecoder(decoder())
        self._reorder = Reorder()
        self._gate = Gate(chance)
        self._segmenter = Segmenter(vad, settings, second)
        self._interims = interims
        self._timeline = Timeline(now)
        self._builder = UtteranceBuilder(room_id, speaker_id, self._timeline, now)
        self._media_time = MediaTime()
        self._filled = 0  # samples of silence filled in since the last sound
        self._broken_off = False  # the last sound stopped in the middle of a word
        self._steady_since = 0  # position after the last silence that late sound proved wrong
        self._talked_until = 0  # position of the last speech while `interrupted`
        self._sound_s: float | None = None  # arrival of the last sound, heard or held back
        self._sound_at: datetime | None = None  # the same in wall time
        self._joined_at = now
        self._now_s = -math.inf
        self._missing = 0
        self._gaps = TrackGaps(room_id, speaker_id, interrupted_at)

    @property
    def counters(self) -> EarCounters:
        return EarCounters(
            packets=self._packets,
            lost=self._lost,
            bad=self._bad + self._decoder.bad,
            late=self._reorder.late,
            duplicate=self._reorder.duplicate,
            silent=self._silent,
            lies=int(self._gate.lies),
            noise=self._segmenter.noise,
            clicks=self._segmenter.clicks,
        )

    @property
    def speaking(self) -> bool:
        return self._segmenter.speaking

    @property
    def interrupted_at(self) -> datetime | None:
        """Start of the open gap, which ends with the first words heard; None: there is none."""
        return self._gaps.interrupted_at

    @property
    def interrupted(self) -> bool:
        return self._gaps.interrupted_at is not None

    @property
    def heard_at(self) -> datetime:
        """Time of the last sound; of the begin of hearing before the first."""
        return self._sound_at or self._joined_at

    @property
    def awaits_sound(self) -> bool:
        """Whether a gap ends with the first sound, which has not come."""
        return self._gaps.awaited_since is not None

    def await_sound(self, since: datetime) -> None:
        """Report a gap from `since` to the first sound: the speaker came back unheard."""
        self._gaps.awaited_since = since

    def note_outage(self, from_at: datetime, to_at: datetime) -> None:
        """Note that this process stood still between these times."""
        self._gaps.note_outage(from_at, to_at)

    def shift_clock(self, step: timedelta) -> None:
        """Follow a step forward of the wall clock."""
        self._timeline.shift(step)

    @property
    def held_bytes(self) -> int:
        """Bytes of packets and sound in memory."""
        return self._reorder.held_bytes + self._segmenter.held_bytes

    def heard_until(self) -> datetime:
        """Return the time before which all speech has been given out as utterances."""
        return self._timeline.wall_time(min(self._segmenter.complete_until, self._certain_until))

    def unheard_since(self, now: datetime) -> datetime:
        """Return the time since which the speaker may have talked unheard, if the room is lost now.

        A silent client may have sent nothing for long (DTX). But a loss is noticed within
        `_NOTICED`, so the gap begins no earlier.
        """
        return max(self._sound_at or self._joined_at, now - _NOTICED)

    def push(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        """Hear a packet that arrived `now`; return the utterances and gaps that it completes."""
        self._packets += 1
        self._now_s = packet.arrived_s
        return self._play(self._reorder.push(packet), now)

    def tick(self, now_s: float, now: datetime) -> list[Utterance | AudioGap]:
        """Let time pass; return the utterances and gaps that it completes.

        Args:
            now_s: Time now, in monotonic seconds.
            now: The same moment in wall time.
        """
        self._now_s = now_s
        out = self._play(self._reorder.expire(now_s), now)
        if self._sound_s is None:
            if self.interrupted and now - self._joined_at >= _QUIET_RETURN:
                out.append(self._gaps.end_interruption(now))
            return out
        silent_s, in_word = now_s - self._sound_s, self._in_word()
        if not is_filled(silent_s, in_word=in_word):
            return out
        out += self._hear_all(self._gate.flush(), now)
        if (due := silence_due(silent_s, self._filled)) > 0:
            self._broken_off |= in_word
            self._filled += due
            out += self._hear_silence(due)
        return out

    def interim_utterance(self) -> Utterance | None:
        """Return the utterance so far if an interim transcript is due; its id will not change."""
        position = self._segmenter.position
        if self._interims is None or not self._interims.is_due(
            self._segmenter.open_since, position, self._segmenter.pause_ms
        ):
            return None
        segment = self._segmenter.copy_open_segment()
        return None if segment is None else self._builder.build_interim(segment)

    def confirm_interim(self) -> None:
        """Make an interim transcript due soon that confirms the last one."""
        if self._interims is not None:
            self._interims.confirm_soon(self._segmenter.position)

    def close(self, now: datetime, *, cut_off: bool = False) -> list[Utterance | AudioGap]:
        """End hearing; return the utterances and gaps that were open.

        Args:
            cut_off: Whether the connection was lost: the speaker may have talked unheard since the
                last sound.
        """
        out = self._play(self._reorder.expire(math.inf), now)
        out += self._hear_all(self._gate.flush(), now)
        for segment in self._segmenter.flush():
            out += self._give_out(segment)
        if self.interrupted:
            out.insert(0, self._gaps.end_interruption(now))
        elif (waited := self._gaps.end_wait(now)) is not None:
            out.append(waited)
        elif cut_off and (lost := self._gaps.cut_off(self._sound_at, now)) is not None:
            out.append(lost)
        return out

    def _play(self, items: list[Packet | Missing], now: datetime) -> list[Utterance | AudioGap]:
        out: list[Utterance | AudioGap] = []
        for item in items:
            out += self._hear_all(self._push_to_gate(item), now)
        return out

    def _push_to_gate(self, item: Packet | Missing) -> list[GatedPacket | Missing]:
        if isinstance(item, Missing):
            self._lost += item.count
            return self._gate.push_missing(item)
        try:
            samples = packet_samples(item.payload)
        except BadPacket:
            self._bad += 1
            return self._gate.push_missing(Missing(1))
        self._sound_s = item.arrived_s
        return self._gate.push(item, samples)

    def _hear_all(
        self, items: list[GatedPacket | Missing], now: datetime
    ) -> list[Utterance | AudioGap]:
        out: list[Utterance | AudioGap] = []
        for item in items:
            if isinstance(item, Missing):
                self._missing += item.count
            else:
                out += self._hear_packet(item, now)
        return out

    def _hear_packet(self, passed: GatedPacket, now: datetime) -> list[Utterance | AudioGap]:
        packet, samples = passed.packet, passed.samples
        waited_s = self._now_s - packet.arrived_s
        arrived = now - timedelta(seconds=waited_s) if waited_s > 0 else now
        self._broken_off = False
        if not passed.decode:
            self._decoder.skip_packet()
        out = self._fill_hole(passed, arrived)
        self._media_time.advance(packet, samples)
        self._sound_at = arrived
        self._filled = 0
        self._missing = 0
        if passed.decode:
            out += self._hear_sound(self._decoder.decode(packet.payload, samples))
            self._gate.check_level(passed, self.level_dbfs)
        else:
            self._silent += 1
            out += self._hear_silence(samples)
            self.level_dbfs = max(FLOOR_DBFS, -float(packet.level or 0))
        return out

    def _fill_hole(self, passed: GatedPacket, arrived: datetime) -> list[Utterance | AudioGap]:
        """Bring the timeline to this packet: conceal what was lost, fill in silence."""
        samples = passed.samples
        hole = self._media_time.hole_before(passed.packet)
        lost = min(hole or 0, self._missing * samples)
        out: list[Utterance | AudioGap] = []
        copied = 0
        if self._filled - (hole or 0) > HOLD_S * SAMPLE_RATE:  # it is late: there was no silence
            self._steady_since = self._segmenter.position
        if hole:
            guess, copy = self._decoder.conceal(
                passed.packet.payload, samples, lost, late=self._filled > 0
            )
            longest = min(hole, int(_LONGEST_FILL_S * SAMPLE_RATE))
            silence = longest - self._filled - len(guess + copy) // 2
            out += self._hear_sound(guess) if guess else []
            out += self._hear_silence(max(0, silence))
            out += self._hear_sound(copy) if copy else []
            copied = len(copy) // 2
        begins = self._timeline.place_packet(
            self._segmenter.position, samples, arrived, after=hole, lead=copied
        )
        ended = begins - timedelta(seconds=(hole or 0) / SAMPLE_RATE)
        for gap in (self._gaps.lose_packets(ended, begins, lost), self._gaps.end_wait(begins)):
            if gap is not None:
                out.append(gap)
        return out

    def _hear_sound(self, pcm: bytes) -> list[Utterance | AudioGap]:
        self.level_dbfs = dbfs(pcm)
        return self._give_out_all(self._segmenter.push(pcm))

    def _hear_silence(self, samples: int) -> list[Utterance | AudioGap]:
        self.level_dbfs = FLOOR_DBFS
        return self._give_out_all(self._segmenter.push_silence(samples))

    def _give_out_all(self, segments: list[Segment]) -> list[Utterance | AudioGap]:
        out: list[Utterance | AudioGap] = []
        for segment in segments:
            out += self._give_out(segment)
        if self.interrupted and (quiet := self._quiet_from()) is not None:
            out.insert(0, self._gaps.end_interruption(self._timeline.wall_time(quiet)))
        return out

    @property
    def _certain_until(self) -> int:
        """Position after which sound may still arrive late in place of filled-in silence."""
        uncertain = min(self._filled, int(LATEST_S * SAMPLE_RATE))
        return self._segmenter.position - uncertain

    def _in_word(self) -> bool:
        """Whether the last sound is speech without a pause after it."""
        return self._segmenter.open_since is not None and self._segmenter.pause_ms < _PAUSE_MS

    def _quiet_from(self) -> int | None:
        """Return the position after which no speech from before the interruption goes on.

        None: such speech may still go on.
        """
        if not self._segmenter.quiet:
            self._talked_until = self._segmenter.position
            return None
        opened = self._steady_since + int(_OPENING_S * SAMPLE_RATE)
        return max(opened, self._talked_until) if self._certain_until >= opened else None

    def _give_out(self, segment: Segment) -> list[Utterance | AudioGap]:
        utterance = self._builder.build_final(segment)
        if not self.interrupted or self._broken_off:  # broken off: the sentence may go on
            return [utterance]
        # The speaker was in the middle of a sentence when hearing came back. Its beginning is
        # lost, so the gap covers the whole sentence; the part that was heard is matched as well.
        return [self._gaps.end_interruption(utterance.ended_at), utterance]
