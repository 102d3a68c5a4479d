"""Keeper of one room: joins it, joins it again when it is lost, and records its state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog

from service.errors import StoreAway
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import (
    Audience,
    CannotHear,
    Muted,
    RoomLost,
    RoomOver,
    RoomRefused,
    RoomSession,
)
from service.rooms.ports import RoomStore
from service.rooms.rejoin_backoff import REFUSED, UNREACHABLE, BackOff
from service.rooms.room import Room, RoomState, state_on_record

log = structlog.get_logger()

_PROVED_S = 10.0
"""Time heard after which a session counts as a success: the next loss starts the waits over."""
_RETRY_STORE_S = 1.0
_WAIT_TO_ACT_S = 10.0
"""Longest wait of an action for a room that is being joined."""


class MutedHere(Muted, Protocol):
    """A room's muted persons in memory, to be changed by actions."""

    def add(self, person: str) -> None: ...

    def discard(self, person: str) -> None: ...


class Keeper:
    """Keeper of one room. `run` ends when the room does.

    Attributes:
        room: The room with its present description; the store has its present state.
        ending: True once the room has ended and its last words are being put on record.

    Args:
        enter: Makes a new session of the room.
        muted: Persons whom moderators muted through us.
    """

    def __init__(
        self,
        room: Room,
        enter: Callable[[], RoomSession],
        muted: MutedHere,
        *,
        opens_as: RoomState,
        audience: Audience,
        store: RoomStore,
        metrics: Metrics,
        back_off: BackOff | None = None,
    ) -> None:
        self.room = room
        self.ending = False
        self._enter = enter
        self._opens_as = opens_as
        self._muted = muted
        self._audience = audience
        self._store = store
        self._metrics = metrics
        self._back_off = back_off or BackOff()
        self._session: RoomSession | None = None
        self._heard = asyncio.Event()
        self._join_now = asyncio.Event()
        self._heard_since_s: float | None = None
        self._state = (room.state, room.reason)
        self._state_changed = asyncio.Event()

    @property
    def state(self) -> RoomState:
        return state_on_record(self._state[0], listening=self.room.listening)

    @property
    def session_state(self) -> RoomState:
        """State of the session, as if listening were not paused."""
        return self._state[0]

    def change(self, room: Room) -> None:
        """Note the room's new description and tell its session."""
        self.room = room
        if self._session is not None:
            self._session.room_changed(room)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            recording = tasks.create_task(self._record_states(), name=f"room {self.room.id} state")
            self._set_state(self._opens_as, "")
            try:
                reason = await self._run_until_over()
                self.ending = True
                await self._audience.room_left(self.room.id, reason)
            except BaseException:
                recording.cancel()
                raise
            self._set_state(RoomState.ENDED, reason)

    def retry(self) -> None:
        """Join the room now if it is not heard."""
        if self._heard.is_set():
            return
        self._back_off.reset()
        self._join_now.set()

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        """Carry out a moderator's action; return the confirmation.

        Who is unmuted by it is not muted again meanwhile; a mute counts once it is confirmed.

        Raises:
            CannotAct: The action was not carried out, and will not be.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_TO_ACT_S):
                await self._heard.wait()
        if self._session is None or not self._heard.is_set():
            raise CannotAct(f"the room is {self.state} now: {self._state[1] or 'not heard'}")
        if action is not RoomAction.UNMUTE or person not in self._muted:
            return await self._session.act(action, person, words)
        self._muted.discard(person)  # else the session would mute them again
        try:
            return await self._session.act(action, person, words)
        except BaseException:
            self._muted.add(person)
            raise

    def set_muted(self, person: str, *, muted: bool) -> None:
        """Mute or unmute a person from now on, in the room now or not."""
        if muted:
            self._muted.add(person)
        else:
            self._muted.discard(person)

    async def apply_confirmed(self, action: RoomAction, person: str) -> None:
        """Do earshot's part of an action that the room server has confirmed."""
        if self._session is not None:
            await self._session.apply_confirmed(action, person)

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        return self._session is not None and await self._session.dismiss(speaker_id, reason)

    async def record_mute(self, speaker_id: str, *, muted: bool) -> bool:
        """Record a mute or unmute made at the room server; False where it is not known to us."""
        return self._session is not None and await self._session.record_mute(
            speaker_id, muted=muted
        )

    async def _run_until_over(self) -> str:
        """Run session after session; return the reason for which the room ended."""
        while True:
            reason = await self._run_session()
            if isinstance(reason, RoomOver):
                return str(reason)
            self._metrics.room_stays.labels(type(reason).__name__).inc()
            refused = isinstance(reason, RoomRefused)
            wait_s = self._back_off.next(REFUSED if refused else UNREACHABLE)
            if wait_s is None:
                self._set_state(
                    RoomState.LOST, f"{reason}; given up: POST the room again to try once more"
                )
                log.error("room.given_up", room=self.room.id)
            else:
                self._set_state(RoomState.LOST, str(reason))
            self._join_now.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._join_now.wait()

    async def _run_session(self) -> CannotHear:
        """Run one session; return the reason for its end."""
        self._session = self._enter()
        self._heard_since_s = None
        try:
            await self._session.run(self._mark_heard)
        except Exception as error:
            # A task group that fails while it is cancelled raises no CancelledError.
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise asyncio.CancelledError from error
            reason = _gravest_reason(error)
            if reason is None:
                self._metrics.failures.labels("room").inc()
                log.exception("room.stay_failed", room=self.room.id)
                reason = RoomLost("an unexpected error, which the server's log has in full")
            else:
                log.warning("room.stay_over", room=self.room.id, kind=type(reason).__name__)
            if not isinstance(reason, RoomOver):
                self._audience.room_lost(self.room.id)
            if self._went_well():
                self._back_off.reset()
            return reason
        finally:
            self._session = None
            self._heard.clear()

    def _went_well(self) -> bool:
        since_s = self._heard_since_s
        return since_s is not None and asyncio.get_running_loop().time() - since_s >= _PROVED_S

    def _mark_heard(self, missing: str) -> None:
        if self._heard_since_s is None:
            self._heard_since_s = asyncio.get_running_loop().time()
        self._heard.set()
        self._set_state(RoomState.DEGRADED if missing else RoomState.LISTENING, missing)

    def _set_state(self, state: RoomState, reason: str) -> None:
        if self._state != (state, reason):
            self._state = (state, reason)
            self._state_changed.set()

    async def _record_states(self) -> None:
        """Put every change of state on record until the room has ended; hearing does not wait."""
        recorded = (self.room.state, self.room.reason)
        while recorded[0] is not RoomState.ENDED:
            if recorded == self._state:
                self._state_changed.clear()
                await self._state_changed.wait()
                continue
            current = self._state
            try:
                room = await self._store.set_state(self.room.id, *current)
            except Exception as error:
                self._metrics.failures.labels("room state").inc()
                if not isinstance(error, StoreAway):
                    log.exception("room.state_not_recorded", room=self.room.id)
                await asyncio.sleep(_RETRY_STORE_S)
            else:
                log.info("room.state", room=self.room.id, state=room.state)
                recorded = current


def _gravest_reason(error: BaseException) -> CannotHear | None:
    """Return the gravest reason among a session's errors; None where one is unexpected."""
    found = list(_leaves(error))
    if not all(isinstance(one, CannotHear) for one in found):
        return None
    for kind in (RoomOver, RoomRefused, RoomLost):
        for one in found:
            if isinstance(one, kind):
                return one
    return None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
