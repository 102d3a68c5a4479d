"""Owners and outcomes of alerts; console sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("alerts") as alerts:
        alerts.add_column(sa.Column("owner", sa.Text(), nullable=False, server_default=""))
        alerts.add_column(sa.Column("outcome", sa.Text(), nullable=True))
    op.create_index("ix_alerts_state_raised_at", "alerts", ["state", "raised_at"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["keys.id"], name="fk_sessions_key_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_key_id", "sessions", ["key_id"], unique=False)
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("sessions")
    op.drop_index("ix_alerts_state_raised_at", "alerts")
    with op.batch_alter_table("alerts") as alerts:
        alerts.drop_column("outcome")
        alerts.drop_column("owner")
