"""HTTP with a time limit for the arrival of a request, and a bound on connections.

uvicorn bounds only the pause between two requests. Without this limit, a client that sends half a
request could hold its connection for ever.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.commands.connections import REFUSAL, Connections

REQUEST_S = 15.0
"""Longest time from the connection, or the end of the last answer, to the end of the body."""


class TimedProtocol(H11Protocol):
    """Closes a connection whose request has not arrived in full within `REQUEST_S`.

    Attributes:
        places: Places of all open connections; `bound_protocol` sets them.
    """

    places: ClassVar[Connections]
    _deadline: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if not self.places.admit(self):
            self._refused = True
            transport.write(REFUSAL)
            transport.close()
            return
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self.places.remove(self)
        if self._refused:
            return
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def give_way(self) -> None:
        """Close the connection for another one."""
        self.transport.abort()

    def is_unread(self) -> bool:
        """Return whether the client leaves its answer unread."""
        return self.flow.write_paused

    def _wait(self) -> None:
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            if self._deadline is None:
                self._deadline = self.loop.call_later(REQUEST_S, self.transport.close)
                self.places.mark_waiting(self)
        else:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self.places.mark_busy(self)


def bound_protocol(of: Connections) -> type[TimedProtocol]:
    """Return the protocol of a server with these connections."""

    class BoundProtocol(TimedProtocol):
        places = of

    return BoundProtocol
