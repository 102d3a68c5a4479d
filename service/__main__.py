"""The door to the `earshot` command."""

from __future__ import annotations

from service.commands.loading import loading


def main() -> None:
    with loading():
        from service.commands.cli import run  # noqa: PLC0415
    run()


if __name__ == "__main__":
    main()
