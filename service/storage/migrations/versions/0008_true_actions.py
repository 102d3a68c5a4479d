"""Actions that are pending until the room server confirms them."""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_TIMEOUT = timedelta(seconds=30)


def upgrade() -> None:
    with op.batch_alter_table("actions") as table:
        table.add_column(sa.Column("expires_at", _TIME, nullable=True))
        table.add_column(sa.Column("delivered_at", _TIME, nullable=True))
        table.add_column(sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("carrier", sa.Text(), nullable=False, server_default="webhook"))
        table.add_column(sa.Column("confirmed_by", sa.Text(), nullable=False, server_default=""))
    actions = sa.table(
        "actions",
        sa.column("id", sa.Text()),
        sa.column("state", sa.Text()),
        sa.column("requested_at", _TIME),
        sa.column("expires_at", _TIME),
    )
    mutes = sa.table("mutes", sa.column("action_id", sa.Text()))
    connection = op.get_bind()
    # A mute used to be in force from its request on: now only from its confirmation.
    unconfirmed = sa.select(actions.c.id).where(actions.c.state == "requested")
    connection.execute(sa.delete(mutes).where(mutes.c.action_id.in_(unconfirmed)))
    connection.execute(
        sa.update(actions).where(actions.c.state == "requested").values(state="pending")
    )
    for id_, requested_at in connection.execute(
        sa.select(actions.c.id, actions.c.requested_at)
    ).all():
        expires = sa.update(actions).where(actions.c.id == id_)
        connection.execute(expires.values(expires_at=requested_at + _TIMEOUT))
    with op.batch_alter_table("actions") as table:
        table.alter_column("expires_at", existing_type=_TIME, nullable=False)


def downgrade() -> None:
    op.execute("UPDATE actions SET state = 'requested' WHERE state = 'pending'")
    with op.batch_alter_table("actions") as table:
        table.drop_column("confirmed_by")
        table.drop_column("carrier")
        table.drop_column("late")
        table.drop_column("delivered_at")
        table.drop_column("expires_at")
