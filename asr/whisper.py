"""The door to faster-whisper and CTranslate2: a batch of utterances to their transcripts."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import ctranslate2
import numpy as np
import structlog
from faster_whisper import WhisperModel, available_models, download_model

from asr import evidence, quality
from asr.coalesce import Joined, Segment, assigned, groups
from asr.cuda import CudaUnavailable, Place, prepare_cuda, remedy
from asr.decoding import Decoder, Heard
from asr.language import Languages
from asr.models import MICRO, ModelUnavailable, check_directory, micro_directory
from asr.settings import AsrSettings
from asr.silero import silero
from asr.speech import SAMPLE_RATE, EndedBy, Transcript, Utterance
from asr.stitch import UNSPACED
from asr.transcriber import Effort, TranscriptionFailed
from asr.windows import FULL, Windows, canary_fails, declared

log = structlog.get_logger()

_T = TypeVar("_T")
_R = TypeVar("_R")

_CUDA_BATCH = 8
_MOST_LANES = 8
"""A container often sees all the cores of its machine, and may use a few."""


class WhisperTranscriber:
    """Owns one model. Decodes utterances in batches of windows of one length.

    An utterance is at most 30 s long. Languages may differ within a batch.
    May be called from as many threads at once as there are `lanes`; what one thread brings beyond
    a lane's batch is shared out to them.
    """

    def __init__(self, decoder: Decoder, name: str, settings: AsrSettings) -> None:
        self._decoder = decoder
        self._lanes = lanes(settings)
        self._batch_size = batch_size(settings)
        self._beam_size = settings.beam_size
        self._readings = settings.hypotheses + 1
        self._languages = Languages()
        self._detector = silero()
        self.windows = Windows()
        self.model = name

    def describe(self) -> str:
        return self._decoder.describe()

    def window_of(self, duration_ms: int) -> int:
        """Frames of the window for so much sound: what has the same is one batch."""
        return self.windows.holding(duration_ms)

    def transcribe(
        self,
        batch: Sequence[Utterance],
        *,
        effort: Effort = Effort.FULL,
        coalesce: bool = False,
    ) -> list[Transcript]:
        """One transcript for each utterance, in order; times for the parts of a cut monologue.

        A batch of several windows' lengths is decoded length by length.

        Args:
            effort: `FAST` is greedy, without further readings and without a second look at the
                language.
            coalesce: Up to three utterances of a speaker share a window, where that makes it no
                longer (`asr.coalesce`). The words come out a little worse; see
                docs/decisions/0010.

        Raises:
            TranscriptionFailed: CTranslate2 refused the batch.
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
            shared = [group for group in groups(batch, self.window_of) if len(group) > 1]
            spoken = [[batch[at] for at in group] for group in shared]
            heard = self._in_lanes(partial(self._together, effort=effort), spoken)
            for group, parts in zip(shared, heard, strict=True):
                found |= zip(group, parts, strict=False)
        alike: defaultdict[int, list[int]] = defaultdict(list)
        for place, utterance in enumerate(batch):
            if place not in found:
                alike[self.window_of(utterance.duration_ms)].append(place)
        for frames, places in sorted(alike.items()):
            apart = partial(self._apart, frames=frames, effort=effort)
            found |= zip(places, self._in_lanes(apart, [batch[at] for at in places]), strict=True)
        return [found[place] for place in range(len(batch))]

    def _in_lanes(
        self, hear: Callable[[Sequence[_T]], list[_R]], windows: Sequence[_T]
    ) -> list[_R]:
        each = max(self._batch_size, math.ceil(len(windows) / self._lanes))
        each = min(each, len(windows))
        if each == len(windows):
            return hear(windows) if windows else []
        shares = [windows[at : at + each] for at in range(0, len(windows), each)]
        # New threads for each batch, which takes a thousand times as long: nobody has to end them.
        with ThreadPoolExecutor(len(shares), thread_name_prefix="asr-lane") as threads:
            return list(chain.from_iterable(threads.map(hear, shares)))

    def _apart(self, batch: Sequence[Utterance], frames: int, effort: Effort) -> list[Transcript]:
        """Each utterance in a window of its own, all of one length."""
        windows = np.stack([self._decoder.features(one.pcm, frames) for one in batch])
        encoded = self._decoder.encode(windows)
        heard = self._decode(encoded, batch, effort)
        if effort is Effort.FULL:
            self._look_again(windows, batch, heard)
        transcripts = []
        for place, (utterance, reading) in enumerate(zip(batch, heard, strict=True)):
            transcript = self._transcript(utterance, reading)
            cut = utterance.part > 0 or utterance.ended_by is EndedBy.LENGTH
            if transcript.text and (cut or utterance.provisional):
                # A batch's encodings cannot be taken apart: the rare part of a cut pays twice.
                alone = encoded if len(batch) == 1 else self._decoder.encode(windows[place])
                words = self._decoder.words(alone, reading, utterance.duration_ms)
                transcript = replace(transcript, words=words)
            transcripts.append(transcript)
        return transcripts

    def _together(
        self, shared: Sequence[Sequence[Utterance]], effort: Effort
    ) -> list[list[Transcript]]:
        """Each group in one window; nothing of a group whose words cannot be told apart."""
        by_window: defaultdict[int, list[int]] = defaultdict(list)
        joined = [Joined(group) for group in shared]
        for place, each in enumerate(joined):
            by_window[self.window_of(each.duration_ms)].append(place)
        found: list[list[Transcript]] = [[] for _ in shared]
        for frames, places in sorted(by_window.items()):
            windows = np.stack([self._decoder.features(joined[at].pcm, frames) for at in places])
            first = [shared[at][0] for at in places]
            encoded = self._decoder.encode(windows)
            heard = self._decoder.with_words(
                encoded,
                self._decode(encoded, first, effort, timed=True),
                [joined[at].duration_ms for at in places],
            )
            for at, reading in zip(places, heard, strict=True):
                shares = assigned(joined[at], reading.segments)
                if shares is not None:
                    found[at] = [
                        self._shared(one, reading, share)
                        for one, share in zip(shared[at], shares, strict=True)
                    ]
        return found

    def _shared(self, one: Utterance, heard: Heard, segments: Sequence[Segment]) -> Transcript:
        """One utterance's part of what was heard in a shared window."""
        transcript = self._transcript(one, _share(heard, segments))
        words = [word for segment in segments for word in segment.words]
        return replace(transcript, words=words if transcript.text else ())

    def _decode(
        self, encoded: Any, batch: Sequence[Utterance], effort: Effort, *, timed: bool = False
    ) -> list[Heard]:
        return self._decoder.generate(
            encoded,
            self._spoken(encoded, batch),
            beam_size=1 if effort is Effort.FAST else self._beam_size,
            readings=1 if effort is Effort.FAST else self._readings,
            timed=timed,
        )

    def _spoken(self, encoded: Any, batch: Sequence[Utterance]) -> list[str]:
        """Each utterance's language: the known one, else the likeliest of those allowed."""
        if not self._decoder.multilingual:
            return ["en"] * len(batch)
        allowed = [self._allowed(utterance) for utterance in batch]
        known = [
            self._languages.known(utterance, codes)
            for utterance, codes in zip(batch, allowed, strict=True)
        ]
        if all(known):
            return [code for code in known if code]
        return [
            code or self._languages.detected(utterance, codes, ranked)
            for utterance, code, codes, ranked in zip(
                batch, known, allowed, self._decoder.detect(encoded), strict=True
            )
        ]

    def _look_again(self, windows: Any, batch: Sequence[Utterance], heard: list[Heard]) -> None:
        """Whoever's words went wrong in the language known of them may have changed it."""
        if not self._decoder.multilingual:
            return
        for place, utterance in enumerate(batch):
            if not self._languages.heard(utterance, heard[place].avg_logprob):
                continue
            encoded = self._decoder.encode(windows[place])
            (ranked,) = self._decoder.detect(encoded)
            language = self._languages.detected(utterance, self._allowed(utterance), ranked)
            if language == heard[place].language:
                continue
            (again,) = self._decoder.generate(
                encoded, [language], beam_size=self._beam_size, readings=self._readings
            )
            if again.avg_logprob > heard[place].avg_logprob:
                heard[place] = again

    def _allowed(self, utterance: Utterance) -> list[str]:
        return [code for code in utterance.languages if code in self._decoder.languages]

    def _transcript(self, utterance: Utterance, heard: Heard) -> Transcript:
        signs = quality.Signs(
            text=heard.text,
            language=heard.language,
            duration_ms=utterance.duration_ms,
            tokens=len(heard.tokens),
            no_speech=heard.no_speech,
            avg_logprob=heard.avg_logprob,
            active=quality.active_share(utterance.pcm),
            swing_db=quality.level_swing_db(utterance.pcm),
        )
        marks = quality.marks(signs)
        if quality.doubted(marks):
            listen = self._detector.listen()
            marks = evidence.judge(marks, heard.text, heard.language, utterance.pcm, listen)
        empty = quality.NOT_SPOKEN in marks and quality.nothing_said(signs)
        return Transcript(
            utterance_id=utterance.id,
            room_id=utterance.room_id,
            speaker_id=utterance.speaker_id,
            started_at=utterance.started_at,
            ended_at=utterance.ended_at,
            language=heard.language,
            text="" if empty else heard.text,
            hypotheses=() if empty else tuple(heard.others),
            marks=() if empty else marks,
            model=self.model,
            provisional=utterance.provisional,
            revision=utterance.revision,
        )

    def warm_up(self) -> None:
        """Encode and decode a second of silence: what is compiled at the first use is, then."""
        self._hear(bytes(2 * SAMPLE_RATE), FULL)

    def admit_short_windows(self, directory: Path) -> None:
        """Use the windows that the model declares, if it hears its canary in each of them.

        Raises:
            ModelUnavailable: the declaration cannot be understood.
        """
        context = declared(directory)
        if context is None:
            return
        why = canary_fails(context, self._hear)
        if why is None:
            self.windows = context.windows
        else:
            log.warning("asr.short_windows_refused", model=self.model, reason=why)

    def _hear(self, pcm: bytes, frames: int) -> str:
        encoded = self._decoder.encode(self._decoder.features(pcm, frames))
        (heard,) = self._decoder.generate(encoded, ["en"], beam_size=self._beam_size)
        return heard.text


def _share(heard: Heard, segments: Sequence[Segment]) -> Heard:
    """One utterance's part of what was heard in a shared window."""
    space = "" if heard.language in UNSPACED else " "
    return Heard(
        language=heard.language,
        tokens=[token for segment in segments for token in segment.tokens],
        text=space.join(segment.text for segment in segments),
        others=(),
        segments=segments,
        no_speech=heard.no_speech,
        avg_logprob=heard.avg_logprob,
    )


def load(settings: AsrSettings) -> WhisperTranscriber:
    """Load the model and hear one second of silence with it, so that the first words do not wait.

    Raises:
        ModelUnavailable: with one sentence that says why and what to do.
    """
    path, name = _locate(settings)
    place = _place(settings.device, settings.compute_type, settings.cache_dir)
    log.info("asr.device", device=place.device, index=place.index, compute_type=place.compute_type)
    try:
        model = WhisperModel(
            str(path),
            device=place.device,
            device_index=place.index,
            compute_type=place.compute_type,
            cpu_threads=_threads(settings),
            num_workers=lanes(settings),
        )
    except Exception as error:  # tokenizers raises nothing more special
        raise ModelUnavailable(
            f"the model in {path} does not load on {place.device} as {place.compute_type}: "
            f"{error}; are its files whole? If so, {remedy(error)}"
        ) from error
    decoder = Decoder(model)
    transcriber = WhisperTranscriber(decoder, name, settings)
    transcriber.warm_up()
    transcriber.admit_short_windows(path)
    return transcriber


@cache
def _place(device: str, compute_type: str, cache_dir: Path | None) -> Place:
    """Where the model runs: looked for once, so that all that depends on it agrees.

    Raises:
        CudaUnavailable: CUDA was asked for and cannot be used.
    """
    return prepare_cuda(
        device,
        compute_type,
        count_devices=ctranslate2.get_cuda_device_count,
        cache_dir=cache_dir,
    )


def batch_size(settings: AsrSettings) -> int:
    """How many windows to give to a lane at once.

    On a CPU a batch takes as long as its items one after the other, so that all but the last would
    wait for nothing.
    """
    return settings.batch_size or (_CUDA_BATCH if _device(settings) == "cuda" else 1)


def lanes(settings: AsrSettings) -> int:
    """How many batches the model hears at once; see docs/decisions/0015."""
    if settings.lanes:
        return settings.lanes
    if _device(settings) == "cuda":
        return 1
    return max(1, min(_MOST_LANES, (os.cpu_count() or 1) // _threads(settings)))


def _device(settings: AsrSettings) -> str:
    """A device that cannot be had is told of by `load`."""
    try:
        return _place(settings.device, settings.compute_type, settings.cache_dir).device
    except CudaUnavailable:
        return "cpu"


def _threads(settings: AsrSettings) -> int:
    """On a CPU, of one window."""
    return settings.threads or 1


def model_names() -> list[str]:
    """The names that faster-whisper knows how to fetch."""
    return [MICRO, *available_models()]


def fetch(name: str, cache_dir: Path | None) -> Path:
    """A named model's directory: from the cache, else from the hub.

    Raises:
        ModelUnavailable: unknown name, or neither cached nor reachable.
    """
    cache = str(cache_dir) if cache_dir else None
    try:
        return Path(download_model(name, local_files_only=True, cache_dir=cache))
    except (OSError, RuntimeError, ValueError):
        pass  # not cached, or not a name: asking the hub tells which
    try:
        return Path(download_model(name, cache_dir=cache))
    except ValueError as error:
        raise ModelUnavailable(
            f"no model is called {name!r}; `earshot models list` shows the names, "
            "or give a converted model's directory"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ModelUnavailable(
            f"the model {name!r} is not cached and the model hub cannot be reached "
            f"({type(error).__name__}); fetch it on a connected machine with "
            f"`earshot models pull {name}` and copy it here, give a directory in "
            "EARSHOT_ASR_MODEL, or use EARSHOT_ASR_MODEL=micro for the demo"
        ) from error


def _locate(settings: AsrSettings) -> tuple[Path, str]:
    if settings.model == MICRO:
        return micro_directory(), MICRO
    path = Path(settings.model).expanduser()
    if path.exists() or os.sep in settings.model and settings.model[0] in "/.~":
        check_directory(path)
        return path, path.name
    return fetch(settings.model, settings.cache_dir), settings.model
