"""Option type for the file that a long command writes at its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class OutFile(click.Path):
    """Path that is checked to be writable before the work begins."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        path: Path = super().convert(value, param, context)  # type: ignore[assignment]
        folder = path.parent
        if not str(value):
            self.fail("the name of the file is empty", param, context)
        if not path.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
            self.fail(
                f"{str(folder)!r} is not a folder that can be written to; make it first",
                param,
                context,
            )
        return path
