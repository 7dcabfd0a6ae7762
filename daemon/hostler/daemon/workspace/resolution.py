"""Resolves the models of one file into locations: paths, variables, names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hostler.daemon.workspace.grammar.declaration import (
    LOCATION_NAME,
    FileTarget,
    ModuleTarget,
    PackageTarget,
)
from hostler.daemon.workspace.text import env_file
from hostler.daemon.workspace.text.models import (
    DEFAULT_LOAD_TIMEOUT,
    Health,
    Limits,
    LocationSpec,
    Target,
)
from hostler.daemon.workspace.text.paths import Paths, UnknownHomeError
from hostler.daemon.workspace.text.problems import Problem, quote_short
from hostler.daemon.workspace.text.reading import UnreadableError, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostler.daemon.workspace.grammar.declaration import (
        Entry,
        HealthModel,
        LimitsModel,
        Located,
        LocationOptions,
    )
    from hostler.daemon.workspace.text.models import Position
    from hostler.daemon.workspace.text.reading import SourceFile

AnyTarget = FileTarget | ModuleTarget | PackageTarget


class _EntryParts(NamedTuple):
    """The parts of an entry, which are the same in each of its forms."""

    target: AnyTarget
    options: LocationOptions


class Resolver:
    """Resolves the entries of one file; collects what is wrong and goes on.

    Attributes:
        problems: what was refused so far.
        env_files: every env file that an entry names, absolute, also a missing one.
    """

    def __init__(self, source: SourceFile, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.env_files: list[str] = []
        self._source = source
        self._paths = Paths(source.folder, environ)
        self._parsed: dict[str, dict[str, str]] = {}

    def location(self, entry: Entry) -> LocationSpec | None:
        """Returns the location that an entry asks for; None where anything in it was refused."""
        parts = _entry_parts(entry)
        if parts is None:
            return None
        before = len(self.problems)
        target, options = parts
        env = self._env(options)
        code = self._target(target)
        executable = options.executable_path
        spec = LocationSpec(
            name=self._name(target, code),
            target=code,
            source=entry.position,
            executable=self._resolve(executable, self._paths.executable) if executable else None,
            env=tuple(sorted(env.items())),
            watch=tuple(
                sorted({self._resolve(glob, self._paths.pattern) for glob in options.watch or ()})
            ),
            reload=options.reload.value if options.reload else True,
            fork=options.fork.value if options.fork else "auto",
            health=_health(options.health),
            limits=_limits(options.limits),
            load_timeout=(
                options.load_timeout.value if options.load_timeout else DEFAULT_LOAD_TIMEOUT
            ),
        )
        return spec if entry.is_valid and len(self.problems) == before else None

    def _refuse(self, position: Position, message: str) -> None:
        self.problems.append(self._source.problem(position, message))

    def _resolve(self, located: Located[str], resolve: Callable[[str], str]) -> str:
        try:
            return resolve(located.value)
        except UnknownHomeError as error:
            self._refuse(located.position, error.message(located.secret))
            return located.value

    def _target(self, target: AnyTarget) -> Target:
        attribute = target.attribute.value if target.attribute else None
        given = target.working_directory
        directory = self._resolve(given, self._paths.absolute) if given else None
        match target:
            case FileTarget():
                file = self._resolve(target.relative_path, self._paths.absolute)
                return Target("python_file", file, attribute, directory or str(Path(file).parent))
            case ModuleTarget():
                module = target.module_name.value
                return Target("python_module", module, attribute, directory or self._paths.folder)
            case PackageTarget():
                return Target("python_package", target.package_name.value, attribute, directory)

    def _name(self, target: AnyTarget, code: Target) -> str:
        if target.location_name:
            return target.location_name.value
        name = Path(code.value).name if code.kind == "python_file" else code.value
        if code.attribute:
            name += f":{code.attribute}"
        if not LOCATION_NAME.accepts(name):
            shown = _value_of_target(target).secret or quote_short(name)
            self._refuse(
                target.position,
                f"cannot name the location {shown} after its target: expected "
                f"{LOCATION_NAME.expected}; add a `location_name`",
            )
        return name

    def _env(self, options: LocationOptions) -> dict[str, str]:
        env: dict[str, str] = {}
        for located in options.env_file or ():
            path = self._resolve(located, self._paths.absolute)
            if path not in self._parsed:
                self.env_files.append(path)
                self._parsed[path] = self._read_env_file(path, located)
            env |= self._parsed[path]
        return env | {name: value.value for name, value in (options.env or {}).items()}

    def _read_env_file(self, path: str, located: Located[str]) -> dict[str, str]:
        try:
            variables, faulty_lines = env_file.parse(read_text(path))
        except UnreadableError as error:
            if error.line:  # the message of such an error shows a byte
                message = "cannot read this line: the file is not UTF-8; save it as UTF-8"
                self.problems.append(Problem(path, error.line, error.column, message))
            else:
                shown = located.secret or path
                self._refuse(located.position, f"cannot use the env file {shown}: {error.message}")
            return {}
        self.problems += [
            Problem(path, faulty.line, faulty.column, faulty.message) for faulty in faulty_lines
        ]
        return variables


def _value_of_target(target: AnyTarget) -> Located[str]:
    match target:
        case FileTarget():
            return target.relative_path
        case ModuleTarget():
            return target.module_name
        case PackageTarget():
            return target.package_name


def _entry_parts(entry: Entry) -> _EntryParts | None:
    direct = entry.python_file or entry.python_module or entry.python_package
    if direct is not None:
        return _EntryParts(direct, direct)
    environment = entry.python_environment
    if environment is None:
        return None
    choice = environment.target
    target = choice.python_file or choice.python_module or choice.python_package
    return None if target is None else _EntryParts(target, environment)


def _health(model: HealthModel | None) -> Health:
    if model is None:
        return Health()
    default = Health()
    return Health(
        interval=model.interval.value if model.interval else default.interval,
        timeout=model.timeout.value if model.timeout else default.timeout,
        failures=model.failures.value if model.failures else default.failures,
    )


def _limits(model: LimitsModel | None) -> Limits:
    if model is None:
        return Limits()
    return Limits(
        memory=model.memory.value if model.memory else None,
        nice=model.nice.value if model.nice else None,
    )
