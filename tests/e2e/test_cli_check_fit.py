"""hostler check finds what schedules, partitions and presets would launch in vain."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Shell, shell_in

UNFIT = """\
from hostler.definitions import (
    PresetDefinition, partition_set, pipeline, repository, schedule, solid
)


@solid(config_schema={"n": int})
def one(context):
    return 1


MINE = {"solids": {"one": {"config": {"n": "x"}}}}


@pipeline(presets=[PresetDefinition("mine", run_config=MINE)])
def p():
    one()


@schedule("0 6 * * *", "p")
def nightly():
    return {"solids": {"one": {"config": {"m": 1}}}}


@partition_set("p", lambda: ["1", "2"])
def parts(partition):
    return {"solids": {"two": {}}}


@repository
def repo():
    return [p, nightly, parts]
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with shell_in(tmp_path) as shell:
        yield shell


def test_what_would_be_launched_in_vain_is_found(shell: Shell) -> None:
    shell.write("unfit.py", UNFIT)
    done = shell.run("check", "-f", "unfit.py")
    assert done.code == 4
    said = done.out
    assert "preset 'mine' does not fit pipeline 'p': solids.one.config.n: found 'x'" in said
    assert "schedule 'nightly' of repository 'repo': what it launches does not fit" in said
    assert "partition set 'parts' of repository 'repo': partition '1' does not fit" in said
