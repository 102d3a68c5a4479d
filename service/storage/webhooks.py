"""Webhook endpoints, their delivery queues and delivery attempts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, exists, func, insert, select, update

from service.alerts.action import ActionRequested
from service.feed.ports import Recorded
from service.storage.engine import Database
from service.storage.expiry import delete_in_batches
from service.storage.paging import cursor_of, older_than
from service.storage.tables import deliveries, events, pruned, webhook_lanes, webhooks
from service.webhooks.delivery import Delivery, Outcome
from service.webhooks.endpoint import Endpoint, EndpointState, Sealed
from service.webhooks.ports import DeliveryQueue, Waiting
from service.webhooks.retry_schedule import Head

COUNTED = 10_000
"""Most waiting events that are counted."""
_ACTION_OVER = (Outcome.DELIVERED, Outcome.EXPIRED, Outcome.DROPPED)
"""Outcomes after which an action is not sent to the endpoint again."""


class SqlWebhooks:
    """`service.webhooks.ports.WebhookStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, sealed: Sealed) -> None:
        endpoint = sealed.endpoint
        columns = asdict(endpoint) | {"secret": sealed.secret, "types": list(endpoint.types)}
        async with self._database.write() as connection:
            await connection.execute(insert(webhooks).values(columns))
            newest = await connection.scalar(select(func.max(events.c.id))) or 0
            gone = await connection.scalar(select(func.max(pruned.c.until))) or 0
            end = max(newest, gone)
            queue = DeliveryQueue(endpoint.id, endpoint.id, end, None, end, Head())
            await connection.execute(insert(webhook_lanes).values(_queue_columns(queue)))

    async def get(self, endpoint_id: str) -> Sealed | None:
        query = select(webhooks).where(webhooks.c.id == endpoint_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _sealed(row)

    async def all(self) -> Sequence[Sealed]:
        query = select(webhooks).where(webhooks.c.state != EndpointState.DELETED)
        query = query.order_by(webhooks.c.created_at, webhooks.c.id)
        async with self._database.read() as connection:
            return [_sealed(row) for row in await connection.execute(query)]

    async def queues(self) -> Sequence[DeliveryQueue]:
        query = (
            select(webhook_lanes).join(webhooks).where(webhooks.c.state == EndpointState.ENABLED)
        )
        query = query.order_by(webhook_lanes.c.id)
        async with self._database.read() as connection:
            return [_queue(row) for row in await connection.execute(query)]

    async def change(self, endpoint: Endpoint) -> None:
        is_it = and_(webhooks.c.id == endpoint.id, webhooks.c.state != EndpointState.DELETED)
        values = {"state": endpoint.state, "reason": endpoint.reason}
        async with self._database.write() as connection:
            await connection.execute(update(webhooks).where(is_it).values(values))

    async def disable(self, endpoint_id: str, reason: str) -> None:
        is_it = and_(webhooks.c.id == endpoint_id, webhooks.c.state == EndpointState.ENABLED)
        values = {"state": EndpointState.DISABLED, "reason": reason}
        async with self._database.write() as connection:
            await connection.execute(update(webhooks).where(is_it).values(values))

    async def rotate(self, endpoint_id: str, secret: str, now: datetime) -> None:
        values = {
            "old_secret": webhooks.c.secret,
            "secret": secret,
            "secret_rotated_at": now,
        }
        async with self._database.write() as connection:
            await connection.execute(
                update(webhooks).where(webhooks.c.id == endpoint_id).values(values)
            )

    async def delete(self, endpoint: Endpoint, dropped: Delivery) -> None:
        is_it = and_(webhooks.c.id == endpoint.id, webhooks.c.state != EndpointState.DELETED)
        values = {
            "state": EndpointState.DELETED,
            "reason": endpoint.reason,
            "deleted_at": dropped.at,
            "secret": "",
            "old_secret": None,
        }
        mine = webhook_lanes.c.webhook_id == endpoint.id
        async with self._database.write() as connection:
            if not (
                await connection.execute(update(webhooks).where(is_it).values(values))
            ).rowcount:
                return
            await connection.execute(delete(webhook_lanes).where(mine))
            await connection.execute(insert(deliveries).values(asdict(dropped)))

    async def write(self, queues: Sequence[DeliveryQueue], tried: Sequence[Delivery]) -> None:
        async with self._database.write() as connection:
            for queue in queues:
                values = _queue_columns(queue)
                is_it = webhook_lanes.c.id == values.pop("id")
                await connection.execute(update(webhook_lanes).where(is_it).values(values))
            # An interrupted write may have been committed nevertheless; it is repeated.
            ids = select(deliveries.c.id).where(deliveries.c.id.in_([one.id for one in tried]))
            there = set((await connection.scalars(ids)).all()) if tried else set()
            rows = [asdict(one) for one in tried if one.id not in there]
            if rows:
                await connection.execute(insert(deliveries), rows)

    async def end_queue(self, queue_id: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(webhook_lanes).where(webhook_lanes.c.id == queue_id))

    async def redeliver(self, queue: DeliveryQueue) -> None:
        async with self._database.write() as connection:
            await connection.execute(insert(webhook_lanes).values(_queue_columns(queue)))

    async def actions_since(self, at: datetime) -> Sequence[tuple[Recorded, Collection[str]]]:
        requested = select(
            events.c.id, events.c.type, events.c.at, events.c.room_id, events.c.data
        ).where(events.c.at >= at, events.c.type == ActionRequested.type)
        async with self._database.read() as connection:
            rows = await connection.execute(requested.order_by(events.c.id))
            found = [Recorded(*row) for row in rows]
            over = select(deliveries.c.event_id, deliveries.c.endpoint_id).where(
                deliveries.c.event_id.in_([event.id for event in found]),
                deliveries.c.outcome.in_(_ACTION_OVER),
            )
            pairs = [(row.event_id, row.endpoint_id) for row in await connection.execute(over)]
        return [(event, {to for id_, to in pairs if id_ == event.id}) for event in found]

    async def count_actions(self, endpoint: Endpoint, first: int, last: int) -> int:
        if not endpoint.wants_type(ActionRequested.type):
            return 0
        query = select(events.c.room_id).where(
            events.c.id.between(first, last), events.c.type == ActionRequested.type
        )
        async with self._database.read() as connection:
            rooms = (await connection.scalars(query)).all()
        return sum(endpoint.wants_room(room_id) for room_id in rooms)

    async def span(self, from_at: datetime, to_at: datetime) -> tuple[int, int] | None:
        query = select(func.min(events.c.id), func.max(events.c.id))
        query = query.where(events.c.at >= from_at, events.c.at <= to_at)
        async with self._database.read() as connection:
            first, last = (await connection.execute(query)).one()
        return None if first is None else (first, last)

    async def waiting(self, endpoint: Endpoint) -> Waiting:
        mine = and_(webhook_lanes.c.webhook_id == endpoint.id, webhook_lanes.c.until.is_(None))
        cursor = select(webhook_lanes.c.cursor).where(mine).scalar_subquery()
        query = select(events.c.type, events.c.room_id, events.c.at).where(
            events.c.id > cursor, events.c.type != ActionRequested.type
        )
        if endpoint.types:
            query = query.where(events.c.type.in_(endpoint.types))
        query = query.order_by(events.c.id).limit(COUNTED)
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            times = [row.at for row in rows if endpoint.wants_room(row.room_id)]
        return Waiting(len(times), times[0] if times else None)

    async def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        query = select(deliveries).where(
            deliveries.c.id == delivery_id, deliveries.c.endpoint_id == endpoint_id
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _delivery(row)

    async def deliveries(
        self, endpoint_id: str, outcomes: Sequence[Outcome], *, limit: int, cursor: str | None
    ) -> tuple[Sequence[tuple[Delivery, Recorded | None]], str | None]:
        query = select(deliveries).where(deliveries.c.endpoint_id == endpoint_id)
        query = query.order_by(deliveries.c.at.desc(), deliveries.c.id.desc())
        if outcomes:
            query = query.where(deliveries.c.outcome.in_(outcomes))
        if cursor is not None:
            query = query.where(older_than(cursor, deliveries.c.at, deliveries.c.id))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
            found = [_delivery(row) for row in rows]
            page = found[:limit]
            ids = [one.event_id for one in page if one.event_id is not None]
            logged = select(
                events.c.id, events.c.type, events.c.at, events.c.room_id, events.c.data
            ).where(events.c.id.in_(ids))
            by_id = {row.id: Recorded(*row) for row in await connection.execute(logged)}
        more = len(found) > limit
        next_cursor = cursor_of(page[-1].at, page[-1].id) if more else None
        return [(one, by_id.get(one.event_id or 0)) for one in page], next_cursor

    async def expire(self, before: datetime) -> int:
        logged = exists().where(events.c.id == deliveries.c.event_id)
        gone = and_(webhooks.c.state == EndpointState.DELETED, webhooks.c.deleted_at < before)
        removed = select(webhooks.c.id).where(gone)
        old = (
            (deliveries.c.at < before)
            | (deliveries.c.event_id.is_not(None) & ~logged)
            | deliveries.c.endpoint_id.in_(removed)
        )
        count = await delete_in_batches(self._database, deliveries.c.id, old)
        async with self._database.write() as connection:
            await connection.execute(delete(webhooks).where(gone))
        return count


def _queue_columns(queue: DeliveryQueue) -> dict[str, Any]:
    return {
        "id": queue.id,
        "webhook_id": queue.endpoint_id,
        "cursor": queue.cursor,
        "until": queue.until,
        "told_until": queue.reset_until,
        "head_event_id": queue.head.event_id,
        "attempts": queue.head.attempts,
        "due_at": queue.head.due_at,
        "not_before": queue.head.not_before,
    }


def _queue(row: Row[Any]) -> DeliveryQueue:
    head = Head(row.head_event_id, row.attempts, row.due_at, row.not_before)
    return DeliveryQueue(row.id, row.webhook_id, row.cursor, row.until, row.told_until, head)


def _sealed(row: Row[Any]) -> Sealed:
    endpoint = Endpoint(
        id=row.id,
        url=row.url,
        types=tuple(row.types),
        room=row.room,
        description=row.description,
        state=EndpointState(row.state),
        reason=row.reason,
        created_by=row.created_by,
        created_at=row.created_at,
        secret_rotated_at=row.secret_rotated_at,
    )
    return Sealed(endpoint, row.secret, row.old_secret)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**{**row._asdict(), "outcome": Outcome(row.outcome)})
