"""Scopes of keys and of room servers' secrets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    for table in ("keys", "hook_secrets"):
        op.add_column(table, sa.Column("rooms", _JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    for table in ("keys", "hook_secrets"):
        op.drop_column(table, "rooms")
