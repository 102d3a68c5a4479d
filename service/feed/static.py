"""The console's files: held in memory, packed once, and served with strict headers.

Only what lay in the folder when it was read can be asked for, so no path leads out of it.
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
"""What the page's scripts and styles are sent with. They run nothing by themselves, and sixty times
the headers of a page would be a third of what the console weighs."""

_PAGES = frozenset({".html", ".svg"})
"""What a browser shows as a page, with scripts, where its address is opened."""

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
"""By suffix; a file with any other, or with none, is not served."""

_NOT_AT_ALL = re.compile(r"q=0(\.0*)?")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """
    Attributes:
        packed: The content as gzip; None where that is no smaller.
        digest: Of the content, for the entity tags.
    """

    media_type: str
    headers: Mapping[str, str]
    content: bytes
    packed: bytes | None
    digest: str

    def respond(self, request: Request) -> Response:
        """The file, or 304 where the client has it already."""
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
    """The files of a folder by their path in it, `/` between its steps."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._seen: Mapping[str, tuple[int, int]] = {}
        self._files: Mapping[str, StaticFile] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the folder again if a file in it has changed: a look at each one's time and size."""
        try:
            self._refresh()
        except FileNotFoundError:
            return  # replaced in this very moment: the next call sees what came of it

    def _refresh(self) -> None:
        paths = {
            path.relative_to(self._folder).as_posix(): path
            for path in self._folder.rglob("*")
            if path.suffix in _MEDIA_TYPES and path.is_file()
        }
        seen = {
            name: (status.st_mtime_ns, status.st_size)
            for name, path in paths.items()
            for status in [path.stat()]
        }
        if seen != self._seen:
            self._files = {name: read(path) for name, path in paths.items()}
            self._seen = seen

    def find(self, name: str) -> StaticFile:
        """Raises: Problem, 404."""
        found = self._files.get(name)
        if found is None:
            raise Problem(404, "No such file", "the console has no file of this name; open `/`")
        return found


def read(path: Path) -> StaticFile:
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
    """The console. Whoever opens it gets its files as they are now, without a restart."""
    refuse_in_address(request.query_params.keys())
    parts.console.refresh()
    return parts.console.find(START).respond(request)


@router.api_route("/console/{name:path}", methods=["GET", "HEAD"])
async def file(name: str, request: Request, parts: Parts) -> Response:
    return parts.console.find(name).respond(request)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding allows it; by a weight of zero it does not."""
    for part in accepted.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";")
        if coding == "gzip":
            return not _NOT_AT_ALL.fullmatch(weight)
    return False


def _has(tags: str, tag: str) -> bool:
    """By the weak comparison that RFC 9110 asks for here."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in tags.split(","))
