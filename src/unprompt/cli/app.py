"""The commands: each is a workflow, what prints its answer, and a note on its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

import unprompt
from unprompt.cli.flags import LIMITS, Workflow, option, settings, signed
from unprompt.errors import OptionError, Unconfirmed, UnpromptError

_JUDGED: Final = "Exit code: 0 = every input got an answer, 1 = some did not, 2 = wrong usage, 130 = interrupted."
_RESUMED: Final = "run the same command again to go on; what it stored is not made again"
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
    resume: str = _RESUMED
    """What an interrupted user is told who gave no ``--out``."""


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


class Commands(TyperGroup):
    """Builds a command when it is called; prints an error of the package in one line and exits: 2 = option, else 1."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: Any, name: str) -> Any:
        entry = self.table.get(name)
        if isinstance(entry, Command):
            app = typer.Typer(**LOOK)
            app.command(name)(_function(entry))
            return typer.main.get_command(app)
        return None if entry is None else typer.main.get_command(group(entry, GROUPS[name]))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each with the first line of its workflow, of which nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, Workflow(one.work).about.partition("\n")[0] if isinstance(one, Command) else GROUPS[name])
                    for name, one in self.table.items()
                ]
            )

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UnpromptError as error:
            from unprompt.cli.output import message

            message(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, OptionError) else 1) from error

    table: Mapping[str, Any] = COMMANDS


LOOK: Final[dict[str, Any]] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,  # plain help: rich would be a third of the time to start
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


def group(table: Mapping[str, Any], about: str) -> typer.Typer:
    """A Typer of the commands of a table."""
    app = typer.Typer(cls=type("Table", (Commands,), {"table": table}), help=about, **LOOK)
    app.callback()(lambda: None)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unprompt {unprompt.__version__}")
        raise typer.Exit


app = typer.Typer(name="unprompt", cls=Commands, **LOOK)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Is this picture an answer to a prompt? Evidences for AI-generated pictures, from four papers."""


def _function(command: Command) -> Callable[..., None]:
    """What Typer calls: the workflow with a quiet stdout, then what shows its answer; Ctrl-C ends with 130."""
    workflow = Workflow(command.work)
    parameters, positional = list(workflow.parameters()), workflow.positional

    def run(**given: Any) -> None:
        from unprompt.cli.output import message, quiet_stdout, show_log

        show_log()
        own = {"form": given.pop("form")} if command.form else {}
        if "options" in given:
            given["options"] = settings(given["options"])
        if changed := given.pop("instrument", None):
            given["suite"] = _overridden(given["suite"], changed)
        arguments = [given.pop(name) for name in positional]
        if positional == ["paths"]:
            from unprompt.workflows.prediction.path_list import listed

            arguments = [listed(arguments[0], sys.stdin.buffer, given.pop("null"))]
        watched, shown = (own, {}) if command.watch else ({}, own)
        if given.get("follow"):
            watched = {**watched, "follow": True}
        context = _shown(command.watch)(**watched) if command.watch else nullcontext({})
        try:
            with context as watch, quiet_stdout():
                answer = _confirmed(workflow.function(), arguments, {**given, **watch})
            code = _shown(command.show)(answer, **shown) if command.show else None
        except KeyboardInterrupt:
            message(f"interrupted: {_RESUMED if given.get('out') else command.resume}")
            raise typer.Exit(130) from None
        if given.get("report"):
            message(f"report: {given['report'] / 'index.html'}")
        if code:
            raise typer.Exit(code)

    if positional == ["paths"]:
        parameters.append(option("null", bool, False))
    if any(one.name == "suite" for one in parameters) and "suite" not in positional:
        parameters.append(option("instrument", list[str] | None, None))
    if command.form:
        choices = getattr(import_module("unprompt.cli.flags"), command.form)
        parameters.append(option("form", choices, "table"))
    return signed(run, parameters, f"{workflow.about}\n\n{command.note}".strip())


def _overridden(suite: str | None, pairs: list[str]) -> str:
    """The suite's name with what ``--instrument`` exchanges."""
    from unprompt.instruments.overrides import with_overrides

    if suite in (None, "auto"):
        raise OptionError(f"--instrument is {pairs[0]!r}, expected --suite beside it: name whose model is meant")
    return with_overrides(str(suite), pairs)


def _confirmed(work: Callable[..., Any], arguments: list[Any], given: dict[str, Any]) -> Any:
    """The answer; what is costly or irreversible is confirmed first, at a terminal, unless by ``--yes``."""
    lifted = {name: None for name in LIMITS if name in given}
    if any([given.pop(name) for name in lifted]):
        return work(*arguments, **given, **lifted)
    try:
        return work(*arguments, **given)
    except Unconfirmed as waiting:
        from unprompt.cli.output import confirm

        if not confirm(waiting.question):
            raise
        return work(*arguments, **given, **lifted)


def _shown(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(import_module(f"unprompt.cli.{module}"), name)
    return function
