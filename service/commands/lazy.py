"""Command group that loads a command only when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from service.commands.loading import loading


@dataclass(frozen=True, slots=True)
class Later:
    """Command to load when it is called, or when its help is asked for.

    Attributes:
        where: Module and name, such as `service.commands.serve:serve`.
        does: First sentence of its help, for the group's list.
    """

    where: str
    does: str

    def load(self) -> click.Command:
        module, _, name = self.where.partition(":")
        with loading():
            command: click.Command = getattr(import_module(module), name)
        return command


class LazyGroup(click.Group):
    """
    Args:
        later: Commands by name, beside those of `commands`.
    """

    def __init__(self, *args: Any, later: Mapping[str, Later], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.later = later

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self.later})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in self.later:
            self.add_command(self.later[cmd_name].load(), cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._listed(name, room)) for name in names])

    def _listed(self, name: str, room: int) -> str:
        listed = self.commands.get(name) or click.Command(name, help=self.later[name].does)
        return listed.get_short_help_str(room)
