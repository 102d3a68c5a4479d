"""`earshot bench policy`: how fast rules hear, what they miss, and how often they are wrong."""

from benchmarks.policy.command import policy

__all__ = ["policy"]
