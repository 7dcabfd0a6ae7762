"""Lines of `python -X importtime`."""

import pytest

from hostler.daemon.locations.import_times import ModuleImport, read_import


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import time:       420 |       1000 | numpy", ModuleImport("numpy", 0, 420e-6, 1e-3)),
        ("import time:         7 |          7 |     a.b", ModuleImport("a.b", 2, 7e-6, 7e-6)),
        ("import time: self [us] | cumulative | imported package", None),
        ("import time: flies", None),
        ("printed by the code", None),
        ("", None),
    ],
)
def test_a_line(line: str, expected: ModuleImport | None) -> None:
    assert read_import(line) == expected
