"""The main job on real input: environments that cannot live together, behind one socket.

`./dev demo` starts this; `./dev demo --help` lists its options.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from environments import Environment, Recipe, environments
from expectations import DemoError, expect
from interpreters import LEGACY, MODERN, choose, find_interpreters
from narration import Narrator
from playground import Playground, playground
from steps import Steps

from hostler.client import HostlerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

#: Ships its data inside, so that the pipelines need no network.
DATA = "vega_datasets==0.9.0"


def main() -> int:
    """Shows it all; the exit code is 0 only if each step was seen to work."""
    options = _parse()
    narrator = Narrator()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        _show(options, narrator)
    except KeyboardInterrupt:
        narrator.failure(
            "interrupted; nothing is left running, and the copy of the files is removed"
        )
        return 130  # as a shell shows a death by SIGINT
    except (DemoError, HostlerError, OSError) as error:
        narrator.failure(str(error))
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev demo", description="Show what hostler does, on three environments."
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the daemon running, to play with"
    )
    parser.add_argument("--fresh", action="store_true", help="make the environments anew")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        default=_default_cache(),
        help="where the environments are kept (default: %(default)s)",
    )
    return parser.parse_args()


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "hostler-demo"


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Reaches the ends of the `with` blocks, which clean up."""
    raise SystemExit(128 + number)


def _show(options: argparse.Namespace, narrator: Narrator) -> None:
    narrator.title("Environments that cannot live together")
    narrator.say("pandas 1.5.3 needs Python 3.11 or older and numpy 1; the newest needs numpy 2.")
    recipes = _recipes(narrator)
    cache = options.cache.absolute()
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(environments(recipes, cache, narrator, fresh=options.fresh))
        for each in made:
            narrator.checked(f"{each.name}: pandas {each.pandas} on Python {each.python}")
        ground = stack.enter_context(playground(made, narrator, keep=options.keep))
        _play(Steps(ground, made, narrator), made, keep=options.keep)
        if options.keep:
            _say_how_to_go_on(ground, narrator)
    if not options.keep:
        left = [str(path) for path in (ground.folder, ground.socket) if path.exists()]
        expect("what is left of the files", expected=[], found=left)
    print()
    if not any(each.name == "legacy" for each in made):
        narrator.missing(_not_shown())
    narrator.say("Every step was seen to work.")


def _recipes(narrator: Narrator) -> list[Recipe]:
    """What is made of the interpreters that are there.

    Raises:
        DemoError: none can have the newest pandas.
    """
    interpreters = find_interpreters()
    legacy, modern = choose(interpreters, LEGACY), choose(interpreters, MODERN)
    if modern is None:
        raise DemoError(
            "cannot find an interpreter of Python 3.11 to 3.14 with venv and ensurepip, which the "
            "newest pandas needs; on Debian they are in the package python3-venv"
        )
    recipes = [Recipe("modern", modern, ("pandas>=3", DATA))]
    if legacy is None:
        narrator.missing(_not_shown())
    else:
        recipes.insert(0, Recipe("legacy", legacy, ("pandas==1.5.3", "numpy<2", DATA)))
    return recipes


def _not_shown() -> str:
    return (
        "Not shown: pandas 1.5 beside the newest one. It needs Python 3.8 to 3.11 with venv and "
        "ensurepip, and none was found on PATH or in pyenv."
    )


def _play(steps: Steps, made: Sequence[Environment], *, keep: bool) -> None:
    steps.start()
    steps.list_pipelines()
    steps.execute()
    if len(made) > 1:
        steps.swap()
    steps.edit()
    steps.break_and_repair()
    steps.kill()
    if not keep:
        steps.stop()


def _say_how_to_go_on(ground: Playground, narrator: Narrator) -> None:
    narrator.title("It is yours to play with")
    narrator.say("The daemon is left running. In another terminal, or here:")
    for line in (
        f"  cd {ground.folder}",
        f"  export PATH={Path(sys.executable).parent}:$PATH",
        "  hostler ps",
        "  hostler pipeline execute -l modern seattle_rain",
        "  hostler check               # for CI: loads and tries out everything",
        "  hostler events              # then edit locations/*.py or workspace.yaml",
        "  hostler logs -f census",
    ):
        narrator.say(line)
    narrator.say("To stop it and to remove its files:")
    narrator.say(f"  kill {ground.pid}; rm -r {ground.folder}")


if __name__ == "__main__":
    sys.exit(main())
