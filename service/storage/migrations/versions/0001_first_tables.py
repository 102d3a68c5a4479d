"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("speaker_name", sa.Text(), nullable=False),
        sa.Column("utterance_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("raised_at", _TIME, nullable=False),
        sa.Column("speech_started_at", _TIME, nullable=False),
        sa.Column("speech_ended_at", _TIME, nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("matches", _JSON, nullable=False),
        sa.Column("talk_from", _TIME, nullable=False),
        sa.Column("talk_to", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("utterance_id", name="uq_alerts_utterance_id"),
    )
    op.create_index("ix_alerts_raised_at_id", "alerts", ["raised_at", "id"], unique=False)
    op.create_index(
        "ix_alerts_room_id_speaker_id_raised_at",
        "alerts",
        ["room_id", "speaker_id", "raised_at"],
        unique=False,
    )
    op.create_index("ix_alerts_room_id_talk_from", "alerts", ["room_id", "talk_from"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("data", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_at", "events", ["at"], unique=False)
    op.create_index("ix_events_subject", "events", ["subject"], unique=False)
    op.create_table(
        "gaps",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("from_at", _TIME, nullable=False),
        sa.Column("to_at", _TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gaps"),
    )
    op.create_index("ix_gaps_room_id_to_at", "gaps", ["room_id", "to_at"], unique=False)
    op.create_index("ix_gaps_to_at", "gaps", ["to_at"], unique=False)
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("digest", name="uq_keys_digest"),
    )
    op.create_table(
        "pruned",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("until", _ID, nullable=False),
        sa.PrimaryKeyConstraint("type", name="pk_pruned"),
    )
    op.create_table(
        "rooms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("connector", _JSON, nullable=False),
        sa.Column("languages", _JSON, nullable=False),
        sa.Column("policies", _JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("joined_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_rooms"),
    )
    op.create_index("ix_rooms_joined_at_id", "rooms", ["joined_at", "id"], unique=False)
    op.create_index("ix_rooms_state", "rooms", ["state"], unique=False)
    op.create_table(
        "transcripts",
        sa.Column("utterance_id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("speaker_name", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("marks", _JSON, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("utterance_id", name="pk_transcripts"),
    )
    op.create_index("ix_transcripts_ended_at", "transcripts", ["ended_at"], unique=False)
    op.create_index(
        "ix_transcripts_room_id_started_at", "transcripts", ["room_id", "started_at"], unique=False
    )
    op.create_table(
        "hits",
        sa.Column("utterance_id", sa.Text(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name="fk_hits_alert_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("utterance_id", "pack", "rule_id", name="pk_hits"),
    )
    op.create_index("ix_hits_alert_id", "hits", ["alert_id"], unique=False)
    op.create_table(
        "publish_tokens",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name="fk_publish_tokens_room_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_publish_tokens"),
    )
    op.create_index("ix_publish_tokens_expires_at", "publish_tokens", ["expires_at"], unique=False)
    op.create_index("ix_publish_tokens_room_id", "publish_tokens", ["room_id"], unique=False)
    op.create_table(
        "speakers",
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("joined_at", _TIME, nullable=False),
        sa.Column("heard_until", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.id"], name="fk_speakers_room_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("room_id", "id", name="pk_speakers"),
    )
    op.create_table(
        "steps",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name="fk_steps_alert_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_steps"),
    )
    op.create_index("ix_steps_alert_id", "steps", ["alert_id"], unique=False)


def downgrade() -> None:
    for table in (
        "steps",
        "hits",
        "alerts",
        "speakers",
        "publish_tokens",
        "rooms",
        "transcripts",
        "gaps",
        "keys",
        "pruned",
        "events",
    ):
        op.drop_table(table)
