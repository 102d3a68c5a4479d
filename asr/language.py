"""Which language a speaker speaks: detected once or twice, then known until the words go wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from asr.speech import Utterance

_LONG_ENOUGH_MS = 2_000
"""Shorter speech tells little of its language."""
_SURE = 0.7
_GONE_WRONG = -0.8
"""Mean log-probability below which the words may be of another language."""

Ranked = Sequence[tuple[str, float]]
"""Languages with their probabilities, the likeliest first."""


@dataclass(frozen=True, slots=True)
class _Known:
    language: str
    sure: int = 0
    """How often in a row it was detected for sure; twice settles it."""


class Languages:
    """What is known of speakers, the longest unheard forgotten first. Safe for several threads.

    Args:
        capacity: Speakers remembered at most.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def known(self, utterance: Utterance, allowed: Sequence[str]) -> str | None:
        """The language to take without detection; None: detect it.

        `allowed` are those of the utterance's languages that the model knows; empty: any.
        """
        if len(allowed) == 1:
            return allowed[0]
        with self._lock:
            known = self._known.get(_key(utterance))
            if known is None or (allowed and known.language not in allowed):
                return None
            self._known.move_to_end(_key(utterance))
        settled = known.sure >= 2
        return known.language if settled or utterance.duration_ms < _LONG_ENOUGH_MS else None

    def detected(self, utterance: Utterance, allowed: Sequence[str], ranked: Ranked) -> str:
        """The likeliest language that may be spoken, remembered where the speech was long enough.

        Probabilities are taken among those that may be spoken. Where the model is not sure, what
        it heard of this speaker before is kept.
        """
        possible = [(code, p) for code, p in ranked if not allowed or code in allowed]
        if not possible:  # a model that ranks only some languages
            return allowed[0] if allowed else "en"
        language, probability = possible[0]
        total = sum(p for _, p in possible)
        if utterance.duration_ms < _LONG_ENOUGH_MS or total <= 0:
            return language
        with self._lock:
            before = self._known.get(_key(utterance))
            if probability / total < _SURE:
                if before is not None and any(code == before.language for code, _ in possible):
                    return before.language
                self._remember(utterance, _Known(language))
            elif before is not None and before.language == language:
                self._remember(utterance, _Known(language, min(2, before.sure + 1)))
            else:
                self._remember(utterance, _Known(language, 1))
        return language

    def heard(self, utterance: Utterance, avg_logprob: float) -> bool:
        """How sure the model was of the words; True: what was known is forgotten for it."""
        if avg_logprob >= _GONE_WRONG:
            return False
        with self._lock:
            return self._known.pop(_key(utterance), None) is not None

    def _remember(self, utterance: Utterance, known: _Known) -> None:
        self._known[_key(utterance)] = known
        self._known.move_to_end(_key(utterance))
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)


def _key(utterance: Utterance) -> tuple[str, str]:
    return utterance.room_id, utterance.speaker_id
