"""How the command ends: its exit codes, and the errors that carry them."""

from __future__ import annotations

import click

from hostler.cli.terminal.messages import say

OK = 0
#: The command failed: a run failed, or a name does not exist.
FAILED = 1
#: The command line, or the workspace file that it names, is not valid.
USAGE = 2
#: No daemon answers for the target.
UNREACHABLE = 3
#: A location is not in order.
UNHEALTHY = 4
#: Ctrl-C ended the command; shells show a death by SIGINT like this.
INTERRUPTED = 130


class CommandError(Exception):
    """Ends the command with a message on stderr and an exit code.

    Attributes:
        message: one that starts with "cannot".
        exit_code: one of this module.
        traceback: of the user's code, shown above the message.
    """

    def __init__(
        self, message: str, exit_code: int = FAILED, *, traceback: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.traceback = traceback

    def show(self) -> None:
        """Prints the message on stderr, the traceback before it."""
        if self.traceback:
            click.echo(self.traceback.rstrip(), err=True)
        say(self.message)
