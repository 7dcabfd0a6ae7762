"""Each problem of a workspace file is reported with its place and a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.text.problems import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def problems(folder: Path, content: str | bytes) -> list[str]:
    """Returns the problems of a file with this content, as they are shown, without the folder."""
    file = folder / "workspace.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(WorkspaceError) as caught:
        load_workspace([file], {"HOME": "/home/ada", "BROKEN": "a\udc80"})
    quoted = [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]
    assert str(caught.value).replace(f"{folder}/", "") == "\n".join(quoted)
    return quoted


#: Each: what is wrong, the file, and its one problem.
CASES = r"""
# a misspelt key
load_from:
  - python_environment: {exectuable_path: x, target: {python_file: a}}
=> 2:26: cannot use the key `exectuable_path` in `python_environment`; did you mean
   `executable_path`?

# a key with capitals and hyphens
load_from:
  - python_file: {Relative-Path: a}
=> 2:19: cannot use the key `Relative-Path` in `python_file`; did you mean `relative_path`?

# a key like no other
load_from:
  - python_file: a
zzz: 1
=> 3:1: cannot use the key `zzz` in the file; expected load_from

# a key beside its mapping
load_from:
  - python_file:
      relative_path: a
    attribute: b
=> 4:5: cannot use the key `attribute` in an item of load_from: it belongs inside
   `python_file`; indent it further

# a key beside a file that is named by its path alone
load_from:
  - python_file: a
    attribute: b
=> 3:5: cannot use the key `attribute` in an item of load_from: it belongs inside `python_file`;
   make that a mapping with the keys `relative_path` and `attribute`

# a misspelt key beside a file
load_from:
  - python_file: a
    atribute: b
=> 3:5: cannot use the key `atribute` in an item of load_from; did you mean `attribute`? It belongs
   inside `python_file`; make that a mapping with the keys `relative_path` and `attribute`

# a misspelt option inside the target of an environment
load_from:
  - python_environment:
      executable_path: x
      target: {python_file: {relative_path: a, load_timout: 3}}
=> 4:48: cannot use the key `load_timout` in `python_file`; did you mean `load_timeout`? It belongs
   in `python_environment`; indent it less

# an option inside the target of an environment
load_from:
  - python_environment:
      executable_path: x
      target: {python_file: {relative_path: a, reload: no}}
=> 4:48: cannot use the key `reload` in `python_file`: it belongs in `python_environment`;
   indent it less

# a target beside executable_path
load_from:
  - python_environment: {executable_path: x, target: {python_file: a}, python_file: b}
=> 2:72: cannot use the key `python_file` in `python_environment`: it belongs inside
   `target`; indent it further

# two keys in an item
load_from:
  - python_file: a
    python_module: b
=> 3:5: cannot use `python_module` beside `python_file`: expected one key; begin another
   item with `- ` for another location

# an item without a key
load_from:
  - {}
=> 2:5: cannot read an item of load_from: expected a mapping with one of the keys
   python_file, python_module, python_package, python_environment, found none

# an item that is a text
load_from:
  - repos.py
=> 2:5: cannot read an item of load_from: expected a mapping with one of the keys
   python_file, python_module, python_package, python_environment, found `repos.py`

# a server
load_from:
  - grpc_server: {host: a, port: 1}
=> 2:5: cannot use the key `grpc_server` in an item of load_from: locations that another
   server runs are not supported yet

# a missing key
load_from:
  - python_file: {attribute: a}
=> 2:18: cannot find the key `relative_path` in `python_file`; add it: the Python file,
   relative to the folder of this file

# an environment without an interpreter
load_from:
  - python_environment: {target: {python_file: a}}
=> 2:25: cannot find the key `executable_path` in `python_environment`; add it: the Python
   interpreter

# a key twice
load_from:
  - python_file: {relative_path: a, relative_path: b}
=> 2:37: cannot use the key `relative_path` twice in `python_file`: it is already at
   workspace.yaml:2:19; remove one

# a list for a text
load_from:
  - python_module: [a]
=> 2:20: cannot read `python_module`: expected its `module_name`, or a mapping with the keys
   module_name, attribute, working_directory, location_name, executable_path, env, env_file,
   watch, reload, fork, health, limits, load_timeout, found a list

# a mapping for a number
load_from:
  - python_file: {relative_path: a, load_timeout: {}}
=> 2:51: cannot read `load_timeout`: expected a number of seconds, 0 for no limit, found a
   mapping

# a value that was left out
load_from:
  - python_file:
=> 2:17: cannot read `python_file`: expected a path, found nothing

# a boolean for a text
load_from:
  - python_module: on
=> 2:20: cannot read `python_module`: expected a dotted name such as company.pipelines (a
   file is a python_file), found `on`, which YAML reads as true; put a text in quotes: "on"

# a number for a text
load_from:
  - python_file: {relative_path: a, location_name: 2024}
=> 2:52: cannot read `location_name`: expected a name of at most 200 characters without
   white space or `/`, found `2024`; put a text in quotes: "2024"

# an octal number for a text
load_from:
  - python_file: 0755
=> 2:18: cannot read `python_file`: expected a path, found `0755`, which YAML reads as the
   octal number for 493; put a text in quotes: "0755"

# a tilde that YAML takes for nothing
load_from:
  - python_file: {relative_path: a, working_directory: ~}
=> 2:56: cannot read `working_directory`: expected a path, found `~`, which YAML reads as
   nothing; put a text in quotes: "~"

# a variable named no
load_from:
  - python_file: {relative_path: a, env: {NO: x}}
=> 2:43: cannot use this key of `env`: expected the name of a variable, without white space
   or `=`, found `NO`, which YAML reads as false; put a text in quotes: "NO"

# a variable without a value
load_from:
  - python_file: {relative_path: a, env: {A: }}
=> 2:45: cannot read `A`: expected a string, number or boolean, found nothing; write "" for
   an empty text

# an octal number
load_from:
  - python_file: {relative_path: a, load_timeout: 010}
=> 2:51: cannot read `load_timeout`: expected a number of seconds, 0 for no limit, found
   `010`, which YAML reads as the octal number for 8; write a plain decimal number

# a number in base 60
load_from:
  - python_file: {relative_path: a, load_timeout: 1:30}
=> 2:51: cannot read `load_timeout`: expected a number of seconds, 0 for no limit, found
   `1:30`, which YAML reads as a number in base 60; write a plain decimal number

# a number in quotes
load_from:
  - python_file: {relative_path: a, load_timeout: '5'}
=> 2:51: cannot read `load_timeout`: expected a number of seconds, 0 for no limit, found `5`
   as text; remove the quotes

# a number out of bounds
load_from:
  - python_file: {relative_path: a, health: {interval: 0}}
=> 2:56: cannot read `interval`: expected a number of seconds, found `0`; it must be above 0
   and at most 86400

# a boolean in quotes
load_from:
  - python_file: {relative_path: a, reload: 'no'}
=> 2:45: cannot read `reload`: expected true or false, found `no` as text; remove the quotes

# a misspelt word
load_from:
  - python_file: {relative_path: a, fork: nevr}
=> 2:43: cannot read `fork`: expected auto or never, found `nevr`; did you mean `never`?

# a size without its B
load_from:
  - python_file: {relative_path: a, limits: {memory: 512M}}
=> 2:54: cannot read `memory`: expected a size such as 512MiB or 2GiB, or a number of bytes,
   found `512M`; did you mean `512MiB`?

# a size that is no size
load_from:
  - python_file: {relative_path: a, limits: {memory: 512}}
=> 2:54: cannot read `memory`: expected a size such as 512MiB or 2GiB, or a number of bytes,
   found `512`; it must be at least 1048576 and at most 1152921504606846976 bytes; did you
   mean `512MiB`?

# a variable that is not set
load_from:
  - python_file: {env: UNSET}
=> 2:24: cannot expand the variable `UNSET`: it is not set in the environment of hostler;
   set it, or write the value here

# a variable that is not UTF-8
load_from:
  - python_file: {env: BROKEN}
=> 2:18: cannot read `python_file`: expected a path, found the value of the variable
   `BROKEN` with a character that no text may hold; remove it

# a home of nobody
load_from:
  - python_file: ~no-such-user/a.py
=> 2:18: cannot expand `~no-such-user/a.py`: there is no user `no-such-user`; write the
   whole path

# a file as a module
load_from:
  - python_module: repos.py
=> 2:20: cannot read `python_module`: expected a dotted name such as company.pipelines (a
   file is a python_file), found `repos.py`

# a default name that is none
load_from:
  - python_file: my repos.py
=> 2:18: cannot name the location `my repos.py` after its target: expected a name of at most
   200 characters without white space or `/`; add a `location_name`

# a name that stands for all
load_from:
  - python_file: {relative_path: a, location_name: "-"}
=> 2:52: cannot read `location_name`: expected a name of at most 200 characters without
   white space or `/`, found `-`

# a name twice
load_from:
  - python_file: a/x.py
  - python_file: b/x.py
=> 3:5: cannot use the location name `x.py` twice: the location at workspace.yaml:2:5 has
   it; give one of them another `location_name`

# a list at the top
- python_file: a
=> 1:1: cannot read the file: expected a mapping with the keys load_from, found a list

# no list
load_from: {python_file: a}
=> 1:12: cannot read `load_from`: expected a list, each item beginning with `- `, found a
   mapping

# an empty file
# nothing
=> 1:1: cannot find any location: the file is empty; begin with `load_from:` and a list

# a quote that is not closed
load_from:
  - python_file: 'a
=> 2:20: cannot read this as YAML: found unexpected end of stream (while scanning a quoted
   scalar)

# a colon too many
load_from: python_file: a
=> 1:23: cannot read this as YAML: mapping values are not allowed here

# a second document
load_from: []
---
load_from: []
=> 2:1: cannot read this as YAML: but found another document (expected a single document in
   the stream of line 1)

# a tag
load_from:
  - python_file: !!str a
=> 2:18: cannot use a tag: tags have no use; put a text that begins with `!` in quotes

# a local tag
load_from:
  - !include a.yaml
=> 2:5: cannot use a tag: tags have no use; put a text that begins with `!` in quotes

# a recursive alias
load_from:
  - &a {python_file: *a}
=> 2:22: cannot use the alias `*a` within its own anchor: it would never end

# an unknown alias
load_from:
  - *a
=> 2:5: cannot read this as YAML: found undefined alias; put a text that begins with `*` in
   quotes

# a surrogate
load_from:
  - python_file: "\uD800"
=> 2:18: cannot read `python_file`: expected a path, found "\ud800" with the character
   U+D800; remove it

# a merge with a text
load_from:
  - python_file: {<<: a, relative_path: b}
=> 2:23: cannot merge with `<<`: expected a mapping, found `a`

# a list as a key
load_from:
  - python_file: {[a]: b, relative_path: b}
=> 2:19: cannot use a list as a key of `python_file`
"""


def cases() -> Iterator[tuple[str, str, str]]:
    """Yields the title, the file and the problem of each case."""
    for block in CASES.strip().split("\n\n"):
        title, rest = block.removeprefix("# ").split("\n", 1)
        content, expected = rest.split("\n=> ")
        yield title, content, " ".join(expected.split())


@pytest.mark.parametrize(
    ("content", "expected"), [pytest.param(*case, id=title) for title, *case in cases()]
)
def test_a_single_problem_is_said_once(tmp_path: Path, content: str, expected: str) -> None:
    assert problems(tmp_path, content) == [f"workspace.yaml:{expected}"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            "load_from:\n\t- python_file: a",
            "2:1: cannot read a tab as indentation: YAML indents with spaces; replace the tab",
            id="a tab",
        ),
        pytest.param(
            "[" * 100,
            "1:52: cannot read this as YAML: the values are nested deeper than 50 levels",
            id="depth",
        ),
        pytest.param(
            "load_from:\n - \x01",
            "2:4: cannot read the character U+0001: YAML has no place for it; remove it, or write "
            "it as an escape in double quotes",
            id="a control character",
        ),
        pytest.param(
            "load_from: # ü\n - ü".encode("latin-1"),
            "1:14: cannot read the byte 0xfc: the file is not UTF-8; save it as UTF-8",
            id="Latin-1",
        ),
    ],
)
def test_what_no_table_can_hold(tmp_path: Path, content: str | bytes, expected: str) -> None:
    assert problems(tmp_path, content) == [f"workspace.yaml:{expected}"]


def test_an_escape_beyond_unicode(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, r'a: "\UFFFFFFFF"')
    assert problem.startswith("workspace.yaml:1:7: cannot read this as YAML: ")
