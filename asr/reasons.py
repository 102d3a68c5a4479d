"""Reasons for which an utterance gets no transcript.

They are stored with gaps and shown to people, so the texts stay as they are.
"""

from __future__ import annotations

STOPPING = "the server is stopping"
OVERLOADED = "transcription is overloaded"
TOO_FAR_BEHIND = "transcription is too far behind"
"""The utterance waited in this process until its deadline."""
NO_WORKER_IN_TIME = "no worker transcribed it in time"
"""The utterance waited in Redis or at a worker until its deadline."""
REPLACED = "a newer look at the same speech"
"""A newer interim utterance of the speaker replaces this one."""
SPEECH_ENDED = "the speech has ended"
"""The whole utterance replaces this interim one."""
NOT_TRANSCRIBED = "the model could not transcribe it"
NO_MEMORY = "the model has too little memory for it"
WORKERS_FAILED = "its workers failed again and again"
