"""Languages of speakers: detected once or twice, then known until the words go wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from asr.speech import Utterance

_LONG_ENOUGH_MS = 2_000
"""Length from which speech reveals its language."""
_SURE = 0.7
"""Probability from which a detection counts as sure."""
_GONE_WRONG = -0.8
"""Mean log-probability below which the words may be of another language."""

Ranked = Sequence[tuple[str, float]]
"""Languages with their probabilities, the likeliest first."""


@dataclass(frozen=True, slots=True)
class _Known:
    language: str
    sure: int = 0
    """Sure detections in a row, 2 at most. Two settle the language."""


class SpeakerLanguages:
    """Languages of speakers. The speaker silent for longest is forgotten first.

    Safe for several threads.

    Args:
        capacity: Speakers remembered.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def known_language(self, utterance: Utterance, allowed: Sequence[str]) -> str | None:
        """Return the language to decode with; None: detect it.

        Args:
            allowed: The utterance's languages that the model knows; empty: any.
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

    def record_detection(self, utterance: Utterance, allowed: Sequence[str], ranked: Ranked) -> str:
        """Return the likeliest allowed language. Remember it if the speech was long enough.

        Probabilities are relative to those of the allowed languages. Where the model is not sure,
        the speaker's known language stays.
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

    def forget_if_wrong(self, utterance: Utterance, avg_logprob: float) -> bool:
        """Forget the speaker's language if the words are unlikely in it.

        Args:
            avg_logprob: Mean log-probability of the words.

        Returns:
            True if a language was forgotten.
        """
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
