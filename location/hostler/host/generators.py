"""Generators of random numbers that code makes at import: found, and set apart in forked steps.

A generator's state is copied by a fork, so that two forks would draw the same numbers. Runs of a
location whose code has made or seeded one at import load the code anew, as an interpreter of its
own would: an unseeded one differs from run to run, a seeded one begins at its seed. Concurrent
steps are forks of one run: there each generator continues from its state and the step's name.
"""

from __future__ import annotations

import sys

from hostler.host import living

try:
    from _blake2 import blake2b
except ImportError:  # not CPython, or built without its own hashes
    from hashlib import blake2b

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


#: The states of the global generators when their modules were imported, or at the last `watch`.
_first_states: dict[str, bytes | None] = {}


def watch() -> None:
    """Remembers the states of the global generators; of those to come, when they are imported."""
    _first_states.clear()
    for name, state_of in _GLOBAL.items():
        if name in sys.modules:
            _first_states[name] = state_of()
    if len(_first_states) < len(_GLOBAL) and not any(type(one) is _Finder for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def seeded() -> list[str]:
    """Returns the modules whose global generator was seeded or used since `watch`."""
    return [
        name
        for name, state_of in _GLOBAL.items()
        if name in sys.modules and _first_states.get(name) != state_of()
    ]


class _Finder:
    """Remembers the state of a global generator as soon as its module was executed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Returns the spec that the path finder has, for the modules that are waited for alone."""
        if name not in _GLOBAL or name in _first_states:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    """Executes a module by its own loader, and is gone after that."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        name = module.__name__
        _first_states[name] = _GLOBAL[name]()


def _digest(state: object) -> bytes:
    return bytes(blake2b(repr(state).encode(), digest_size=16).digest())


def _python_state() -> bytes | None:
    module: Any = sys.modules.get("random")
    generator = getattr(module, "_inst", None)
    return None if generator is None else _digest(generator.getstate())


def _numpy_state() -> bytes | None:
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is None:
        return None
    try:
        state = numpy_random.get_state(legacy=False)
        words = state["state"]
        return bytes(
            blake2b(words["key"].tobytes() + b"%d" % words["pos"], digest_size=16).digest()
        )
    except Exception:  # noqa: BLE001 (the user's code has put another generator there)
        return b"?"


#: By the module that must be imported for it.
_GLOBAL = {"random": _python_state, "numpy.random": _numpy_state}


def kind_of(type_: type) -> str:
    """Names a type of generators, "" for another; `random.SystemRandom` has no state."""
    random: Any = sys.modules.get("random")
    if random is not None and issubclass(type_, random.Random):
        return "" if issubclass(type_, random.SystemRandom) else "random.Random"
    numpy_random: Any = sys.modules.get("numpy.random")
    for name in ("Generator", "RandomState"):
        kind = getattr(numpy_random, name, None)
        if isinstance(kind, type) and issubclass(type_, kind):
            return f"numpy.random.{name}"
    return ""


def is_global(found: object) -> bool:
    """Returns whether it is Python's or numpy's global generator, or makes names of files."""
    random: Any = sys.modules.get("random")
    mtrand: Any = sys.modules.get("numpy.random.mtrand")
    known = (getattr(random, "_inst", None), getattr(mtrand, "_rand", None))
    return any(found is one for one in known) or _is_of_tempfile(found)


def _is_of_tempfile(found: object) -> bool:
    """Returns whether it makes names of temporary files; a fork seeds it anew by itself."""
    tempfile: Any = sys.modules.get("tempfile")
    sequence = getattr(tempfile, "_RandomNameSequence", None)
    return sequence is not None and any(
        getattr(each, "_rng", None) is found for _, each in living.objects(_named(sequence))
    )


def _named(wanted: type) -> Callable[[type], str]:
    return lambda type_: "wanted" if type_ is wanted else ""


def set_apart(name: str) -> None:
    """Has each generator continue from its state and a name; to be called in a forked step.

    One that was seeded draws the same numbers in each run, and others than its sibling steps draw.
    """
    for kind, generator in list(living.objects(kind_of)):
        if is_global(generator):
            continue
        try:
            if kind == "random.Random":
                generator.seed(_number(generator.getstate(), name))
            elif kind == "numpy.random.RandomState":
                generator.seed(_number(generator.get_state(), name) % 2**32)
            else:
                bits = generator.bit_generator
                bits.state = type(bits)(_number(bits.state, name)).state
        except Exception:  # noqa: BLE001, S110 (a class of the user's may refuse it)
            pass


def _number(state: object, name: str) -> int:
    return int.from_bytes(_digest((state, name)), "big")
