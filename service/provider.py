"""Typed FastAPI dependency that gives a router the parts of the server that it needs."""

# Annotations are evaluated: FastAPI cannot resolve them as strings on an instance's `__call__`.
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from fastapi import FastAPI
from starlette.requests import HTTPConnection

T = TypeVar("T")


class Provider(Generic[T]):
    """Source of one server's parts, with the type that a router declares.

    A router declares a protocol of the parts that it needs, makes a `Provider` of it, and takes
    `Annotated[TheProtocol, Depends(PROVIDER)]`. At `provide` the type checker compares the
    protocol with the parts of a role.
    """

    def __init__(self) -> None:
        self._parts: WeakKeyDictionary[FastAPI, T] = WeakKeyDictionary()

    def provide(self, app: FastAPI, parts: T) -> None:
        """Give these parts to the requests of this application."""
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
