"""`earshot policy`: the commands of `policies`, under the program's own name."""

from __future__ import annotations

from policies.cli import policy

__all__ = ["policy"]
