"""A transcriber for tests of queues. An utterance's id tells it what to do with the utterance."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from asr.speech import Transcript, Unheard, Utterance
from asr.transcriber import TranscriptionFailed
from tests.asr.examples import written


@dataclass
class Scribe:
    """An `asr.transcriber.Transcriber` that fails by id: `refused`, `broken`, `short`, `nan`, `big`
    (too little memory in a batch), `huge` (too little even alone), `killer` (kills the process),
    `plague` (fails from then on).

    Attributes:
        free: Event that every batch waits for.
        pace_s: Time that a batch takes, in seconds.
    """

    model: str = "scribe"
    pace_s: float = 0.0
    batches: list[list[str]] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    threads: set[int] = field(default_factory=set)
    sick: bool = False

    def __post_init__(self) -> None:
        self.free.set()

    def describe(self) -> str:
        return "nowhere"

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
        ids = [utterance.id for utterance in batch]
        self.threads.add(threading.get_ident())
        self.batches.append(ids)
        assert self.free.wait(10)
        time.sleep(self.pace_s)
        said = " ".join(ids)
        self.sick |= "plague" in said
        if "killer" in said:
            os.kill(os.getpid(), signal.SIGKILL)
        if "huge" in said or ("big" in said and len(batch) > 1):
            cause = RuntimeError("CUDA failed with error out of memory")
            raise TranscriptionFailed("the model refused") from cause
        if "refused" in said or self.sick:
            raise TranscriptionFailed
        if "broken" in said:
            raise IndexError("an odd model")
        whole = [replace(written(one, f"words of {one.id}"), model=self.model) for one in batch]
        whole = [
            replace(each, language="x" * 5000) if "nan" in each.utterance_id else each
            for each in whole
        ]
        return whole[1:] if "short" in said else whole


def heard(results: Sequence[Transcript | Unheard]) -> list[str]:
    return [result.utterance_id for result in results if isinstance(result, Transcript)]


def unheard(results: Sequence[Transcript | Unheard]) -> dict[str, str]:
    return {one.utterance.id: one.reason for one in results if isinstance(one, Unheard)}


def named(results: Sequence[Transcript | Unheard]) -> list[str]:
    """Return the ids of all results, in order, transcripts or not."""
    return [
        result.utterance_id if isinstance(result, Transcript) else result.utterance.id
        for result in results
    ]
