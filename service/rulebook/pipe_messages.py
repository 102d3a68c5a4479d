"""Length-prefixed messages over a pipe between the server and its child process."""

from __future__ import annotations

import os
import struct

_LENGTH = struct.Struct("!Q")
_MOST_READ = 1 << 20
"""Most bytes of one read."""


class PipeClosed(Exception):
    """The other end has closed the pipe, or has died."""


def write_frame(descriptor: int, content: bytes) -> None:
    """Write a message; block until the other end has read it.

    Raises:
        PipeClosed
    """
    for part in (_LENGTH.pack(len(content)), content):
        left = memoryview(part)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except OSError as error:
                raise PipeClosed from error


def read_frame(descriptor: int) -> bytearray:
    """Read a message; block until all of it is there.

    Raises:
        PipeClosed: Before a message or within it.
    """
    (length,) = _LENGTH.unpack(_read(descriptor, _LENGTH.size))
    return _read(descriptor, length)


def _read(descriptor: int, length: int) -> bytearray:
    content = bytearray()
    while len(content) < length:
        try:
            part = os.read(descriptor, min(_MOST_READ, length - len(content)))
        except OSError as error:
            raise PipeClosed from error
        if not part:
            raise PipeClosed
        content += part
    return content
