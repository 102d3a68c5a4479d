"""`python -m policies check|test|match`: work on packs without the rest of earshot."""

from __future__ import annotations

from policies.cli import policy

if __name__ == "__main__":
    policy(prog_name="python -m policies")
