"""Requests to one webhook endpoint: limits, signatures and the breaker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from service.clock import Clock
from service.webhooks.delivery import Answer, Outcome, outcome_of
from service.webhooks.endpoint import Endpoint
from service.webhooks.message import Message
from service.webhooks.ports import Sender
from service.webhooks.retry_schedule import Breaker, Pause
from service.webhooks.signing import headers_for

log = structlog.get_logger()

CONTENT = {"content-type": "application/json", "user-agent": "earshot"}
AT_ONCE = 2
"""Concurrent requests to one endpoint: one in order, one of a ping or a redelivery."""
ACTIONS_AT_ONCE = 32
"""Concurrent requests with actions to one endpoint, beside all other requests."""
ACTION_S = 10.0
"""Time for an answer to an action. A shorter one than for other events leaves time for retries."""

_HEALTHY_AT_ONCE = 64
_FAILING_AT_ONCE = 32


@dataclass(slots=True)
class Limits:
    """Limits on concurrent requests to all endpoints together.

    Failing endpoints have a limit of their own, so that their time-outs do not delay the others.
    """

    healthy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_HEALTHY_AT_ONCE))
    failing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_FAILING_AT_ONCE))


class Receiver:
    """Sender to one endpoint, with the breaker that all of its queues share.

    Args:
        secrets: Function that returns the secrets that sign at a given time.
        chance: Function that returns a random number from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        secrets: Callable[[datetime], Sequence[str]],
        *,
        sender: Sender,
        limits: Limits,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.endpoint = endpoint
        self.breaker = Breaker()
        self.chance = chance
        self.recovered = asyncio.Event()
        self._secrets = secrets
        self._sender = sender
        self._limits = limits
        self._clock = clock
        self._pause = Pause()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._action_places = asyncio.Semaphore(ACTIONS_AT_ONCE)

    async def send(self, sent: Message) -> tuple[Answer, datetime, str]:
        """Send a message once. Returns: the answer, the time of sending and the signature."""
        limit = self._limits.failing if self.breaker.failures else self._limits.healthy
        async with self._places:
            if self._pause.seconds:
                await asyncio.sleep(self._pause.seconds)
            async with limit:
                now, headers = self._signed(sent)
                answer = await self._sender.post(self.endpoint.url, headers, sent.body)
        self._pause = self._pause.after(answer)
        self._learn(answer)
        return answer, now, headers["webhook-signature"]

    async def send_action(
        self, sent: Message, *, may_send: Callable[[], bool]
    ) -> tuple[Answer, datetime, str]:
        """Send an action once, beside all other messages and whatever the breaker's state.

        A success closes the breaker; a failure does not count, because it may be the action's own.

        Args:
            may_send: Called just before the first byte; False: nothing is sent.
        """
        async with self._action_places:
            now, headers = self._signed(sent)
            answer = await self._sender.post(
                self.endpoint.url, headers, sent.body, total_s=ACTION_S, may_send=may_send
            )
        if outcome_of(answer) is Outcome.DELIVERED:
            self._learn(answer)
        return answer, now, headers["webhook-signature"]

    def _signed(self, sent: Message) -> tuple[datetime, dict[str, str]]:
        now = self._clock()
        signed = headers_for(self._secrets(now), sent.id, now, sent.body)
        return now, {**CONTENT, **signed}

    def _learn(self, answer: Answer) -> None:
        now, was_open = self._clock(), self.breaker.is_open
        if outcome_of(answer) is not Outcome.DELIVERED:
            self.breaker = self.breaker.failed(now)
            if self.breaker.is_open and not was_open:
                log.warning("webhook.breaker_opened", webhook=self.endpoint.id)
            return
        self.breaker = self.breaker.succeeded(now)
        if was_open:
            log.info("webhook.breaker_closed", webhook=self.endpoint.id)
            self.recovered.set()
            self.recovered = asyncio.Event()
