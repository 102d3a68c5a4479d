"""The door to the `earshot` command."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the program, which takes a second or two, and run it.

    Ctrl-C in that time ends the process at once, with no traceback out of the middle of an import.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from service.commands.cli import run  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
