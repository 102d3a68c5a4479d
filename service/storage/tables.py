"""All tables. A change here needs a migration in `migrations/versions/`; a test compares them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from service.storage.types import Id, Json, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# `subject` is the alert or utterance whose words the event carries. Both expire together.
# AUTOINCREMENT: no id is used twice, not even after the newest events were pruned.
events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("type", Text, nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("room_id", Text, nullable=False),
    Column("subject", Text, index=True),
    Column("data", Json, nullable=False),
    sqlite_autoincrement=True,
)

# Highest id of each type that was removed from `events`.
pruned = Table(
    "pruned",
    metadata,
    Column("type", Text, primary_key=True),
    Column("until", Id, nullable=False),
)

# `sealed` holds the secrets of the connector; `noticed_at` is the time at which the room's members
# were last given its notice; `paused_at` the start of a pause; `opened_with` the description with
# which the room was opened.
rooms = Table(
    "rooms",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("connector", Json, nullable=False),
    Column("languages", Json, nullable=False),
    Column("policies", Json, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("joined_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("notice", Text, nullable=False, server_default=""),
    Column("sealed", Text),
    Column("noticed_at", UtcTime),
    Column("tags", Json, nullable=False, server_default="[]"),
    Column("paused_at", UtcTime),
    Column("opened_with", Json),
    Index(None, "joined_at", "id"),
)

speakers = Table(
    "speakers",
    metadata,
    Column("room_id", Text, ForeignKey(rooms.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("joined_at", UtcTime, nullable=False),
    Column("heard_until", UtcTime, nullable=False),
    Column("muted", Boolean, nullable=False, server_default=false()),
)

# Muted speakers. The mute of a moderator stays when the speaker leaves, so that they are muted on
# return. `action_id` is empty for a mute made at the room server.
mutes = Table(
    "mutes",
    metadata,
    Column("room_id", Text, ForeignKey(rooms.c.id, ondelete="CASCADE"), primary_key=True),
    Column("speaker_id", Text, primary_key=True),
    Column("action_id", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

publish_tokens = Table(
    "publish_tokens",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("room_id", Text, ForeignKey(rooms.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("speaker_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("expires_at", UtcTime, nullable=False, index=True),
)

# Utterances without words are stored too, so that repeated work finds the first result.
transcripts = Table(
    "transcripts",
    metadata,
    Column("utterance_id", Text, primary_key=True),
    Column("room_id", Text, nullable=False),
    Column("speaker_id", Text, nullable=False),
    Column("speaker_name", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=False, index=True),
    Column("language", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("marks", Json, nullable=False),
    Column("model", Text, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Index(None, "room_id", "started_at"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("room_id", Text, nullable=False),
    Column("speaker_id", Text, nullable=False),
    Column("from_at", UtcTime, nullable=False),
    Column("to_at", UtcTime, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Index(None, "room_id", "to_at"),
)

# Talk from `talk_from` to `talk_to` is kept as long as the alert.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("room_id", Text, nullable=False),
    Column("speaker_id", Text, nullable=False),
    Column("speaker_name", Text, nullable=False),
    Column("utterance_id", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("raised_at", UtcTime, nullable=False),
    Column("speech_started_at", UtcTime, nullable=False),
    Column("speech_ended_at", UtcTime, nullable=False),
    Column("excerpt", Text, nullable=False),
    Column("matches", Json, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    Column("outcome", Text),
    Column("handling", Text, nullable=False, server_default="offence"),
    Column("escalated_at", UtcTime),
    Column("escalated_to", Text, nullable=False, server_default=""),
    Column("talk_from", UtcTime, nullable=False),
    Column("talk_to", UtcTime, nullable=False),
    UniqueConstraint("utterance_id"),
    Index(None, "raised_at", "id"),
    Index(None, "state", "raised_at"),
    Index(None, "room_id", "speaker_id", "raised_at"),
    Index(None, "room_id", "talk_from"),
    Index(None, "escalated_at"),
)

hits = Table(
    "hits",
    metadata,
    Column("utterance_id", Text, primary_key=True),
    Column("pack", Text, primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("alert_id", Text, nullable=False, index=True),
    ForeignKeyConstraint(["alert_id"], [alerts.c.id], ondelete="CASCADE"),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("alert_id", Text, nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    ForeignKeyConstraint(["alert_id"], [alerts.c.id], ondelete="CASCADE"),
)

# Actions that moderators requested because of an alert, and what became of them.
actions = Table(
    "actions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("alert_id", Text, nullable=False, index=True),
    Column("room_id", Text, nullable=False),
    Column("speaker_id", Text, nullable=False),
    Column("speaker_name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("requested_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("detail", Text, nullable=False),
    Column("delivered_at", UtcTime),
    Column("late", Boolean, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("confirmed_by", Text, nullable=False),
    ForeignKeyConstraint(["alert_id"], [alerts.c.id], ondelete="CASCADE"),
)

# Every text of a pack that was ever in force, newest last. None is removed.
policy_versions = Table(
    "policy_versions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("pack", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "pack", "id"),
)

# Every rule that applied to an utterance, live or in shadow. Rows have no words, so they are kept
# as long as the alerts with which they are counted.
rule_hits = Table(
    "rule_hits",
    metadata,
    Column("utterance_id", Text, primary_key=True),
    Column("pack", Text, primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("pack_version", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("review", Boolean, nullable=False),
    Column("excused", Boolean, nullable=False),
    Column("room_id", Text, nullable=False),
    Column("speaker_id", Text, nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("handling", Text, nullable=False, server_default="offence"),
)

# Amount of speech in each hour (UTC), from which rates are computed after the words expired.
heard_hours = Table(
    "heard_hours",
    metadata,
    Column("hour", UtcTime, primary_key=True),
    Column("utterances", Integer, nullable=False),
    Column("speech_ms", Id, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("rooms", Json, nullable=False, server_default="[]"),
    UniqueConstraint("digest"),
)

# A signed-in page holds the secret of this digest, never the key itself.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("key_id", Text, ForeignKey(keys.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", UtcTime, nullable=False, index=True),
)

# Append-only; it holds no secret and no speech.
audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "at", "id"),
    Index(None, "who", "at"),
    Index(None, "subject", "at"),
)

# `secret` and `old_secret` are sealed: see `service.access.sealing`. A deleted endpoint stays until
# its deliveries expire, so that they can be read.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("types", Json, nullable=False),
    Column("room", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("secret_rotated_at", UtcTime),
    Column("deleted_at", UtcTime),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
)

# Delivery queues: progress of an endpoint in the event log. `until` is set for a redelivery.
webhook_lanes = Table(
    "webhook_lanes",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "webhook_id",
        Text,
        ForeignKey(webhooks.c.id, ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("cursor", Id, nullable=False),
    Column("until", Id),
    Column("told_until", Id, nullable=False),
    Column("head_event_id", Id, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcTime),
    Column("not_before", UtcTime),
)

# Delivery attempts, without an event's words: its body is made again from the event.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("endpoint_id", Text, ForeignKey(webhooks.c.id, ondelete="CASCADE"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("event_id", Id, index=True),
    Column("type", Text, nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("error", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("signature", Text, nullable=False),
    Column("next_attempt_at", UtcTime),
    Column("body", Text),
    Index(None, "endpoint_id", "at", "id"),
)

# Sealed secrets of room servers.
hook_secrets = Table(
    "hook_secrets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("room_server", Text, nullable=False, index=True),
    Column("secret", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("rooms", Json, nullable=False, server_default="[]"),
)

# Answers to requests with an `Idempotency-Key`. `digest` is of caller, method, path and key;
# `sealed` has the request's fingerprint and, once it was answered, the answer.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("claimed_at", UtcTime, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("sealed", Text, nullable=False),
    Index(None, "caller", "claimed_at"),
    Index(None, "claimed_at"),
)

# Accepted calls of room servers, so that none is acted on twice.
hook_messages = Table(
    "hook_messages",
    metadata,
    Column("room_server", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("signed_at", Id, nullable=False),
    Column("received_at", UtcTime, nullable=False, index=True),
    Column("outcome", Text, nullable=False),
)

# Last time of each task: `probe` (the readiness check wrote), `compaction` (the file was rebuilt).
maintenance = Table(
    "maintenance",
    metadata,
    Column("task", Text, primary_key=True),
    Column("at", UtcTime, nullable=False),
)
