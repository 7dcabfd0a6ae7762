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

from importlib.machinery import PathFinder

from hostler.host import standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable


#: The kind of what makes names of temporary files.
NAMES = "names of temporary files"

#: Numbers that stand for the states of the global generators when their modules were imported, or
#: at the last `watch`.
_first_states: dict[str, int | None] = {}


def watch(*, is_fork: bool = False) -> None:
    """Remembers the states of the global generators; of those to come, when they are imported.

    Args:
        is_fork: whether this process is a fork of one that has called this: what the fork has
            inherited is the same, but for the generator that Python seeds anew.
    """
    if not is_fork:
        _first_states.clear()
    for name, state_of in _GLOBAL.items():
        if name in sys.modules and (name == "random" or name not in _first_states):
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
        spec = standard.find_for_hostler(name, path)
        if spec is None:
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


def _python_state() -> int | None:
    """Returns a number that stands for the state: a text of it would be 7 kB of each process."""
    module: Any = sys.modules.get("random")
    generator = getattr(module, "_inst", None)
    return None if generator is None else hash(generator.getstate())


def _numpy_state() -> int | None:
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is None:
        return None
    try:
        words = numpy_random.get_state(legacy=False)["state"]
        return hash((words["key"].tobytes(), words["pos"]))
    except Exception:  # noqa: BLE001 (the user's code has put another generator there)
        return 0


def _torch_state() -> int | None:
    generator = getattr(sys.modules.get("torch"), "default_generator", None)
    try:
        return None if generator is None else hash(tuple(generator.get_state().tolist()))
    except Exception:  # noqa: BLE001 (the user's code has put another generator there)
        return 0


#: By the module that must be imported for it.
_GLOBAL = {"random": _python_state, "numpy.random": _numpy_state, "torch": _torch_state}


def kind_of(type_: type) -> str:
    """Names a type of generators, "" for another; `random.SystemRandom` has no state."""
    random: Any = sys.modules.get("random")
    if random is not None and issubclass(type_, random.Random):
        return "" if issubclass(type_, random.SystemRandom) else "random.Random"
    numpy_random: Any = sys.modules.get("numpy.random")
    for name in ("Generator", "RandomState", "BitGenerator", "SeedSequence"):
        kind = getattr(numpy_random, name, None)
        if isinstance(kind, type) and issubclass(type_, kind):
            return f"numpy.random.{name}"
    return ""


def names_of_files() -> type | None:
    """Returns the type of what makes names of temporary files, which a fork seeds by itself."""
    tempfile: Any = sys.modules.get("tempfile")
    found = getattr(tempfile, "_RandomNameSequence", None)
    return found if isinstance(found, type) else None


def known(sequences: Iterable[Any]) -> set[int]:
    """Returns the ids of the generators that are not the user's: Python's and numpy's global ones,
    and those that make names of temporary files.

    Args:
        sequences: the objects of the type `names_of_files`.
    """
    names = [getattr(one, "_rng", None) for one in sequences]
    random: Any = sys.modules.get("random")
    mtrand: Any = sys.modules.get("numpy.random.mtrand")
    state = getattr(mtrand, "_rand", None)
    bits = getattr(state, "_bit_generator", None)
    seeds = [getattr(bits, name, None) for name in ("seed_seq", "_seed_seq")]
    return set(map(id, (getattr(random, "_inst", None), *names, state, bits, *seeds)))


def states() -> dict[str, Any]:
    """Returns the states of the global generators that were seeded or used since `watch`.

    To be called before a step is forked: Python seeds its own anew in each fork.
    """
    return {name: _GET_STATE[name]() for name in seeded()}


def _random_state() -> Any:
    module: Any = sys.modules["random"]
    return module.getstate()


def _numpy_random_state() -> Any:
    module: Any = sys.modules["numpy.random"]
    return module.get_state(legacy=False)


def _torch_random_state() -> Any:
    module: Any = sys.modules["torch"]
    return module.default_generator.get_state().tolist()


_GET_STATE = {
    "random": _random_state,
    "numpy.random": _numpy_random_state,
    "torch": _torch_random_state,
}

#: As what each global generator is set apart.
_KINDS = {"random": "random.Random", "numpy.random": "numpy.random.RandomState", "torch": "torch"}


def found() -> list[tuple[str, Any]]:
    """Returns the generators that were made since this process's birth, each with its kind."""
    names = names_of_files()
    all_found = living.objects(lambda type_: NAMES if type_ is names else kind_of(type_))
    others = known(one for kind, one in all_found if kind == NAMES)
    return [each for each in all_found if each[0] != NAMES and id(each[1]) not in others]


def set_apart(name: str, generators: list[tuple[str, Any]], global_states: dict[str, Any]) -> None:
    """Has each generator continue from its state and a name; to be called in a forked step.

    One that was seeded draws the same numbers in each run, and others than its sibling steps draw.

    Args:
        name: of the attempt.
        generators: see `found`; called before the step freezes what it has inherited.
        global_states: see `states`.
    """
    for kind, generator in generators:
        _try_to_seed(kind, generator, None, name)
    for module, state in global_states.items():
        _try_to_seed(_KINDS[module], sys.modules[module], state, name)


def _try_to_seed(kind: str, generator: Any, state: Any, name: str) -> None:
    try:
        if kind == "numpy.random.SeedSequence":
            keys = (*generator.spawn_key, _number(generator.spawn_key, name) % 2**32)
            generator.__init__(generator.entropy, spawn_key=keys)
        elif kind == "random.Random":
            generator.seed(_number(state or generator.getstate(), name))
        elif kind == "torch":
            generator.default_generator.manual_seed(_number(state, name) % 2**63)
        elif kind == "numpy.random.RandomState":
            state = state or generator.get_state(legacy=False)
            generator.seed(_number(_comparable(state), name) % 2**32)
        else:
            bits = generator if kind == "numpy.random.BitGenerator" else generator.bit_generator
            bits.state = type(bits)(_number(_comparable(bits.state), name)).state
    except Exception:  # noqa: BLE001, S110 (a class of the user's may refuse it)
        pass


def _comparable(state: Any) -> Any:
    """Returns a state of numpy's whose text has every word of it: an array's leaves most out."""
    if isinstance(state, dict):
        return {name: _comparable(one) for name, one in state.items()}
    if isinstance(state, tuple):
        return tuple(map(_comparable, state))
    return state.tobytes() if hasattr(state, "tobytes") else state


def _number(state: object, name: str) -> int:
    return int.from_bytes(_digest((state, name)), "big")
