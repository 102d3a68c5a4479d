"""Metrics of one server, in Prometheus' base units."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY_S = (0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10, 30)


class Metrics:
    """All metrics of a server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.peers = Gauge("earshot_peers", "WebRTC peers", registry=registry)
        self.speakers = Gauge("earshot_speakers", "Speakers with a live track", registry=registry)
        self.rooms = Gauge("earshot_rooms", "Rooms, by state", ["state"], registry=registry)
        self.room_stays = Counter(
            "earshot_room_stays",
            "Ended connections to rooms of other servers, by reason",
            ["why"],
            registry=registry,
        )
        self.http_connections = Gauge(
            "earshot_http_connections", "Open HTTP connections", registry=registry
        )
        self.http_closed = Counter(
            "earshot_http_connections_closed",
            "Connections closed or refused for want of places, by reason: idle, with an unread "
            "answer, refused, or no file descriptor was left",
            ["why"],
            registry=registry,
        )
        self.tasks = Gauge("earshot_tasks", "Tasks on the event loop", registry=registry)
        self.stood_still_seconds = Counter(
            "earshot_stood_still_seconds",
            "Seconds in which the event loop did not run, by cause: the process was stopped, its "
            "machine was suspended, or something in it kept it busy. Overload does not count",
            ["cause"],
            registry=registry,
        )
        self.clock_steps = Counter(
            "earshot_clock_steps",
            "Steps of the wall clock by half a second or more, by direction",
            ["direction"],
            registry=registry,
        )
        self.packets = Counter("earshot_packets", "Audio packets received", registry=registry)
        self.packets_lost = Counter(
            "earshot_packets_lost", "Packets that never arrived", registry=registry
        )
        self.packets_bad = Counter(
            "earshot_packets_bad", "Packets that were not Opus", registry=registry
        )
        self.packets_silent = Counter(
            "earshot_packets_silent",
            "Packets that declared silence and were not decoded",
            registry=registry,
        )
        self.level_lies = Counter(
            "earshot_tracks_level_lies",
            "Tracks that were louder than they declared; all their packets are decoded since",
            registry=registry,
        )
        self.packets_late = Counter(
            "earshot_packets_late",
            "Packets that arrived after the reorder window had given them up",
            registry=registry,
        )
        self.packets_duplicate = Counter(
            "earshot_packets_duplicate", "Duplicate packets", registry=registry
        )
        self.packets_unfit = Counter(
            "earshot_packets_unfit",
            "Dropped packets, by reason: malformed, of no negotiated stream (stray), too many "
            "(rate), with a clock that jumps, from too many sources",
            ["why"],
            registry=registry,
        )
        self.publishers_lost = Counter(
            "earshot_publishers_lost",
            "WHIP publishers that left without DELETE, by reason",
            ["why"],
            registry=registry,
        )
        self.publishers_troubled = Counter(
            "earshot_publishers_troubled",
            "WHIP publishers with a partly unusable track, by problem",
            ["what"],
            registry=registry,
        )
        self.held_bytes = Gauge(
            "earshot_held_bytes",
            "Packets and audio in memory until they are in order or their utterance ends",
            registry=registry,
        )
        self.held_bytes_most = Gauge(
            "earshot_held_bytes_most", "Most of these bytes for one speaker", registry=registry
        )
        self.packets_of_nobody = Counter(
            "earshot_packets_of_nobody",
            "Packets that arrived before their speaker was known",
            registry=registry,
        )
        self.utterances = Counter(
            "earshot_utterances", "Utterances sent to the transcriber", registry=registry
        )
        self.not_speech = Counter(
            "earshot_not_speech",
            "Stretches of sound that did not become utterances, by reason",
            ["why"],
            registry=registry,
        )
        self.waiting = Gauge(
            "earshot_asr_waiting", "Utterances that wait for the model", registry=registry
        )
        self.behind = Gauge(
            "earshot_asr_behind_seconds",
            "Time since the end of the oldest utterance without a verdict",
            registry=registry,
        )
        self.overload_rung = Gauge(
            "earshot_asr_overload_rung",
            "Step of the overload ladder: 1 no interim transcripts, 2 no beam, 3 shared windows, "
            "4 late utterances become gaps",
            registry=registry,
        )
        self.feed_dropped = Counter(
            "earshot_feed_dropped",
            "Levels that were not sent to slow subscribers of the feed",
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "earshot_asr_batch_seconds", "Time that the model took for a batch", registry=registry
        )
        self.batch_size = Histogram(
            "earshot_asr_batch_utterances",
            "Utterances in a batch",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self.redis_up = Gauge("earshot_redis_up", "Whether Redis answers", registry=registry)
        self.workers = Gauge(
            "earshot_asr_workers", "Live workers with this server's model", registry=registry
        )
        self.workers_busy = Gauge(
            "earshot_asr_workers_busy", "Workers that are transcribing", registry=registry
        )
        self.stream_waiting = Gauge(
            "earshot_asr_stream_waiting",
            "Utterances of all servers without a worker, by urgency",
            ["work"],
            registry=registry,
        )
        self.stream_behind = Gauge(
            "earshot_asr_stream_lag_seconds",
            "Wait of the oldest of them, by urgency",
            ["work"],
            registry=registry,
        )
        self.stream_bytes = Gauge("earshot_asr_stream_bytes", "Audio in Redis", registry=registry)
        self.claims = Counter(
            "earshot_asr_claims", "Utterances claimed from dead workers", registry=registry
        )
        self.dead_letters = Counter(
            "earshot_asr_dead_letters",
            "Utterances that no worker could transcribe",
            registry=registry,
        )
        self.speech_to_verdict = Histogram(
            "earshot_speech_to_verdict_seconds",
            "Time from the last sample of an utterance (with its closing silence) to its commit",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.alerts = Counter(
            "earshot_alerts", "Alerts raised", ["severity", "category"], registry=registry
        )
        self.transcript_marks = Counter(
            "earshot_transcript_marks",
            "Transcripts with a quality mark, by mark: not_spoken raises no alert, spoken explains "
            "compression, repetition and too_fast, any other doubt is for review",
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
            "Provisional alerts, by outcome",
            ["outcome"],
            registry=registry,
        )
        self.actions = Counter(
            "earshot_actions",
            "Actions of moderators, by outcome",
            ["action", "outcome"],
            registry=registry,
        )
        self.gaps = Counter("earshot_gaps", "Gaps, by reason", ["reason"], registry=registry)
        self.gap_seconds = Counter(
            "earshot_gap_seconds", "Total length of all gaps", registry=registry
        )
        self.deliveries = Counter(
            "earshot_webhook_deliveries",
            "Delivery attempts, by outcome",
            ["outcome"],
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            "earshot_webhook_request_seconds",
            "Response time of webhook endpoints",
            registry=registry,
        )
        self.commit_to_delivery = Histogram(
            "earshot_webhook_commit_to_delivery_seconds",
            "Time from an event's commit to the endpoint's answer",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.action_delivery = Histogram(
            "earshot_webhook_action_request_to_delivery_seconds",
            "Time from the request of a moderator's action to an endpoint's 2xx answer",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.breakers_open = Gauge(
            "earshot_webhook_breakers_open",
            "Webhook endpoints with an open breaker",
            registry=registry,
        )
        self.hooks = Counter(
            "earshot_hooks",
            "Calls of room servers, by outcome",
            ["outcome"],
            registry=registry,
        )
        self.policy_changes = Counter(
            "earshot_policy_changes",
            "Changes of packs, by origin and outcome",
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
        """Return all metrics in the text exposition format."""
        return generate_latest(self.registry)
