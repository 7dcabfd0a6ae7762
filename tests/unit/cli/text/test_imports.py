"""The imports of a location as a table, and as a tree."""

from hostler.cli.text.imports import import_rows, tree_rows
from hostler.v1.workspace_pb2 import ModuleImport


def module(name: str, depth: int, own: int, total: int) -> ModuleImport:
    made = ModuleImport(name=name, depth=depth)
    made.self_duration.FromMilliseconds(own)
    made.total_duration.FromMilliseconds(total)
    return made


#: As they are measured: a module follows those that it imports.
MODULES = [
    module("a", 2, 1, 1),
    module("b", 1, 2, 3),
    module("c", 1, 20, 20),
    module("top", 0, 5, 28),
    module("d", 0, 40, 40),
]


def test_the_longest_by_itself_comes_first() -> None:
    assert [row[2] for row in import_rows(MODULES)] == ["d", "c", "top", "b", "a"]
    assert import_rows(MODULES)[2] == ("5.0 ms", "28.0 ms", "top")


def test_a_tree_has_below_each_module_what_it_imports() -> None:
    names = [row[2] for row in tree_rows(MODULES)]
    assert names == ["d", "top", "  c", "  b", "    a"]


def test_a_tree_of_a_load_that_failed_has_what_was_imported() -> None:
    assert [row[2] for row in tree_rows(MODULES[:3])] == ["  c", "  b", "    a"]
