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
        if not os.access(path.parent, os.W_OK):
            self.fail(f"no file can be made in {str(path.parent)!r}; make it", param, context)
        return path
