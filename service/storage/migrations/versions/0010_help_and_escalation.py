"""Handling of alerts and of hits; escalation of alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SELF_HARM = "suicide_self_harm"
_AGAINST_OTHERS = '%"self-harm-encouraging"%'
"""The shipped rule of that category that is about words against somebody else."""
_OUTCOMES = (("upheld", "supported"), ("dismissed", "not_needed"))


def upgrade() -> None:
    op.add_column("alerts", _handling())
    op.add_column("alerts", sa.Column("escalated_at", sa.DateTime(timezone=True)))
    op.add_column("alerts", sa.Column("escalated_to", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_alerts_escalated_at", "alerts", ["escalated_at"], unique=False)
    op.add_column("rule_hits", _handling())
    alerts = sa.table("alerts", *map(sa.column, ("category", "matches", "handling", "outcome")))
    hits = sa.table("rule_hits", *map(sa.column, ("category", "rule_id", "handling")))
    op.execute(
        sa.update(alerts)
        .where(
            alerts.c.category == _SELF_HARM,
            sa.cast(alerts.c.matches, sa.Text).not_like(_AGAINST_OTHERS),
        )
        .values(handling="help")
    )
    for offence, of_help in _OUTCOMES:
        op.execute(
            sa.update(alerts)
            .where(alerts.c.handling == "help", alerts.c.outcome == offence)
            .values(outcome=of_help)
        )
    op.execute(
        sa.update(hits)
        .where(hits.c.category == _SELF_HARM, hits.c.rule_id != "self-harm-encouraging")
        .values(handling="help")
    )


def downgrade() -> None:
    alerts = sa.table("alerts", sa.column("outcome"))
    for offence, of_help in _OUTCOMES:
        op.execute(sa.update(alerts).where(alerts.c.outcome == of_help).values(outcome=offence))
    op.drop_column("rule_hits", "handling")
    op.drop_index("ix_alerts_escalated_at", table_name="alerts")
    op.drop_column("alerts", "escalated_to")
    op.drop_column("alerts", "escalated_at")
    op.drop_column("alerts", "handling")


def _handling() -> sa.Column[str]:
    return sa.Column("handling", sa.Text(), nullable=False, server_default="offence")
