"""`earshot policy`: the commands of `policies` under the program's own name, and those that look
into the database."""

from __future__ import annotations

from policies import cli
from service.commands.lazy import Later, LazyGroup

_HEARD = {
    "report": Later(
        "service.commands.policy_heard:report",
        "Show how well each rule does: hits, alerts, what was decided, and what shadows would "
        "change.",
    ),
    "backtest": Later(
        "service.commands.policy_heard:backtest",
        "Run draft packs over what was said, and show what they would change.",
    ),
}

policy = LazyGroup(
    "policy",
    help=cli.policy.help,
    commands={name: each for name, each in cli.policy.commands.items() if name not in _HEARD},
    later=_HEARD,
)
