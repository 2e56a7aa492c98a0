"""Every command has the options and defaults of its workflow, each with help, and shows them quickly."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from unprompt.cli.app import app
from unprompt.cli.commands import COMMANDS, Command
from unprompt.cli.flags import LIMITS, PYTHON_ONLY, Workflow


def commands() -> Iterator[tuple[str, Command]]:
    for name, one in COMMANDS.items():
        if isinstance(one, Command):
            yield name, one
        else:
            yield from ((f"{name} {inner}", command) for inner, command in one.items())


@pytest.mark.parametrize(("name", "command"), [*commands()])
def test_flags_are_the_parameters_of_the_workflow(name: str, command: Command) -> None:
    work = Workflow(command.work).function()
    stated = inspect.signature(work).parameters
    flags = {one.name: one for one in Workflow(command.work).parameters()}
    assert list(flags) == [one for one in stated if one not in PYTHON_ONLY]
    for one in stated.values():
        if one.name not in (*PYTHON_ONLY, *LIMITS):
            assert flags[one.name].default == one.default
    assert Workflow(command.work).about.partition("\n")[0] == inspect.cleandoc(work.__doc__).partition("\n")[0].replace(
        "``", "`"
    )


@pytest.mark.parametrize(("name", "command"), [*commands()])
def test_each_flag_has_its_help(name: str, command: Command) -> None:
    for one in Workflow(command.work).parameters():
        (info,) = (more for more in one.annotation.__metadata__ if isinstance(more, typer.models.ParameterInfo))
        assert info.help, one.name
    done = CliRunner().invoke(app, [*name.split(), "--help"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Args:" not in done.stdout


def test_help_of_a_command_loads_no_library() -> None:
    code = (
        "import sys\nfrom unprompt.cli import main\nsys.argv = ['unprompt', 'train', '--help']\n"
        "try:\n    main()\nfinally:\n"
        "    print({'torch', 'pyarrow', 'numpy', 'scipy'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--calibration" in done.stdout
    assert done.stderr.strip() == "set()"
