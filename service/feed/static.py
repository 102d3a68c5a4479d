"""Files of the console: in memory, compressed once, served with strict headers.

Only files that were in the folder when it was read are served, so no path leads out of it.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request, Response

from service.access.authenticate import refuse_in_address
from service.access.page_headers import PAGE_HEADERS
from service.errors import Problem
from service.provider import Provider

FOLDER = Path(__file__).parent / "console"
START = "index.html"

_PART_HEADERS: Mapping[str, str] = {
    name: PAGE_HEADERS[name] for name in ("X-Content-Type-Options", "Cross-Origin-Resource-Policy")
}
"""Headers of scripts and styles. They run nothing by themselves, and the headers of a page on sixty
files would be a third of the console's size."""

_PAGES = frozenset({".html", ".svg"})
"""Suffixes of files that a browser shows as a page, with scripts, at their address."""

_MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".md": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
"""Media types by suffix. Files with another suffix or none are not served."""

_NOT_AT_ALL = re.compile(r"q=0(\.0*)?")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """File of the console.

    Attributes:
        packed: Content as gzip; None if that is no smaller.
        digest: Digest of the content, for entity tags.
    """

    media_type: str
    headers: Mapping[str, str]
    content: bytes
    packed: bytes | None
    digest: str

    def respond(self, request: Request) -> Response:
        """Return the file, or 304 if the client has it already."""
        packed = self.packed if _takes_gzip(request.headers.get("accept-encoding", "")) else None
        tag = f'"{self.digest}"' if packed is None else f'"{self.digest}-gzip"'
        headers = {
            **self.headers,
            "Cache-Control": "no-cache",
            "ETag": tag,
            "Vary": "Accept-Encoding",
        }
        if _has(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        if packed is not None:
            headers["Content-Encoding"] = "gzip"
        content = self.content if packed is None else packed
        return Response(content, media_type=self.media_type, headers=headers)


class ConsoleFiles:
    """Files of a folder by their relative path, with `/` as separator."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._stamps: Mapping[str, tuple[int, int]] = {}
        self._files: Mapping[str, StaticFile] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the folder again if the time or size of a file has changed."""
        try:
            self._refresh()
        except FileNotFoundError:
            return  # a file is being replaced: the next call reads the new one

    def _refresh(self) -> None:
        paths = {
            path.relative_to(self._folder).as_posix(): path
            for path in self._folder.rglob("*")
            if path.suffix in _MEDIA_TYPES and path.is_file()
        }
        stamps = {
            name: (status.st_mtime_ns, status.st_size)
            for name, path in paths.items()
            for status in [path.stat()]
        }
        if stamps != self._stamps:
            self._files = {name: load_file(path) for name, path in paths.items()}
            self._stamps = stamps

    def find_file(self, name: str) -> StaticFile:
        """Return the file with this path.

        Raises:
            Problem: 404, there is none.
        """
        found = self._files.get(name)
        if found is None:
            raise Problem(404, "No such file", "the console has no file of this name; open `/`")
        return found


def load_file(path: Path) -> StaticFile:
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0)
    return StaticFile(
        _MEDIA_TYPES[path.suffix],
        PAGE_HEADERS if path.suffix in _PAGES else _PART_HEADERS,
        content,
        packed if len(packed) < len(content) else None,
        sha256(content).hexdigest()[:32],
    )


class ConsoleParts(Protocol):
    @property
    def console(self) -> ConsoleFiles: ...


CONSOLE = Provider[ConsoleParts]()
Parts = Annotated[ConsoleParts, Depends(CONSOLE)]


@router.api_route("/", methods=["GET", "HEAD"])
def start(request: Request, parts: Parts) -> Response:
    """Send the console's page with its current files, so that an edit needs no restart."""
    refuse_in_address(request.query_params.keys())
    parts.console.refresh()
    return parts.console.find_file(START).respond(request)


@router.api_route("/console/{name:path}", methods=["GET", "HEAD"])
async def file(name: str, request: Request, parts: Parts) -> Response:
    return parts.console.find_file(name).respond(request)


def _takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding allows gzip; a weight of zero forbids it."""
    for part in accepted.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";")
        if coding == "gzip":
            return not _NOT_AT_ALL.fullmatch(weight)
    return False


def _has(tags: str, tag: str) -> bool:
    """Return whether If-None-Match has the tag, by the weak comparison of RFC 9110."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in tags.split(","))
