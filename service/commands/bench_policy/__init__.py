"""`earshot bench policy`: how fast rules hear, what they miss, and how often they are wrong."""

from service.commands.bench_policy.command import policy

__all__ = ["policy"]
