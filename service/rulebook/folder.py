"""Policy folder: its files are scanned again and again, and changes come into force.

A changed file is applied once two scans have found the same bytes, so that a file is never read
while it is half written. Files that changed together are applied together. A refused file is left
out, and its pack stays as it was until the file is corrected.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import structlog

from policies.finding import PackError, PackInvalid
from policies.load import MAX_BYTES, Loaded, load_together, pack_files
from policies.packs import demo_packs, shipped_packs
from service.errors import ConfigurationError
from service.metrics import Metrics
from service.rulebook.child_process import ChildAway
from service.rulebook.live import LivePolicies
from service.rulebook.version import Origin, digest_of

log = structlog.get_logger()

SCAN_EVERY_S = 2.0
_SETTLED_NS = 5_000_000_000
"""Age below which a file is read again: a second change may not alter its time stamp."""
_UNREADABLE, _GONE = "unreadable", "gone"


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """Result of scanning one file.

    Attributes:
        stamp: Modification time, size and inode.
        settled: True if an equal stamp means equal bytes.
        digest: Digest of its bytes, or `_UNREADABLE`.
    """

    stamp: tuple[int, int, int]
    settled: bool
    digest: str


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that is not in force, with every error.

    Attributes:
        path: Name of the file, without its folder.
    """

    path: str
    digest: str
    errors: Sequence[PackError]


class PolicyFolder:
    """Follow a folder of packs.

    Args:
        loaded: Packs of the folder that are in force from the start.
    """

    def __init__(
        self,
        folder: Path,
        loaded: Sequence[Loaded],
        live: LivePolicies,
        *,
        metrics: Metrics,
        every_s: float = SCAN_EVERY_S,
    ) -> None:
        self._folder = folder
        self._live = live
        self._metrics = metrics
        self._every_s = every_s
        self._files = {each.source.path: each for each in loaded}
        self._done = {path: digest_of(each.source.text) for path, each in self._files.items()}
        """Digest that was last applied or refused, by path."""
        self._pending: dict[str, str | None] = {}
        self._scanned: Mapping[str, ScannedFile] = {}
        self._refused: dict[str, RefusedFile] = {}
        self._beside = live.snapshot
        """Packs in force when files were refused last."""

    def refused(self) -> Sequence[RefusedFile]:
        return list(self._refused.values())

    async def run(self) -> NoReturn:
        while True:
            try:
                await self.check_folder()
            except ChildAway as away:  # a later scan applies it
                log.warning("policies.not_checked", why=away.detail)
            await asyncio.sleep(self._every_s)

    async def check_folder(self) -> None:
        """Scan the folder, and apply changes that two scans in a row have found.

        Raises:
            StoreAway, ChildAway: A later scan applies them.
        """
        try:
            self._scanned = await asyncio.to_thread(scan_folder, self._folder, self._scanned)
        except PackInvalid as invalid:  # no folder, or an empty one: everything stays
            self._pending = {}
            self._refuse(str(self._folder), _UNREADABLE, invalid.errors)
            return
        found = {path: file.digest for path, file in self._scanned.items()}
        self._retry_refused(found)
        changed = {
            path: found.get(path)
            for path in sorted({*found, *self._done})
            if found.get(path) != self._done.get(path)
        }
        stable = {
            path: digest
            for path, digest in changed.items()
            if path in self._pending and self._pending[path] == digest
        }
        self._pending = changed
        if stable:
            await self._apply(stable)

    def _retry_refused(self, found: Mapping[str, str]) -> None:
        """Have files checked again that were refused for a reason that may be over."""
        self._refused.pop(str(self._folder), None)
        for path, refused in list(self._refused.items()):
            back = path in found and refused.digest == _GONE
            if back or (path not in found and path not in self._files):
                del self._refused[path]
                if not back:
                    self._done.pop(path, None)
        if self._live.snapshot is not self._beside:
            self._beside = self._live.snapshot
            for path in self._refused:
                if path not in self._files:
                    self._done.pop(path, None)
                else:
                    self._done[path] = ""

    async def _apply(self, stable: Mapping[str, str | None]) -> None:
        files, errors = dict(self._files), dict[str, Sequence[PackError]]()
        for path, digest in stable.items():
            if digest is None:
                files.pop(path, None)
                continue
            report = await self._live.check_file(Path(path))
            if report.loaded is None:
                errors[path] = report.errors
            else:
                files[path] = report.loaded
        files = await self._follow(files, stable, errors)
        for path, digest in stable.items():
            if digest is not None:
                self._done[path] = digest
            elif path not in files:
                self._done.pop(path, None)
            else:
                digest, errors[path] = _GONE, [_needed(path)]
            if path in errors:
                self._refuse(path, digest or "", errors[path])
            else:
                self._refused.pop(path, None)
        self._files = files

    async def _follow(
        self,
        files: dict[str, Loaded],
        stable: Mapping[str, str | None],
        errors: dict[str, Sequence[PackError]],
    ) -> dict[str, Loaded]:
        """Bring the files into force, leaving out those that cannot be used with the others."""
        for _ in range(len(stable) + 1):
            if not files:
                return self._files
            try:
                await self._live.follow([files[path] for path in sorted(files)], Origin.FILE)
                return files
            except PackInvalid as invalid:
                files = self._without(files, stable, errors, invalid.errors)
        return self._files

    def _without(
        self,
        files: dict[str, Loaded],
        stable: Mapping[str, str | None],
        errors: dict[str, Sequence[PackError]],
        found: Sequence[PackError],
    ) -> dict[str, Loaded]:
        fresh = {path for path, digest in stable.items() if digest and path not in errors}
        bad = {each.path for each in found} & fresh or fresh
        for path in bad:
            own = [each for each in found if each.path == path]
            errors[path] = own or [_beside(path, each) for each in found]
            files.pop(path, None)
            if path in self._files:
                files[path] = self._files[path]
        if not bad:  # a file that has gone was needed
            files.update(self._files)
        return files

    def _refuse(self, path: str, digest: str, errors: Sequence[PackError]) -> None:
        name = Path(path).name
        before = self._refused.get(path)
        self._refused[path] = RefusedFile(name, digest, errors)
        if before is None or before.digest != digest:
            log.error(
                "policies.file_refused",
                file=name,
                errors=len(errors),
                line=errors[0].line,
                field=errors[0].field,
            )
            self._metrics.policy_changes.labels(Origin.FILE, "refused").inc()


def load_policies(folder: Path | None, *, demo: bool) -> list[Loaded]:
    """Load the operator's packs, or the shipped ones (for the demo model, the demo pack).

    Raises:
        ConfigurationError: With every error of every pack.
    """
    return load_files(folder or (demo_packs() if demo else shipped_packs()))


def load_files(folder: Path) -> list[Loaded]:
    """Load the packs of a folder at the start.

    Raises:
        ConfigurationError: With every error of every file.
    """
    try:
        return load_together(pack_files(folder))
    except PackInvalid as error:
        raise ConfigurationError(
            f"EARSHOT_POLICY_DIR: the policies in {folder} cannot be used:\n{error}"
        ) from error


def scan_folder(folder: Path, before: Mapping[str, ScannedFile]) -> dict[str, ScannedFile]:
    """Return the files of the folder by path; a file with an unchanged stamp is not read again.

    Raises:
        PackInvalid: There is no such folder, or no pack in it.
    """
    found: dict[str, ScannedFile] = {}
    for path in pack_files(folder):
        known = before.get(str(path))
        try:
            status = path.stat()
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            if known is not None and known.settled and known.stamp == stamp:
                found[str(path)] = known
                continue
            settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
            digest = hashlib.sha256(_read(str(path))).hexdigest()
        except FileNotFoundError:
            continue
        except OSError:
            stamp, settled, digest = (0, 0, 0), False, _UNREADABLE
        found[str(path)] = ScannedFile(stamp, settled, digest)
    return found


def _beside(path: str, error: PackError) -> PackError:
    """Return an error of another file as an error of this file, which caused it."""
    place = Path(error.path).name if error.line is None else f"{Path(error.path).name}:{error.line}"
    problem = f"cannot be used with the other files ({place} {error.field}: {error.problem})"
    return PackError(path, None, "", problem, error.remedy)


def _needed(path: str) -> PackError:
    problem = "has gone, and cannot be spared while other files are refused"
    return PackError(path, None, "", problem, "put it back, or mend those")


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)
