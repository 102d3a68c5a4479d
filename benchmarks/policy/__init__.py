"""`earshot bench policy`: speed, misses and false alarms of rules."""

from benchmarks.policy.command import policy

__all__ = ["policy"]
