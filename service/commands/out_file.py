"""The option that names a file for what a long command finds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class OutFile(click.Path):
    """A file that is written at the end, and found to be writable before the work begins."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        path: Path = super().convert(value, param, context)  # type: ignore[assignment]
        folder = path.parent
        if not str(value):
            self.fail("it names no file", param, context)
        if not path.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
            self.fail(f"no file can be made in {str(folder)!r}; make that folder", param, context)
        return path
