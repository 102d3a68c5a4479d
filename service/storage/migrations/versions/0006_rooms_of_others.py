"""Rooms of other servers: their secrets, mutes and actions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("rooms", sa.Column("notice", sa.Text(), nullable=False, server_default=""))
    op.add_column("rooms", sa.Column("sealed", sa.Text(), nullable=True))
    op.add_column("rooms", sa.Column("noticed_at", _TIME, nullable=True))
    op.add_column(
        "speakers",
        sa.Column("muted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "mutes",
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("action_id", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name="fk_mutes_room_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("room_id", "speaker_id", name="pk_mutes"),
    )
    op.create_table(
        "actions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("speaker_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name="fk_actions_alert_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_actions"),
    )
    op.create_index("ix_actions_alert_id", "actions", ["alert_id"], unique=False)
    op.create_index("ix_actions_state", "actions", ["state"], unique=False)


def downgrade() -> None:
    op.drop_table("actions")
    op.drop_table("mutes")
    with op.batch_alter_table("speakers") as speakers:
        speakers.drop_column("muted")
    with op.batch_alter_table("rooms") as rooms:
        rooms.drop_column("noticed_at")
        rooms.drop_column("sealed")
        rooms.drop_column("notice")
