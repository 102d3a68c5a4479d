"""Delivery of one action to one endpoint: attempts until a 2xx, the expiry, or the action's end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from service.clock import Clock, iso
from service.errors import Problem, StoreAway
from service.metrics import Metrics
from service.webhooks import message
from service.webhooks.action_answer import ActionAnswer, parse_action_answer
from service.webhooks.delivery import Answer, Delivery, Outcome, outcome_of
from service.webhooks.endpoint import new_id
from service.webhooks.ledger import Ledger
from service.webhooks.ports import ActionResults
from service.webhooks.receiver import Receiver
from service.webhooks.requested_action import RequestedAction, retry_wait_s

log = structlog.get_logger()

_RETRY_STORE_S = 1.0


@dataclass(frozen=True, slots=True)
class LaneParts:
    """Parts that all deliveries of actions share."""

    results: ActionResults
    ledger: Ledger
    metrics: Metrics
    clock: Clock


class ActionDelivery:
    """Delivery of one action to one endpoint.

    Args:
        at_once: Whether it begins at once. The first attempt is then made even if the action is
            over already, as that of a connector that acts within milliseconds is.
    """

    def __init__(
        self, action: RequestedAction, receiver: Receiver, parts: LaneParts, *, at_once: bool
    ) -> None:
        self._action = action
        self._receiver = receiver
        self._parts = parts
        self._at_once = at_once
        self._attempts = 0
        self._message = message.of_event(receiver.endpoint.id, action.event)

    async def run(self) -> Outcome:
        """Send until one of the ends.

        Returns:
            DELIVERED, EXPIRED, DROPPED (the action was over first) or GONE (the answer was 410).
        """
        while (end := self._end()) is None:
            answer, at, signature = await self._receiver.send_action(
                self._message, may_send=lambda: self._end() is None
            )
            self._attempts += 1
            outcome, note, wait_s = outcome_of(answer), "", 0.0
            if outcome is Outcome.DELIVERED:
                note = await self._report(answer)
            elif outcome is not Outcome.GONE:
                now = self._parts.clock()
                wait_s = retry_wait_s(self._attempts, answer, now, self._receiver.chance())
            await self._record(outcome, answer, at, signature=signature, note=note, wait_s=wait_s)
            if outcome in (Outcome.DELIVERED, Outcome.GONE):
                return outcome
            await self._wait(wait_s)
        await self._record_end(end)
        return end

    def _end(self) -> Outcome | None:
        """Return why there is no further attempt; None if there is one."""
        if self._is_expired():
            return Outcome.EXPIRED
        if self._action.over.is_set() and (self._attempts or not self._at_once):
            return Outcome.DROPPED
        return None

    def _is_expired(self) -> bool:
        loop_s = asyncio.get_running_loop().time()
        return self._action.is_expired(self._parts.clock(), loop_s)

    async def _wait(self, wait_s: float) -> None:
        """Wait for the next attempt, or for the expiry or the end of the action, if sooner."""
        left_s = self._action.deadline_s - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(wait_s, max(left_s, 0.0))):
                await self._action.over.wait()

    async def _report(self, answer: Answer) -> str:
        """Store the delivery and what the answer says. Returns: a note for the record.

        What a receiver has confirmed is not lost: while the database is away, this waits.
        """
        at, said = self._parts.clock(), parse_action_answer(answer.text)
        requested_at = self._action.event.at
        self._parts.metrics.action_delivery.observe(max((at - requested_at).total_seconds(), 0.0))
        while True:
            try:
                await self._parts.results.record_delivery(self._action.id, at)
                await self._report_result(said)
            except StoreAway:
                self._parts.metrics.failures.labels("action result").inc()
                await asyncio.sleep(_RETRY_STORE_S)
            except Problem as error:
                return f"the answer was not taken: {error.detail}"
            else:
                return said.note

    async def _report_result(self, said: ActionAnswer) -> None:
        if said.outcome is not None:
            endpoint = self._receiver.endpoint
            who = endpoint.description or endpoint.id
            await self._parts.results.record_result(self._action.id, said.outcome, said.reason, who)

    async def _record(
        self,
        outcome: Outcome,
        answer: Answer,
        at: datetime,
        *,
        signature: str,
        note: str,
        wait_s: float,
    ) -> None:
        next_at = at + timedelta(seconds=wait_s)
        again = wait_s > 0 and next_at < self._action.expires_at
        self._parts.metrics.delivery_seconds.observe(answer.duration_ms / 1000)
        await self._write(
            Delivery(
                id=new_id("dl"),
                endpoint_id=self._receiver.endpoint.id,
                message_id=self._message.id,
                event_id=self._message.event_id,
                type=self._message.type,
                at=at,
                attempt=self._attempts,
                outcome=outcome,
                status=answer.status,
                error=answer.error or note,
                response=answer.text,
                duration_ms=answer.duration_ms,
                signature=signature,
                next_attempt_at=next_at if again else None,
            )
        )

    async def _record_end(self, end: Outcome) -> None:
        """Record that the action is not sent any more."""
        if end is Outcome.EXPIRED:
            why = f"the action expired at {iso(self._action.expires_at)}; it is never sent again"
        else:
            why = "the action was over before it could be delivered here; it is not sent any more"
        log.warning(
            "webhook.action_not_delivered",
            webhook=self._receiver.endpoint.id,
            action=self._action.id,
            outcome=end,
            attempts=self._attempts,
        )
        await self._write(
            Delivery(
                id=new_id("dl"),
                endpoint_id=self._receiver.endpoint.id,
                message_id=self._message.id,
                event_id=self._message.event_id,
                type=self._message.type,
                at=self._parts.clock(),
                attempt=self._attempts,
                outcome=end,
                error=why,
            )
        )

    async def _write(self, delivery: Delivery) -> None:
        self._parts.metrics.deliveries.labels(delivery.outcome).inc()
        await self._parts.ledger.record_attempt(None, delivery)
