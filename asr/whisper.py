"""Transcriber over a Whisper model: a batch of utterances to their transcripts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import structlog

from asr import quality, sound_check
from asr.decoding import DecodedWindow, Decoder
from asr.language import SpeakerLanguages
from asr.parallelism import batch_size, lanes
from asr.settings import AsrSettings
from asr.shared_windows import Joined, Segment, assign_segments, group_utterances
from asr.silero import load_silero
from asr.speech import SAMPLE_RATE, EndedBy, Transcript, Utterance
from asr.stitch import UNSPACED
from asr.transcriber import Effort, TranscriptionFailed
from asr.windows import FULL, Windows, find_canary_failure, read_declaration

log = structlog.get_logger()

_T = TypeVar("_T")
_R = TypeVar("_R")


class WhisperTranscriber:
    """Transcriber with one model. It decodes batches of windows of one length.

    Languages may differ within a batch. As many threads as there are `lanes` may call it at once; a
    call with more windows than one batch spreads them over the lanes.
    """

    def __init__(self, decoder: Decoder, name: str, settings: AsrSettings) -> None:
        self._decoder = decoder
        self._lanes = lanes(settings)
        self._batch_size = batch_size(settings)
        self._beam_size = settings.beam_size
        self._readings = settings.hypotheses + 1
        self._languages = SpeakerLanguages()
        self._detector = load_silero()
        self.windows = Windows()
        self.model = name

    def describe(self) -> str:
        return self._decoder.describe()

    def window_frames(self, duration_ms: int) -> int:
        """Return the length of the window for this much sound, in frames of 10 ms."""
        return self.windows.shortest_holding(duration_ms)

    def transcribe(
        self,
        batch: Sequence[Utterance],
        *,
        effort: Effort = Effort.FULL,
        coalesce: bool = False,
    ) -> list[Transcript]:
        """Return one transcript for each utterance, in order.

        Parts of a cut monologue and interim utterances get word times. A batch with windows of
        several lengths is decoded length by length.

        Args:
            effort: `FAST` decodes greedily, without further readings and without a second
                detection of the language.
            coalesce: Let up to three utterances of a speaker share a window where that makes it no
                longer (`asr.shared_windows`), at some cost in words; see docs/decisions/0010.

        Raises:
            TranscriptionFailed: CTranslate2 refuses the batch.
        """
        try:
            return self._transcribe(batch, effort, coalesce=coalesce)
        except (RuntimeError, ValueError) as error:
            raise TranscriptionFailed(f"the model refused {len(batch)} utterances") from error

    def _transcribe(
        self, batch: Sequence[Utterance], effort: Effort, *, coalesce: bool
    ) -> list[Transcript]:
        found: dict[int, Transcript] = {}
        if coalesce:
            shared = [
                group for group in group_utterances(batch, self.window_frames) if len(group) > 1
            ]
            members = [[batch[at] for at in group] for group in shared]
            decoded = self._spread(partial(self._transcribe_shared, effort=effort), members)
            for group, parts in zip(shared, decoded, strict=True):
                found |= zip(group, parts, strict=False)
        alike: defaultdict[int, list[int]] = defaultdict(list)
        for place, utterance in enumerate(batch):
            if place not in found:
                alike[self.window_frames(utterance.duration_ms)].append(place)
        for frames, places in sorted(alike.items()):
            transcribe = partial(self._transcribe_single, frames=frames, effort=effort)
            singles = self._spread(transcribe, [batch[at] for at in places])
            found |= zip(places, singles, strict=True)
        return [found[place] for place in range(len(batch))]

    def _spread(
        self, transcribe: Callable[[Sequence[_T]], list[_R]], windows: Sequence[_T]
    ) -> list[_R]:
        """Transcribe windows on as many lanes as they need; return the results in order."""
        each = max(self._batch_size, math.ceil(len(windows) / self._lanes))
        each = min(each, len(windows))
        if each == len(windows):
            return transcribe(windows) if windows else []
        shares = [windows[at : at + each] for at in range(0, len(windows), each)]
        # New threads take a thousandth of a batch's time, and need no later shutdown.
        with ThreadPoolExecutor(len(shares), thread_name_prefix="asr-lane") as threads:
            return list(chain.from_iterable(threads.map(transcribe, shares)))

    def _transcribe_single(
        self, batch: Sequence[Utterance], frames: int, effort: Effort
    ) -> list[Transcript]:
        """Transcribe each utterance in a window of its own, all of one length."""
        windows = np.stack([self._decoder.compute_features(one.pcm, frames) for one in batch])
        encoded = self._decoder.encode(windows)
        decoded = self._decode(encoded, batch, effort)
        if effort is Effort.FULL:
            self._retry_languages(windows, batch, decoded)
        transcripts = []
        for place, (utterance, one) in enumerate(zip(batch, decoded, strict=True)):
            transcript = self._transcript(utterance, one)
            cut = utterance.part > 0 or utterance.ended_by is EndedBy.LENGTH
            if transcript.text and (cut or utterance.provisional):
                # A batch's encodings cannot be split: the rare part of a cut is encoded twice.
                alone = encoded if len(batch) == 1 else self._decoder.encode(windows[place])
                words = self._decoder.time_words(alone, one, utterance.duration_ms)
                transcript = replace(transcript, words=words)
            transcripts.append(transcript)
        return transcripts

    def _transcribe_shared(
        self, shared: Sequence[Sequence[Utterance]], effort: Effort
    ) -> list[list[Transcript]]:
        """Transcribe each group in one window; no transcripts where its words stay in doubt."""
        by_window: defaultdict[int, list[int]] = defaultdict(list)
        joined = [Joined(group) for group in shared]
        for place, each in enumerate(joined):
            by_window[self.window_frames(each.duration_ms)].append(place)
        found: list[list[Transcript]] = [[] for _ in shared]
        for frames, places in sorted(by_window.items()):
            windows = np.stack(
                [self._decoder.compute_features(joined[at].pcm, frames) for at in places]
            )
            first = [shared[at][0] for at in places]
            encoded = self._decoder.encode(windows)
            decoded = self._decoder.time_segment_words(
                encoded,
                self._decode(encoded, first, effort, timed=True),
                [joined[at].duration_ms for at in places],
            )
            for at, window in zip(places, decoded, strict=True):
                shares = assign_segments(joined[at], window.segments)
                if shares is not None:
                    found[at] = [
                        self._transcript_of_share(one, window, share)
                        for one, share in zip(shared[at], shares, strict=True)
                    ]
        return found

    def _transcript_of_share(
        self, one: Utterance, window: DecodedWindow, segments: Sequence[Segment]
    ) -> Transcript:
        """Return the transcript of one utterance in a shared window, from its segments."""
        transcript = self._transcript(one, _share_of(window, segments))
        words = [word for segment in segments for word in segment.words]
        return replace(transcript, words=words if transcript.text else ())

    def _decode(
        self, encoded: Any, batch: Sequence[Utterance], effort: Effort, *, timed: bool = False
    ) -> list[DecodedWindow]:
        return self._decoder.decode_windows(
            encoded,
            self._choose_languages(encoded, batch),
            beam_size=1 if effort is Effort.FAST else self._beam_size,
            readings=1 if effort is Effort.FAST else self._readings,
            timed=timed,
        )

    def _choose_languages(self, encoded: Any, batch: Sequence[Utterance]) -> list[str]:
        """Return each utterance's language: the speaker's known one, else the likeliest allowed."""
        if not self._decoder.multilingual:
            return ["en"] * len(batch)
        allowed = [self._allowed(utterance) for utterance in batch]
        known = [
            self._languages.known_language(utterance, codes)
            for utterance, codes in zip(batch, allowed, strict=True)
        ]
        if all(known):
            return [code for code in known if code]
        return [
            code or self._languages.record_detection(utterance, codes, ranked)
            for utterance, code, codes, ranked in zip(
                batch, known, allowed, self._decoder.detect_languages(encoded), strict=True
            )
        ]

    def _retry_languages(
        self, windows: Any, batch: Sequence[Utterance], decoded: list[DecodedWindow]
    ) -> None:
        """Detect again the language of speakers whose words went wrong: it may have changed.

        Better readings replace those in `decoded`.
        """
        if not self._decoder.multilingual:
            return
        for place, utterance in enumerate(batch):
            if not self._languages.forget_if_wrong(utterance, decoded[place].avg_logprob):
                continue
            encoded = self._decoder.encode(windows[place])
            (ranked,) = self._decoder.detect_languages(encoded)
            language = self._languages.record_detection(utterance, self._allowed(utterance), ranked)
            if language == decoded[place].language:
                continue
            (again,) = self._decoder.decode_windows(
                encoded, [language], beam_size=self._beam_size, readings=self._readings
            )
            if again.avg_logprob > decoded[place].avg_logprob:
                decoded[place] = again

    def _allowed(self, utterance: Utterance) -> list[str]:
        return [code for code in utterance.languages if code in self._decoder.languages]

    def _transcript(self, utterance: Utterance, decoded: DecodedWindow) -> Transcript:
        signs = quality.Signs(
            text=decoded.text,
            language=decoded.language,
            duration_ms=utterance.duration_ms,
            tokens=len(decoded.tokens),
            no_speech=decoded.no_speech,
            avg_logprob=decoded.avg_logprob,
            active=quality.active_share(utterance.pcm),
            swing_db=quality.level_swing_db(utterance.pcm),
        )
        marks = quality.find_marks(signs)
        if quality.is_doubtful(marks):
            detector = self._detector.listen()
            marks = sound_check.judge_by_sound(
                marks, decoded.text, decoded.language, utterance.pcm, detector
            )
        empty = quality.NOT_SPOKEN in marks and quality.nobody_spoke(signs)
        return Transcript(
            utterance_id=utterance.id,
            room_id=utterance.room_id,
            speaker_id=utterance.speaker_id,
            started_at=utterance.started_at,
            ended_at=utterance.ended_at,
            language=decoded.language,
            text="" if empty else decoded.text,
            hypotheses=() if empty else tuple(decoded.others),
            marks=() if empty else marks,
            model=self.model,
            provisional=utterance.provisional,
            revision=utterance.revision,
        )

    def warm_up(self) -> None:
        """Decode a second of silence, so that kernels are compiled before the first utterance."""
        self._decode_text(bytes(2 * SAMPLE_RATE), FULL)

    def admit_short_windows(self, directory: Path) -> None:
        """Use the windows that the model declares, if it understands its canary in each of them.

        Raises:
            ModelUnavailable: The declaration is invalid.
        """
        context = read_declaration(directory)
        if context is None:
            return
        why = find_canary_failure(context, self._decode_text)
        if why is None:
            self.windows = context.windows
        else:
            log.warning("asr.short_windows_refused", model=self.model, reason=why)

    def _decode_text(self, pcm: bytes, frames: int) -> str:
        encoded = self._decoder.encode(self._decoder.compute_features(pcm, frames))
        (decoded,) = self._decoder.decode_windows(encoded, ["en"], beam_size=self._beam_size)
        return decoded.text


def _share_of(window: DecodedWindow, segments: Sequence[Segment]) -> DecodedWindow:
    """Return the part of a shared window that belongs to one utterance."""
    space = "" if window.language in UNSPACED else " "
    return DecodedWindow(
        language=window.language,
        tokens=[token for segment in segments for token in segment.tokens],
        text=space.join(segment.text for segment in segments),
        others=(),
        segments=segments,
        no_speech=window.no_speech,
        avg_logprob=window.avg_logprob,
    )
