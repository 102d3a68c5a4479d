"""A batch through a model, whatever the model does: on the thread that owns it."""

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

NOT_TRANSCRIBED = "the model could not transcribe it"

_SILENCE = Utterance(
    "silence", "", "", datetime.fromtimestamp(0, UTC), bytes(2 * SAMPLE_RATE), EndedBy.SILENCE
)


class ModelBroken(Exception):
    """The model fails on a second of silence, too: it is not the utterances that are bad."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The model fails on this utterance and on nothing else."""


@dataclass(frozen=True, slots=True)
class NoMemory:
    """There was too little memory for it, even alone."""


Outcome = Transcript | Refused | NoMemory
Transcribe = Callable[[Sequence[Utterance]], Sequence[Transcript]]


def way(transcriber: Transcriber, *, greedy: bool, coalesce: bool) -> Transcribe:
    """How a batch is to be transcribed: of a transcriber that knows but one way, that one."""
    if not isinstance(transcriber, WindowedTranscriber):
        return transcriber.transcribe
    effort = Effort.FAST if greedy else Effort.FULL
    return partial(transcriber.transcribe, effort=effort, coalesce=coalesce)


class Hearing:
    """A model and how much it takes at once.

    Attributes:
        most: Utterances a batch at most: less than asked for, once memory has run out.
    """

    def __init__(self, transcriber: Transcriber, most: int) -> None:
        self._transcriber = transcriber
        self.most = most

    def hear(self, batch: Sequence[Utterance], how: Transcribe | None = None) -> list[Outcome]:
        """What came of each, in order. A batch that fails is tried again in halves, so that one
        bad item fails alone.

        Args:
            how: The transcriber's own way, with what this batch needs.

        Raises:
            ModelBroken: silence fails, too. Nothing of the batch is refused then.
        """
        how = how or self._transcriber.transcribe
        if len(batch) > self.most:
            most = self.most  # which may shrink meanwhile
            return self.hear(batch[:most], how) + self.hear(batch[most:], how)
        try:
            transcripts = list(how(batch))
            if [found.utterance_id for found in transcripts] == [one.id for one in batch]:
                return list(transcripts)
            log.error("asr.batch_mixed_up", batch=len(batch))
        except Exception as error:  # noqa: BLE001 - whatever a model raises
            if out_of_memory(error):
                return self._with_less(batch, how)
            log.warning("asr.batch_failed", batch=len(batch), error=type(error).__name__)
        if len(batch) == 1:
            self._make_sure()
            return [Refused()]
        half = len(batch) // 2
        return self.hear(batch[:half], how) + self.hear(batch[half:], how)

    def _with_less(self, batch: Sequence[Utterance], how: Transcribe) -> list[Outcome]:
        if len(batch) == 1:
            log.error("asr.out_of_memory", batch=1)
            return [NoMemory()]
        self.most = len(batch) // 2
        log.warning("asr.out_of_memory", batch=len(batch), from_now_on=self.most)
        return self.hear(batch, how)

    def _make_sure(self) -> None:
        """A card that fell off its bus fails everything at once, and would empty every stream."""
        try:
            self._transcriber.transcribe([_SILENCE])
        except Exception as error:
            raise ModelBroken(
                f"the model fails on silence, too ({error.__cause__ or error}); "
                "start the worker again, and look after its device if that does not help"
            ) from error
