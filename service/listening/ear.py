"""One speaker's way from packets to utterances: order, sound, timeline, segments.

Two clocks meet here. Packets carry media time, which says how much silence lies between them;
arrival gives wall time. When nothing arrives (DTX, mute, an outage), silence is filled in at the
pace of the wall clock, so that the last words end and are transcribed without waiting for more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from asr.likelihood import Likelihood
from asr.speech import SAMPLE_RATE, Utterance
from service.listening.counters import EarCounters
from service.listening.gate import Gate, Passed
from service.listening.heard import AudioGap
from service.listening.levels import FLOOR_DBFS, dbfs
from service.listening.looks import Looks
from service.listening.mending import Mending
from service.listening.naming import Naming
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
_HOLD_IN_WORD_S = 0.54
"""The same where sound stops in the middle of a word. An encoder sends 200 ms of silence before it
sends nothing, so the rest of the word is probably late: a busy machine, bad Wi-Fi. Silence filled
in would tear the word. After this time it is filled in at once, and with `_LAG_S` it is as long as
the closing silence: an utterance whose end never comes is given out no later."""
_PAUSE_MS = 100
"""After an unvoiced stretch of this length, a word may have ended."""
_LAG_S = 0.04
"""How far behind the wall clock the filled silence stays."""
_LONGEST_FILL_S = 2.0
"""A larger hole in media time is a new beginning, not silence to be played through."""
_REPORT_LOSS_S = 0.5
"""Lost sound of this length in one piece is a gap event."""
_CUT_OFF = timedelta(seconds=1)
"""A lost connection that was silent for longer leaves a gap."""
_NOTICED = timedelta(seconds=10)
"""A lost way to a speaker is noticed within this time: whoever sends nothing and does not answer is
not waited for longer (`service/rooms/peer/pulse.py`)."""
_QUIET_RETURN = timedelta(seconds=5)
"""After an interruption, a speaker who is back without a sound for so long is silent."""
_OPENING_S = 0.7
"""After an interruption, speech this soon may have been going on before (a sentence bears pauses of
half a second), and what is no speech may have been the end of a word: it belongs to the gap."""
_UNFORESEEN = random.SystemRandom()


class Ear:
    """Hears one speaker.

    Args:
        now: When hearing begins (wall time).
        interrupted_at: What was said from here to the first words heard now went unheard.
        looks: When to look at speech that goes on; None: never.
        second: Hears what `vad` takes for speech; None: it is believed.
        chance: When a track that is declared silent is listened to all the same.
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
        second: Likelihood | None = None,
        chance: random.Random = _UNFORESEEN,
    ) -> None:
        self.room_id = room_id
        self.speaker_id = speaker_id
        self._packets = self._lost = self._bad = self._silent = 0
        self.level_dbfs = FLOOR_DBFS
        self._mending = Mending(decoder())
        self._reorder = Reorder()
        self._gate = Gate(chance)
        self._segmenter = Segmenter(vad, settings, second)
        self._looks = looks
        self._timeline = Timeline(now)
        self._naming = Naming(room_id, speaker_id, self._timeline, now)
        self._next_timestamp: int | None = None
        self._ssrc = 0  # whose clock that is
        self._filled = 0  # samples of silence since the last sound that was heard
        self._broken_off = False  # that sound stopped in the middle of a word
        self._steady_since = 0  # position after the last filled silence that was none
        self._talked_until = 0  # position of the last speech while `interrupted`
        self._sound_s: float | None = None  # when the last sound came, heard or held back
        self._sound_at: datetime | None = None  # the same by the wall clock
        self._joined_at = now
        self._now_s = -math.inf
        self._missing = 0
        self._interrupted_at = interrupted_at

    @property
    def counters(self) -> EarCounters:
        return EarCounters(
            packets=self._packets,
            lost=self._lost,
            bad=self._bad + self._mending.bad,
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
        """Where the gap begins that is still to be told before what is heard now; None: there is
        none."""
        return self._interrupted_at

    @property
    def interrupted(self) -> bool:
        return self._interrupted_at is not None

    @property
    def held_bytes(self) -> int:
        """Packets and sound in memory."""
        return self._reorder.held_bytes + self._segmenter.held_bytes

    def heard_until(self) -> datetime:
        """Everything before this has been given out as utterances, or was no speech."""
        return self._timeline.wall(min(self._segmenter.complete_until, self._sure_until))

    def unheard_since(self, now: datetime) -> datetime:
        """From when on the speaker may have talked unheard, if the way to them is lost `now`.

        Whoever sends nothing while they are silent has not sent for long: a loss is noticed within
        `_NOTICED` at most.
        """
        return max(self._sound_at or self._joined_at, now - _NOTICED)

    def push(self, packet: Packet, now: datetime) -> list[Utterance | AudioGap]:
        """Take a packet that arrived `now`; what it completes."""
        self._packets += 1
        self._now_s = packet.arrived_s
        return self._play(self._reorder.push(packet), now)

    def tick(self, now_s: float, now: datetime) -> list[Utterance | AudioGap]:
        """Let time pass (monotonic seconds and wall time of one moment); what it completes."""
        self._now_s = now_s
        out = self._play(self._reorder.expire(now_s), now)
        if self._sound_s is None:
            if self._interrupted_at is not None and now - self._joined_at >= _QUIET_RETURN:
                out.append(self._tell_gap(now))
            return out
        if (silent_s := now_s - self._sound_s) < _HOLD_S:
            return out
        if (in_word := self._in_word()) and silent_s < _HOLD_IN_WORD_S:
            return out
        out += self._pass(self._gate.flush(), now)
        due = int((silent_s - _LAG_S) * SAMPLE_RATE) - self._filled
        if due >= SAMPLE_RATE * FRAME_MS // 1000:
            self._broken_off |= in_word
            self._filled += due
            out += self._pass_over(due)
        return out

    def interim_utterance(self) -> Utterance | None:
        """A look at speech that goes on, where one is due: the words so far, under the id that the
        whole will have."""
        position = self._segmenter.position
        if self._looks is None or not self._looks.due(
            self._segmenter.since, position, self._segmenter.pausing_ms
        ):
            return None
        segment = self._segmenter.glimpse()
        return None if segment is None else self._naming.look(segment)

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
        out += self._pass(self._gate.flush(), now)
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
            out += self._pass(self._sorted(item), now)
        return out

    def _sorted(self, item: Packet | Missing) -> list[Passed | Missing]:
        """What the gate lets through, and how."""
        if isinstance(item, Missing):
            self._lost += item.count
            return self._gate.miss(item)
        try:
            samples = packet_samples(item.payload)
        except BadPacket:
            self._bad += 1
            return self._gate.miss(Missing(1))
        self._sound_s = item.arrived_s
        return self._gate.push(item, samples)

    def _pass(self, items: list[Passed | Missing], now: datetime) -> list[Utterance | AudioGap]:
        out: list[Utterance | AudioGap] = []
        for item in items:
            if isinstance(item, Missing):
                self._missing += item.count
            else:
                out += self._sound(item, now)
        return out

    def _sound(self, passed: Passed, now: datetime) -> list[Utterance | AudioGap]:
        packet, samples = passed.packet, passed.samples
        waited_s = self._now_s - packet.arrived_s
        arrived = now - timedelta(seconds=waited_s) if waited_s > 0 else now
        self._broken_off = False
        if not passed.decode:
            self._mending.pass_over()
        out = self._bridge(passed, arrived)
        self._next_timestamp = (packet.timestamp + samples * _CLOCK_RATIO) % (1 << 32)
        self._ssrc = packet.ssrc
        self._sound_at = arrived
        self._filled = 0
        self._missing = 0
        if passed.decode:
            out += self._hear(self._mending.decode(packet.payload, samples))
            self._gate.hear(passed, self.level_dbfs)
        else:
            self._silent += 1
            out += self._pass_over(samples)
            self.level_dbfs = max(FLOOR_DBFS, -float(packet.level or 0))
        return out

    def _bridge(self, passed: Passed, arrived: datetime) -> list[Utterance | AudioGap]:
        """Bring the timeline to where this packet belongs: repair what was lost, fill silence."""
        samples = passed.samples
        hole = self._hole(passed.packet)
        lost = min(hole or 0, self._missing * samples)
        out: list[Utterance | AudioGap] = []
        if self._filled - (hole or 0) > _HOLD_S * SAMPLE_RATE:  # it came late: that was no silence
            self._steady_since = self._segmenter.position
        if hole:
            guess, copy = self._mending.repair(
                passed.packet.payload, samples, lost, late=self._filled > 0
            )
            longest = min(hole, int(_LONGEST_FILL_S * SAMPLE_RATE))
            silence = longest - self._filled - len(guess + copy) // 2
            out += self._hear(guess) if guess else []
            out += self._pass_over(max(0, silence))
            out += self._hear(copy) if copy else []
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

    def _hear(self, pcm: bytes) -> list[Utterance | AudioGap]:
        self.level_dbfs = dbfs(pcm)
        return self._follow(self._segmenter.push(pcm))

    def _pass_over(self, samples: int) -> list[Utterance | AudioGap]:
        """So much silence."""
        self.level_dbfs = FLOOR_DBFS
        return self._follow(self._segmenter.pass_over(samples))

    def _follow(self, segments: list[Segment]) -> list[Utterance | AudioGap]:
        out: list[Utterance | AudioGap] = []
        for segment in segments:
            out += self._give(segment)
        if self._interrupted_at is not None and (quiet := self._quiet_from()) is not None:
            out.insert(0, self._tell_gap(self._timeline.wall(quiet)))
        return out

    @property
    def _sure_until(self) -> int:
        """Silence that was only filled in counts once it is too old for sound to come late."""
        unsure = min(self._filled, int(LATEST_S * SAMPLE_RATE))
        return self._segmenter.position - unsure

    def _in_word(self) -> bool:
        """What was heard last is speech, without a pause after it."""
        return self._segmenter.since is not None and self._segmenter.pausing_ms < _PAUSE_MS

    def _quiet_from(self) -> int | None:
        """Return the position from which speech cannot go on from before the interruption."""
        if not self._segmenter.doubtful:
            self._talked_until = self._segmenter.position
            return None
        opened = self._steady_since + int(_OPENING_S * SAMPLE_RATE)
        return max(opened, self._talked_until) if self._sure_until >= opened else None

    def _give(self, segment: Segment) -> list[Utterance | AudioGap]:
        utterance = self._naming.give(segment)
        if self._interrupted_at is None or self._broken_off:  # then the sentence may go on
            return [utterance]
        # Whoever was in the middle of a sentence when hearing came back: its beginning is lost,
        # so that the gap ends with it, though what was heard of it is matched all the same.
        return [self._tell_gap(utterance.ended_at), utterance]

    def _tell_gap(self, to_at: datetime) -> AudioGap:
        assert self._interrupted_at is not None
        from_at, self._interrupted_at = self._interrupted_at, None
        return AudioGap(self.room_id, self.speaker_id, from_at, max(from_at, to_at), INTERRUPTED)
