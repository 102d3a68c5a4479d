"""Running batches through a model that may fail, on the thread that owns it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from asr.cuda import out_of_memory
from asr.speech import SAMPLE_RATE, EndedBy, Transcript, Utterance
from asr.transcriber import Effort, Transcriber, WindowedTranscriber

log = structlog.get_logger()

_SILENCE = Utterance(
    "silence", "", "", datetime.fromtimestamp(0, UTC), bytes(2 * SAMPLE_RATE), EndedBy.SILENCE
)


class ModelBroken(Exception):
    """The model fails on a second of silence, too: the utterances are not to blame."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Outcome of an utterance on which the model fails, though not on others."""


@dataclass(frozen=True, slots=True)
class NoMemory:
    """Outcome of an utterance that does not fit into memory, even alone."""


Outcome = Transcript | Refused | NoMemory
Transcribe = Callable[[Sequence[Utterance]], Sequence[Transcript]]


def choose_decoding(transcriber: Transcriber, *, greedy: bool, coalesce: bool) -> Transcribe:
    """Return the transcriber's method with these options, if it has options."""
    if not isinstance(transcriber, WindowedTranscriber):
        return transcriber.transcribe
    effort = Effort.FAST if greedy else Effort.FULL
    return partial(transcriber.transcribe, effort=effort, coalesce=coalesce)


class BatchRunner:
    """A model with the largest batch that its memory allows.

    Attributes:
        most: Most utterances in a batch. It shrinks when memory runs out.
    """

    def __init__(self, transcriber: Transcriber, most: int) -> None:
        self._transcriber = transcriber
        self.most = most

    def run_batch(
        self, batch: Sequence[Utterance], transcribe: Transcribe | None = None
    ) -> list[Outcome]:
        """Return an outcome for each utterance, in order.

        A batch that fails is tried again in halves, so that one bad utterance fails alone.

        Args:
            transcribe: The transcriber's method, with the options for this batch.

        Raises:
            ModelBroken: The model fails on silence, too. No utterance is refused then.
        """
        transcribe = transcribe or self._transcriber.transcribe
        if len(batch) > self.most:
            most = self.most  # which may shrink meanwhile
            return self.run_batch(batch[:most], transcribe) + self.run_batch(
                batch[most:], transcribe
            )
        try:
            transcripts = list(transcribe(batch))
            if [found.utterance_id for found in transcripts] == [one.id for one in batch]:
                return list(transcripts)
            log.error("asr.batch_mixed_up", batch=len(batch))
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            if out_of_memory(error):
                return self._run_smaller(batch, transcribe)
            log.warning("asr.batch_failed", batch=len(batch), error=type(error).__name__)
        if len(batch) == 1:
            self._check_silence()
            return [Refused()]
        half = len(batch) // 2
        return self.run_batch(batch[:half], transcribe) + self.run_batch(batch[half:], transcribe)

    def _run_smaller(self, batch: Sequence[Utterance], transcribe: Transcribe) -> list[Outcome]:
        if len(batch) == 1:
            log.error("asr.out_of_memory", batch=1)
            return [NoMemory()]
        self.most = len(batch) // 2
        log.warning("asr.out_of_memory", batch=len(batch), from_now_on=self.most)
        return self.run_batch(batch, transcribe)

    def _check_silence(self) -> None:
        """Transcribe silence. A GPU that fell off its bus fails every utterance at once; without
        this check it would empty every stream."""
        try:
            self._transcriber.transcribe([_SILENCE])
        except Exception as error:
            raise ModelBroken(
                f"the model fails on silence, too ({error.__cause__ or error}); "
                "start the worker again, and look after its device if that does not help"
            ) from error
