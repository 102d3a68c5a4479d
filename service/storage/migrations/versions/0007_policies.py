"""Versions of packs, hits of rules, and hours of speech."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "policy_versions",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policy_versions"),
    )
    op.create_index("ix_policy_versions_pack_id", "policy_versions", ["pack", "id"], unique=False)
    op.create_table(
        "rule_hits",
        sa.Column("utterance_id", sa.Text(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("review", sa.Boolean(), nullable=False),
        sa.Column("excused", sa.Boolean(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("utterance_id", "pack", "rule_id", name="pk_rule_hits"),
    )
    op.create_index("ix_rule_hits_at", "rule_hits", ["at"], unique=False)
    op.create_table(
        "heard_hours",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("utterances", sa.Integer(), nullable=False),
        sa.Column("speech_ms", _ID, nullable=False),
        sa.PrimaryKeyConstraint("hour", name="pk_heard_hours"),
    )


def downgrade() -> None:
    op.drop_table("heard_hours")
    op.drop_table("rule_hits")
    op.drop_table("policy_versions")
