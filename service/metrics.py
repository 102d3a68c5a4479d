"""What operators measure, in Prometheus' units. One registry for each server."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY_S = (0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10, 30)


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.peers = Gauge("earshot_peers", "WebRTC peers", registry=registry)
        self.speakers = Gauge("earshot_speakers", "Speakers heard now", registry=registry)
        self.rooms = Gauge("earshot_rooms", "Rooms, by state", ["state"], registry=registry)
        self.room_stays = Counter(
            "earshot_room_stays", "Stays in a room that ended, by why", ["why"], registry=registry
        )
        self.tasks = Gauge("earshot_tasks", "Tasks on the event loop", registry=registry)
        self.packets = Counter("earshot_packets", "Packets of sound taken", registry=registry)
        self.packets_lost = Counter(
            "earshot_packets_lost", "Packets that never came", registry=registry
        )
        self.packets_bad = Counter(
            "earshot_packets_bad", "Packets that were not Opus", registry=registry
        )
        self.packets_silent = Counter(
            "earshot_packets_silent",
            "Packets that were declared silent and not decoded",
            registry=registry,
        )
        self.level_lies = Counter(
            "earshot_tracks_level_lies",
            "Tracks that were louder than they declared, and are decoded in full since",
            registry=registry,
        )
        self.packets_late = Counter(
            "earshot_packets_late",
            "Packets that came when they were given up already",
            registry=registry,
        )
        self.packets_duplicate = Counter(
            "earshot_packets_duplicate", "Packets that came once more", registry=registry
        )
        self.packets_unfit = Counter(
            "earshot_packets_unfit",
            "Packets that were passed over, by why: malformed, of nothing that was agreed on "
            "(stray), too many (rate), of a clock that jumps, from too many sources",
            ["why"],
            registry=registry,
        )
        self.publishers_lost = Counter(
            "earshot_publishers_lost",
            "WHIP publishers who did not say goodbye, by what ended their connection",
            ["why"],
            registry=registry,
        )
        self.publishers_troubled = Counter(
            "earshot_publishers_troubled",
            "WHIP publishers some of whose sound could not be heard, by what was wrong",
            ["what"],
            registry=registry,
        )
        self.held_bytes = Gauge(
            "earshot_held_bytes",
            "Packets and sound held in memory until they are in order or an utterance ends",
            registry=registry,
        )
        self.held_bytes_most = Gauge(
            "earshot_held_bytes_most", "Of these, held for one speaker at most", registry=registry
        )
        self.packets_of_nobody = Counter(
            "earshot_packets_of_nobody",
            "Packets that came while it was not known whose they were",
            registry=registry,
        )
        self.utterances = Counter(
            "earshot_utterances", "Utterances given to the recogniser", registry=registry
        )
        self.not_speech = Counter(
            "earshot_not_speech",
            "Stretches of sound that did not become utterances, by why",
            ["why"],
            registry=registry,
        )
        self.waiting = Gauge(
            "earshot_asr_waiting", "Utterances waiting for the model", registry=registry
        )
        self.behind = Gauge(
            "earshot_asr_behind_seconds",
            "How long ago the oldest utterance that waits for its verdict ended",
            registry=registry,
        )
        self.overload_rung = Gauge(
            "earshot_asr_overload_rung",
            "What is done about overload: 1 no looks at speech that goes on, 2 no beam, 3 windows "
            "are shared, 4 what is late becomes a gap",
            registry=registry,
        )
        self.feed_dropped = Counter(
            "earshot_feed_dropped",
            "Levels that readers of the feed were too slow for",
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "earshot_asr_batch_seconds", "Time the model took for a batch", registry=registry
        )
        self.batch_size = Histogram(
            "earshot_asr_batch_utterances",
            "Utterances in a batch",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self.redis_up = Gauge("earshot_redis_up", "Whether Redis answers", registry=registry)
        self.workers = Gauge(
            "earshot_asr_workers", "Workers that live and have our model", registry=registry
        )
        self.workers_busy = Gauge(
            "earshot_asr_workers_busy", "Of these, how many transcribe", registry=registry
        )
        self.stream_waiting = Gauge(
            "earshot_asr_stream_waiting",
            "Utterances of all servers that no worker has, by urgency",
            ["work"],
            registry=registry,
        )
        self.stream_behind = Gauge(
            "earshot_asr_stream_lag_seconds",
            "How long the oldest of them has waited, by urgency",
            ["work"],
            registry=registry,
        )
        self.stream_bytes = Gauge(
            "earshot_asr_stream_bytes", "Sound that Redis holds", registry=registry
        )
        self.claims = Counter(
            "earshot_asr_claims", "Utterances claimed from dead workers", registry=registry
        )
        self.dead_letters = Counter(
            "earshot_asr_dead_letters", "Utterances that workers gave up", registry=registry
        )
        self.speech_to_verdict = Histogram(
            "earshot_speech_to_verdict_seconds",
            "From the last sample of an utterance (its closing silence included) to its commit",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.alerts = Counter(
            "earshot_alerts", "Alerts raised", ["severity", "category"], registry=registry
        )
        self.transcript_marks = Counter(
            "earshot_transcript_marks",
            "Transcripts with a quality mark, by mark; not_spoken raises nothing, spoken explains "
            "compression, repetition and too_fast, and what else is doubtful is for review",
            ["mark"],
            registry=registry,
        )
        self.unmatched_utterances = Counter(
            "earshot_unmatched_utterances",
            "Utterances in a language for which their room's packs have no active rule",
            ["language"],
            registry=registry,
        )
        self.provisional = Counter(
            "earshot_provisional_alerts",
            "Alerts raised in the middle of speech, and what its end made of them",
            ["outcome"],
            registry=registry,
        )
        self.actions = Counter(
            "earshot_actions",
            "What people had done in rooms, and what came of it",
            ["action", "outcome"],
            registry=registry,
        )
        self.gaps = Counter("earshot_gaps", "Gaps in what was heard", ["reason"], registry=registry)
        self.gap_seconds = Counter(
            "earshot_gap_seconds", "Length of the gaps together", registry=registry
        )
        self.deliveries = Counter(
            "earshot_webhook_deliveries", "Attempts, by outcome", ["outcome"], registry=registry
        )
        self.delivery_seconds = Histogram(
            "earshot_webhook_request_seconds", "Time that receivers took", registry=registry
        )
        self.commit_to_delivery = Histogram(
            "earshot_webhook_commit_to_delivery_seconds",
            "From an event's commit to the receiver's answer",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.breakers_open = Gauge(
            "earshot_webhook_breakers_open", "Webhooks that fail again and again", registry=registry
        )
        self.hooks = Counter(
            "earshot_hooks",
            "Calls of room servers, by what came of them",
            ["outcome"],
            registry=registry,
        )
        self.policy_changes = Counter(
            "earshot_policy_changes",
            "Changes of packs, by where they came from and what came of them",
            ["origin", "outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "earshot_failures",
            "Items given up after an unexpected error",
            ["at"],
            registry=registry,
        )

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)
