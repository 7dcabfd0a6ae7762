"""What the demo prints: colours and a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import difflib
import os
import shlex
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Says that one of several works has come to another stage.
Report = Callable[[str, str], None]


class Narrator:
    """Prints to stdout; errors to stderr."""

    def __init__(self) -> None:
        self.fancy = (
            sys.stdout.isatty()
            and "NO_COLOR" not in os.environ
            and os.environ.get("TERM") != "dumb"
        )
        self._console = Console(highlight=False, soft_wrap=True, no_color=not self.fancy)
        self._steps = 0

    def title(self, text: str) -> None:
        """Opens a step."""
        self._steps += 1
        text = f"{self._steps}. {text}"
        print()
        if self.fancy:
            self._console.rule(f"[bold cyan]{text}", align="left", style="cyan")
        else:
            print(f"== {text}")
        self.flush()

    def say(self, text: str) -> None:
        """Says what comes next."""
        self._print(text, "")

    def command(self, arguments: Sequence[str]) -> None:
        """Shows a command before it is executed."""
        self._print(f"$ {shlex.join(arguments)}", "bold")

    def checked(self, text: str) -> None:
        """Says what was seen to be so."""
        if self.fancy:
            self._console.print("[green]ok[/] ", end="")
            self._print(text, "")
        else:
            self._print(f"ok: {text}", "")

    def missing(self, text: str) -> None:
        """Says what is not shown, and why."""
        self._print(text, "yellow")

    def edit(self, name: str, old: str, new: str) -> None:
        """Shows the lines of a file that an edit changes."""
        self._print(f"edit {name}", "bold")
        for line in difflib.ndiff(old.splitlines(), new.splitlines()):
            if line.startswith("+ "):
                self._print(f"  {line}", "green")
            elif line.startswith("- "):
                self._print(f"  {line}", "red")

    def failure(self, text: str) -> None:
        """Says why the demo ends early."""
        self.flush()
        Console(stderr=True, highlight=False, soft_wrap=True, no_color=not self.fancy).print(
            f"demo: {text}", style="red", markup=False
        )

    def flush(self) -> None:
        """To be called before another process writes to the same terminal."""
        sys.stdout.flush()

    @contextlib.contextmanager
    def works(self, names: Sequence[str]) -> Iterator[Report]:
        """Shows works that go on side by side; yields what tells their stages."""
        if not self.fancy:
            begin = time.monotonic()
            stages: dict[str, str] = {}

            def tell(name: str, stage: str) -> None:
                if stages.get(name) != stage:
                    stages[name] = stage
                    self._print(f"  [{time.monotonic() - begin:5.1f} s] {name}: {stage}", "")
                    self.flush()

            yield tell
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            tasks = {name: progress.add_task(name, total=1) for name in names}

            def draw(name: str, stage: str) -> None:
                done = 1 if stage == "done" else 0
                progress.update(tasks[name], description=f"{name:<8} {stage:<60}", completed=done)

            yield draw

    def _print(self, text: str, style: str) -> None:
        self._console.print(text, style=style if self.fancy else "", markup=False)
        self.flush()
