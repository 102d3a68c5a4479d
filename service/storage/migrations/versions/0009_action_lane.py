"""Actions leave the ordered queues of webhooks: no queue waits for one that failed."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE webhook_lanes SET head_event_id = 0, attempts = 0, due_at = NULL, not_before = NULL"
        " WHERE head_event_id IN (SELECT id FROM events WHERE type = 'action.requested')"
    )


def downgrade() -> None:
    """Nothing was added, and the events themselves are still in the log."""
