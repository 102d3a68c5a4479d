"""A slow or busy machine is no reason for a property to fail: pytest's own time-out is enough."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
