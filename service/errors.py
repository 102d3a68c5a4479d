"""The exceptions that reach a user. Each says what, where and the remedy; none carries speech.

EarshotError
├── ConfigurationError      exit code 2: a setting, file or argument is wrong
├── Failed                  exit code 1: what was asked could not be done
└── Problem                 an HTTP refusal (RFC 9457)
    └── StoreAway           the database is away for now; the same may succeed later
"""

from __future__ import annotations

from collections.abc import Mapping


class EarshotError(Exception):
    """Its text is one sentence for a person."""

    exit_code = 1


class ConfigurationError(EarshotError):
    exit_code = 2


class Failed(EarshotError):
    exit_code = 1


class Problem(EarshotError):
    """A refusal as `application/problem+json` (RFC 9457).

    Args:
        status: HTTP status.
        title: The kind of refusal in a few words, the same each time.
        detail: What, where and the remedy for this one.
        headers: Further response headers.
        extra: Further members of the problem document.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class StoreAway(Problem):
    """503 with Retry-After. Whoever has something to put on record keeps it and tries again."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, "Database away", detail, headers={"Retry-After": "2"})
