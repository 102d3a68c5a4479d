"""Exceptions that reach a user. Each says what is wrong, where, and the remedy; none has speech.

EarshotError
├── ConfigurationError      exit code 2: a setting, file or argument is wrong
├── Failed                  exit code 1: the command could not do its work
└── Problem                 an HTTP refusal (RFC 9457)
    └── StoreAway           the database is unavailable; the same call may succeed later
"""

from __future__ import annotations

from collections.abc import Mapping


class EarshotError(Exception):
    """Error whose text is one sentence for a person."""

    exit_code = 1


class ConfigurationError(EarshotError):
    exit_code = 2


class Failed(EarshotError):
    exit_code = 1


class Problem(EarshotError):
    """Refusal of an HTTP request, sent as `application/problem+json` (RFC 9457).

    Args:
        status: HTTP status.
        title: Kind of problem in a few words; `service.web.problem_types` has its type.
        detail: Fault of this request, its place, and the remedy.
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
    """503 with Retry-After: the database is unavailable. Callers that must store retry."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, "Database away", detail, headers={"Retry-After": "2"})
