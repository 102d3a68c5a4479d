"""Typed FastAPI dependency through which a router gets the parts it needs of its server."""

# Annotations are evaluated: FastAPI cannot resolve them as strings on an instance's `__call__`.
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from fastapi import FastAPI
from starlette.requests import HTTPConnection

T = TypeVar("T")


class Provider(Generic[T]):
    """Hands out one server's parts, of the type that a router asks for.

    A router declares a protocol of what it needs, makes a `Provider` of it and takes
    `Annotated[TheProtocol, Depends(PROVIDER)]`. `provide` is where the type checker compares the
    protocol with what a role has.
    """

    def __init__(self) -> None:
        self._parts: WeakKeyDictionary[FastAPI, T] = WeakKeyDictionary()

    def provide(self, app: FastAPI, parts: T) -> None:
        """Let requests to this application have these parts."""
        self._parts[app] = parts

    def of(self, app: FastAPI) -> T:
        """Return the application's parts.

        Raises:
            RuntimeError: Nothing was provided; the application has not been started.
        """
        try:
            return self._parts[app]
        except KeyError:
            raise RuntimeError("no parts were provided for this application") from None

    async def __call__(self, connection: HTTPConnection) -> T:
        return self.of(connection.app)
