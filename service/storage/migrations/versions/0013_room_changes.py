"""Changes of rooms while they are listened to, and answers to requests with an idempotency key."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("rooms", sa.Column("tags", _JSON, nullable=False, server_default="[]"))
    op.add_column("rooms", sa.Column("paused_at", _TIME, nullable=True))
    op.add_column("rooms", sa.Column("opened_with", _JSON, nullable=True))
    op.create_table(
        "idempotency_keys",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("claimed_at", _TIME, nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_idempotency_keys"),
    )
    op.create_index(
        "ix_idempotency_keys_caller_claimed_at", "idempotency_keys", ["caller", "claimed_at"]
    )
    op.create_index("ix_idempotency_keys_claimed_at", "idempotency_keys", ["claimed_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    with op.batch_alter_table("rooms") as rooms:
        rooms.drop_column("opened_with")
        rooms.drop_column("paused_at")
        rooms.drop_column("tags")
