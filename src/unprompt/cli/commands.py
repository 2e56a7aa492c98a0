"""The table of commands: each is a workflow, what prints its answer, and a note on its exit code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final

from unprompt.cli.flags import Workflow, flag_of, option

_JUDGED: Final = "Exit code: 0 = every input got an answer, 1 = some did not, 2 = wrong usage, 130 = interrupted."
RESUMED: Final = "run the same command again to go on; what it stored is not made again"
_UNJUDGED: Final = "run the command again with the inputs that have no row yet to go on"


@dataclass(frozen=True)
class Command:
    """A command of the line."""

    work: str
    """The place of a :class:`~unprompt.cli.flags.Workflow`."""
    show: str = ""
    """MODULE:FUNCTION below ``unprompt.cli``: prints the answer and returns the exit code, None for 0; empty = none."""
    note: str = ""
    form: str = ""
    """The name of the choice of formats in ``flags``; empty = the answer has one form."""
    watch: str = ""
    """MODULE:FUNCTION below ``unprompt.cli``: a context of further arguments, which print while the workflow runs.

    It takes the format instead of ``show``.
    """
    resume: str = RESUMED
    """What an interrupted user is told who gave no ``--out``."""

    def parameters(self) -> list[inspect.Parameter]:
        """Of its workflow, and those that only the command line has."""
        workflow = Workflow(self.work)
        parameters, positional = list(workflow.parameters()), workflow.positional
        if positional == ["paths"]:
            parameters.append(option("null", bool, False))
        if any(one.name == "suite" for one in parameters) and "suite" not in positional:
            parameters.append(option("instrument", list[str] | None, None))
            parameters.append(option("lane", str | None, None))
        if self.form:
            choices = getattr(import_module("unprompt.cli.flags"), self.form)
            parameters.append(option("form", choices, "table"))
        return [*parameters, option("quiet", bool, False), option("verbose", bool, False)]

    def options(self) -> list[str]:
        """Names of the parameters that are flags."""
        positional = Workflow(self.work).positional
        return [one.name for one in self.parameters() if one.name not in positional]


COMMANDS: Final[Mapping[str, Command | Mapping[str, Command]]] = {
    "detect": Command(
        "detect:detect",
        "rows:predictions_code",
        _JUDGED,
        "Format",
        "rows:print_predictions",
        f"{_UNJUDGED}; with --out FILE the same command does",
    ),
    "attribute": Command(
        "attribute:attribute", "rows:attributions_code", _JUDGED, "Format", "rows:print_attributions", _UNJUDGED
    ),
    "extract": Command("extract:extract", "output:show_path"),
    "train": Command("train:train", "output:show_path", watch="output:progress"),
    "evaluate": Command("evaluate:evaluate", "figures:show_evaluation", form="TableFormat"),
    "reproduce": Command("reproduce:reproduce", "reproduce:show_reproduction", form="TableFormat"),
    "analyse": Command("analyse:analyse", "output:show_paths"),
    "card": Command("card:card", "output:show_path"),
    "audit": Command("audit:audit", "audit:show_audit", "Exit code: 0 = audited, whatever was found.", "TableFormat"),
    "fetch": Command("fetch:fetch", "output:show_path"),
    "import-checkpoint": Command("import_checkpoint:import_checkpoint", "output:show_path"),
    "doctor": Command("doctor:doctor", "output:show_checks", "Exit code: 0 = nothing fails, 1 = something does."),
    "suites": Command("catalogue:suites", "tables:print_dataclasses"),
    "methods": Command("catalogue:methods", "tables:print_dataclasses"),
    "datasets": Command("catalogue:datasets", "tables:print_dataclasses"),
    "config": Command("cli.configuration:config", "configuration:show"),
    "evidence": {
        "ls": Command("evidence:ls", "evidence:show_contents", form="TableFormat"),
        "verify": Command(
            "evidence:verify",
            "evidence:show_verification",
            "Exit code: 0 = all sound, 1 = some file is not.",
            "TableFormat",
        ),
        "prune": Command("evidence:prune", "evidence:show_removed", form="TableFormat"),
    },
    "serve": Command("serve.command:serve", resume="the service has ended"),
    "keys": {
        "add": Command("serve.keys_command:add", "output:show_line"),
        "list": Command("serve.keys_command:list_", "tables:print_dataclasses"),
        "remove": Command("serve.keys_command:remove", "output:show_line"),
    },
}
GROUPS: Final = {
    "evidence": "List what a folder of evidence holds, check it, remove what nothing needs.",
    "keys": "Make, list and take back the keys of the service's clients.",
}
"""What is said of several commands of one name."""


@cache
def known_flags() -> Mapping[str, Mapping[str, str]]:
    """Command, as ``evidence ls`` -> each flag without its dashes -> its parameter; nothing is imported."""
    return {name: {flag_of(one): one for one in command.options()} for name, command in each_command()}


def each_command() -> Iterator[tuple[str, Command]]:
    """With its whole name."""
    for name, one in COMMANDS.items():
        if isinstance(one, Command):
            yield name, one
        else:
            yield from ((f"{name} {inner}", command) for inner, command in one.items())
