"""One child process for all tests that need one: to start another takes a second."""

from __future__ import annotations

from service.rulebook.child_process import ChildProcess

CHILD = ChildProcess("tests")
"""Started by the first test that needs it; `tests.conftest` stops it."""
