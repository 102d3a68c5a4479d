"""Keeps one room heard: joins it, joins it again when the way to it is lost, and says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog

from service.errors import StoreAway
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.back_off import REFUSED, UNREACHABLE, BackOff
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
from service.rooms.room import Room, RoomState

log = structlog.get_logger()

_PROVED_S = 10.0
"""A room that was heard for so long went well: the next loss is a new one."""
_RETRY_STORE_S = 1.0
_WAIT_TO_ACT_S = 10.0
"""An action in a room that is being joined waits for so long at most."""


class MutedHere(Muted, Protocol):
    """A room's muted speakers, as they are kept in memory."""

    def add(self, person: str) -> None: ...

    def discard(self, person: str) -> None: ...


class Keeper:
    """One room's. `run` ends when the room does.

    Attributes:
        room: As it was described, and stood, at the beginning.
        ending: The room has ended; the last words in it are being put on record.

    Args:
        enter: Makes a new stay in the room.
        muted: Whom moderators muted through us.
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
        self._again = asyncio.Event()
        self._heard_since_s: float | None = None
        self._standing = (room.state, room.reason)
        self._tell_again = asyncio.Event()

    @property
    def state(self) -> RoomState:
        return self._standing[0]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell(), name=f"room {self.room.id} state")
            self._stands(self._opens_as, "")
            try:
                over = await self._stay()
                self.ending = True
                await self._audience.room_left(self.room.id, over)
            except BaseException:
                telling.cancel()
                raise
            self._stands(RoomState.ENDED, over)

    def retry(self) -> None:
        """Somebody asks for the room anew: join now if it is not heard."""
        if self._heard.is_set():
            return
        self._back_off.reset()
        self._again.set()

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        """Carry out what somebody decided; how that was confirmed.

        Raises:
            CannotAct: It was not carried out, and will not be.
        """
        before = person in self._muted
        if action is RoomAction.MUTE:
            self._muted.add(person)
        elif action is RoomAction.UNMUTE:
            self._muted.discard(person)
        try:
            return await self._carry_out(action, person, words)
        except BaseException:
            (self._muted.add if before else self._muted.discard)(person)
            raise

    async def _carry_out(self, action: RoomAction, person: str, words: str) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_TO_ACT_S):
                await self._heard.wait()
        if self._session is not None and self._heard.is_set():
            return await self._session.act(action, person, words)
        if action is RoomAction.MUTE:
            return "the room is not heard now; muted as soon as it is"
        if action is RoomAction.UNMUTE:
            return "the room is not heard now; not muted again when it is"
        raise CannotAct(f"the room is {self.state} now: {self._standing[1] or 'not heard'}")

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        return self._session is not None and await self._session.dismiss(speaker_id, reason)

    async def _stay(self) -> str:
        """Stay after stay; why the room has ended."""
        while True:
            why = await self._one_stay()
            if isinstance(why, RoomOver):
                return str(why)
            self._metrics.room_stays.labels(type(why).__name__).inc()
            wait_s = self._back_off.next(REFUSED if isinstance(why, RoomRefused) else UNREACHABLE)
            if wait_s is None:
                self._stands(
                    RoomState.LOST, f"{why}; given up: POST the room again to try once more"
                )
                log.error("room.given_up", room=self.room.id)
            else:
                self._stands(RoomState.LOST, str(why))
            self._again.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._again.wait()

    async def _one_stay(self) -> CannotHear:
        """Why it is over."""
        self._session = self._enter()
        self._heard_since_s = None
        try:
            await self._session.run(self._is_heard)
        except Exception as error:
            # A task group that fails while it is cancelled forgets that it was.
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise asyncio.CancelledError from error
            why = _why(error)
            if why is None:
                self._metrics.failures.labels("room").inc()
                log.exception("room.stay_failed", room=self.room.id)
                why = RoomLost("an unexpected error, which the server's log has in full")
            else:
                log.warning("room.stay_over", room=self.room.id, kind=type(why).__name__)
            if not isinstance(why, RoomOver):
                self._audience.room_lost(self.room.id)
            if self._went_well():
                self._back_off.reset()
            return why
        finally:
            self._session = None
            self._heard.clear()

    def _went_well(self) -> bool:
        since_s = self._heard_since_s
        return since_s is not None and asyncio.get_running_loop().time() - since_s >= _PROVED_S

    def _is_heard(self, missing: str) -> None:
        if self._heard_since_s is None:
            self._heard_since_s = asyncio.get_running_loop().time()
        self._heard.set()
        self._stands(RoomState.DEGRADED if missing else RoomState.LISTENING, missing)

    def _stands(self, state: RoomState, reason: str) -> None:
        if self._standing != (state, reason):
            self._standing = (state, reason)
            self._tell_again.set()

    async def _tell(self) -> None:
        """Put every change on record until the room has ended; hearing does not wait for it."""
        told = (self.room.state, self.room.reason)
        while told[0] is not RoomState.ENDED:
            if told == self._standing:
                self._tell_again.clear()
                await self._tell_again.wait()
                continue
            standing = self._standing
            try:
                await self._store.set_state(self.room.id, *standing)
            except Exception as error:
                self._metrics.failures.labels("room state").inc()
                if not isinstance(error, StoreAway):
                    log.exception("room.state_not_recorded", room=self.room.id)
                await asyncio.sleep(_RETRY_STORE_S)
            else:
                log.info("room.state", room=self.room.id, state=standing[0])
                told = standing


def _why(error: BaseException) -> CannotHear | None:
    """The gravest reason in what a stay raised; None where there is another error in it."""
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
