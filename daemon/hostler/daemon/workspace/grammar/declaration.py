"""The grammar of workspace.yaml: every mapping, its keys, and what they hold.

A class is a mapping, an annotated field is a key; one without a default is required. Validation,
the known keys and the JSON Schema are all made from these classes.
"""

# The annotations are read at run time, so they must not be strings.

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Annotated, Generic, NamedTuple, TypeVar, get_args

from hostler.daemon.workspace.grammar.kinds import (
    Boolean,
    Choice,
    Dictionary,
    Key,
    Number,
    Record,
    RecordList,
    Size,
    Text,
    TextList,
    Verbatim,
)
from hostler.daemon.workspace.text.models import (
    DEFAULT_LOAD_TIMEOUT,
    ForkChoice,
    Health,
    Position,
)

T = TypeVar("T")

# Longer is a number of milliseconds by mistake.
_DAY = 86_400
_DEFAULT_HEALTH = Health()

# `$` alone also matches before a last line feed in Python, and does not in JavaScript.
_END = r"$(?!\n)"
# Words of any script: all but white space and the punctuation of ASCII. `\w` would do in Python,
# but stands for ASCII letters alone in the editors that read the schema.
_PUNCTUATION = r"\s!-/:-@\[-\^`{-~"
_IDENTIFIER = rf"^[^\d{_PUNCTUATION}][^{_PUNCTUATION}]*{_END}"
_DOTTED_NAME = rf"^(?!.*\.py{_END})[^\s/\\:.]+(\.[^\s/\\:.]+)*{_END}"

_INTERPRETER = Text("a path or the name of an interpreter", ".venv/bin/python")
_INTERPRETER_DESCRIPTION = (
    "The Python interpreter. With a slash: relative to the folder of this file. A bare name is "
    "looked up in that folder, then on PATH."
)

#: A location's name: a segment of a resource name, where "-" stands for all.
LOCATION_NAME = Text(
    "a name of at most 200 characters without white space or `/`",
    "reports",
    rf"^(?!-{_END})[^/\s\u0000-\u001f\u007f-\u009f]+{_END}",
    max_length=200,
)
PATH = Text("a path", "pipelines/reports.py")
DOTTED_NAME = Text(
    "a dotted name such as company.pipelines (a file is a python_file)",
    "company.pipelines",
    _DOTTED_NAME,
)
ATTRIBUTE = Text("a Python name", "reports_repository", _IDENTIFIER)
VARIABLE = Text(
    "the name of a variable, without white space or `=`", "REPORTS_DATABASE", rf"^[^\s=]+{_END}"
)


@dataclass(frozen=True, slots=True)
class Located(Generic[T]):
    """A value and its place in the file.

    Attributes:
        secret: what messages call the value, which comes from a variable; empty for one to show.
    """

    value: T
    position: Position
    secret: str = ""


@dataclass(frozen=True, kw_only=True)
class DecodedMapping:
    """What the decoder adds to each mapping.

    Attributes:
        position: where it begins.
        is_valid: whether nothing in it was refused.
    """

    position: Position
    is_valid: bool


@dataclass(frozen=True, kw_only=True)
class HealthModel(DecodedMapping):
    """How the location's process is watched once it is ready."""

    interval: Annotated[
        Located[float] | None,
        Key(
            Number("a number of seconds", 0, _DAY, above=True),
            "Seconds between two pings.",
            _DEFAULT_HEALTH.interval,
        ),
    ] = None
    timeout: Annotated[
        Located[float] | None,
        Key(
            Number("a number of seconds", 0, _DAY, above=True),
            "Seconds that the answer to a ping may take.",
            _DEFAULT_HEALTH.timeout,
        ),
    ] = None
    failures: Annotated[
        Located[int] | None,
        Key(
            Number("a whole number", 1, 1000, integer=True),
            "Pings in a row without an answer after which the process is replaced.",
            _DEFAULT_HEALTH.failures,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class LimitsModel(DecodedMapping):
    """What the location's processes may use."""

    memory: Annotated[
        Located[int] | None,
        Key(
            Size(2**20, 2**60),
            "Memory of each process: a size such as 512MiB or 2GiB, or a number of bytes; "
            "at least 1MiB.",
        ),
    ] = None
    nice: Annotated[
        Located[int] | None,
        Key(
            Number("a whole number from -20 to 19", -20, 19, integer=True),
            "Scheduling priority: 19 yields to everything, below 0 needs privileges.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class LocationOptions(DecodedMapping):
    """The keys that every location may have, whatever its target."""

    executable_path: Annotated[
        Located[str] | None,
        Key(_INTERPRETER, f"{_INTERPRETER_DESCRIPTION} Without it: the daemon's own."),
    ] = None
    env: Annotated[
        Mapping[str, Located[str]] | None,
        Key(
            Dictionary(VARIABLE, Verbatim("a string, number or boolean")),
            "Environment variables of the location's processes.",
        ),
    ] = None
    env_file: Annotated[
        tuple[Located[str], ...] | None,
        Key(
            TextList(Text("a path", ".env")),
            "Files of lines NAME=value, under `env`; a later one wins.",
        ),
    ] = None
    watch: Annotated[
        tuple[Located[str], ...] | None,
        Key(
            TextList(Text("a glob", "queries/**/*.sql")),
            "Globs of more files whose change reloads the location.",
        ),
    ] = None
    reload: Annotated[
        Located[bool] | None,
        Key(Boolean(), "Whether a save reloads the location.", default=True),
    ] = None
    fork: Annotated[
        Located[ForkChoice] | None,
        Key(
            Choice(("auto", "never")),
            "How workers and runs start: forked where that is safe, or never forked.",
            "auto",
        ),
    ] = None
    health: Annotated[
        HealthModel | None,
        Key(Record(HealthModel), "How the location's process is watched once it is ready."),
    ] = None
    limits: Annotated[
        LimitsModel | None, Key(Record(LimitsModel), "What the location's processes may use.")
    ] = None
    load_timeout: Annotated[
        Located[float] | None,
        Key(
            Number("a number of seconds, 0 for no limit", 0, _DAY),
            "Seconds that loading the code may take; 0 for no limit.",
            DEFAULT_LOAD_TIMEOUT,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TargetKeys(DecodedMapping):
    """The keys of every target."""

    attribute: Annotated[
        Located[str] | None,
        Key(
            ATTRIBUTE,
            "The repository, the pipeline, or the function without arguments that returns one. "
            "Without it: every repository that the code holds, else its one pipeline.",
        ),
    ] = None
    working_directory: Annotated[
        Located[str] | None,
        Key(
            Text("a path", "pipelines"),
            "Where the code runs; first on sys.path. Without it: the file's folder for a "
            "python_file, the folder of this file for a python_module, none for a python_package.",
        ),
    ] = None
    location_name: Annotated[
        Located[str] | None,
        Key(
            LOCATION_NAME,
            "The location's name, unique in the workspace. Without it: the file's name, the module "
            "or the package, followed by `:` and the attribute where one is given.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class FileTarget(TargetKeys):
    """Code in a Python file."""

    relative_path: Annotated[
        Located[str], Key(PATH, "The Python file, relative to the folder of this file.")
    ]


@dataclass(frozen=True, kw_only=True)
class ModuleTarget(TargetKeys):
    """Code in a module that is found from the working directory."""

    module_name: Annotated[Located[str], Key(DOTTED_NAME, "The module's dotted name.")]


@dataclass(frozen=True, kw_only=True)
class PackageTarget(TargetKeys):
    """Code in a package that is installed in the environment."""

    package_name: Annotated[Located[str], Key(DOTTED_NAME, "The package's dotted name.")]


@dataclass(frozen=True, kw_only=True)
class FileLocation(LocationOptions, FileTarget):
    """A location with its code in a Python file."""


@dataclass(frozen=True, kw_only=True)
class ModuleLocation(LocationOptions, ModuleTarget):
    """A location with its code in a module that is found from the working directory."""


@dataclass(frozen=True, kw_only=True)
class PackageLocation(LocationOptions, PackageTarget):
    """A location with its code in a package that is installed in the environment."""


@dataclass(frozen=True, kw_only=True)
class TargetChoice(DecodedMapping):
    """The code of a python_environment: one of the three targets."""

    python_file: Annotated[
        FileTarget | None,
        Key(Record(FileTarget, short="relative_path"), "Code in a Python file."),
    ] = None
    python_module: Annotated[
        ModuleTarget | None,
        Key(
            Record(ModuleTarget, short="module_name"),
            "Code in a module that is found from the working directory.",
        ),
    ] = None
    python_package: Annotated[
        PackageTarget | None,
        Key(
            Record(PackageTarget, short="package_name"),
            "Code in a package that is installed in the environment.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class EnvironmentLocation(LocationOptions):
    """A location with an interpreter of its own."""

    # An explicit field, since the base's default would be inherited: here the key is required.
    executable_path: Annotated[Located[str], Key(_INTERPRETER, _INTERPRETER_DESCRIPTION)] = field()
    target: Annotated[
        TargetChoice,
        Key(Record(TargetChoice, single=True), "The code: one of the three targets."),
    ]


@dataclass(frozen=True, kw_only=True)
class Entry(DecodedMapping):
    """One location: a mapping with one key."""

    python_file: Annotated[
        FileLocation | None,
        Key(Record(FileLocation, short="relative_path"), "A location in a Python file."),
    ] = None
    python_module: Annotated[
        ModuleLocation | None,
        Key(
            Record(ModuleLocation, short="module_name"),
            "A location in a module that is found from the working directory.",
        ),
    ] = None
    python_package: Annotated[
        PackageLocation | None,
        Key(
            Record(PackageLocation, short="package_name"),
            "A location in a package that is installed in the environment.",
        ),
    ] = None
    python_environment: Annotated[
        EnvironmentLocation | None,
        Key(Record(EnvironmentLocation), "A location with an interpreter of its own."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Document(DecodedMapping):
    """The code locations that hostler runs, each in its own environment."""

    load_from: Annotated[
        tuple[Entry, ...],
        Key(RecordList(Record(Entry, single=True)), "The locations, each a mapping with one key."),
    ]


DOCUMENT = Record(Document)


class Declared(NamedTuple):
    """A key, and whether its class requires it."""

    key: Key
    required: bool


@cache
def keys_of(model: type) -> Mapping[str, Declared]:
    """Returns the known keys of a mapping: required ones first, then in order of declaration."""
    declared = {}
    for attribute in fields(model):
        annotations = get_args(attribute.type)
        if annotations and isinstance(annotations[-1], Key):
            declared[attribute.name] = Declared(annotations[-1], attribute.default is MISSING)
    return dict(sorted(declared.items(), key=lambda item: not item[1].required))
