"""`earshot policy`: the commands of `policies`, and those that read the database."""

from __future__ import annotations

from policies import cli
from service.commands.lazy import Later, LazyGroup

_STORED = {
    "report": Later(
        "service.commands.policy_stored:report",
        "Show how well each rule does.",
    ),
    "backtest": Later(
        "service.commands.policy_stored:backtest",
        "Show what draft packs would change, on transcripts on record.",
    ),
}

policy = LazyGroup(
    "policy",
    help=cli.policy.help,
    commands={name: each for name, each in cli.policy.commands.items() if name not in _STORED},
    later=_STORED,
)
