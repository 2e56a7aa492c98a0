"""The commands as Typer runs them: defaults, a quiet stdout, confirmation, errors and Ctrl-C."""

from __future__ import annotations

import inspect
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from importlib.resources import files
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

import unprompt
from unprompt.choices import AUTO
from unprompt.cli.commands import COMMANDS, GROUPS, RESUMED, Command, known_flags
from unprompt.cli.flags import LIMITS, Workflow, flag_of, settings, signed
from unprompt.errors import OptionError, Unconfirmed, UnpromptError


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
            from unprompt.cli.output import log, message

            log.debug("where it happened:", exc_info=True)
            message("; ".join([f"error: {error}", *getattr(error, "__notes__", ())]))
            raise typer.Exit(2 if isinstance(error, OptionError) else 1) from error
        except typer.BadParameter as error:
            from unprompt.cli.checking import misread
            from unprompt.cli.output import message

            if (told := misread(error)) is None:
                raise
            message(f"error: {told}")
            raise typer.Exit(2) from error

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
        shelf = files("unprompt") / "suites"
        for name in ("miniature", "paper", "photo"):
            typer.echo(f"suite {name} {tomllib.loads((shelf / name / 'suite.toml').read_text('utf-8'))['version']}")
        raise typer.Exit


_CONTEXT: Final = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
_SOURCES: Final = {"COMMANDLINE": "the flag", "ENVIRONMENT": "the environment", "DEFAULT_MAP": "the file of settings"}
app = typer.Typer(name="unprompt", cls=Commands, **{**LOOK, "add_completion": True})


@app.callback()
def root(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the package's and its suites' versions.",
        ),
    ] = False,
) -> None:
    """Is this picture an answer to a prompt? Evidences for AI-generated pictures, from four papers.

    A flag's default may stand in unprompt.toml or in a variable, as UNPROMPT_SUITE: `unprompt config` shows them.
    """
    from unprompt.cli.configuration import default_map, find

    if ctx.invoked_subcommand == "doctor":  # which tells what is wrong with the file
        from unprompt.cli.checking import sound_map

        ctx.default_map = sound_map("doctor")
    elif find():
        ctx.default_map = default_map(known_flags())


def _function(command: Command) -> Callable[..., None]:
    """What Typer calls: the workflow with a quiet stdout, then what shows its answer; Ctrl-C ends with 130."""
    positional = Workflow(command.work).positional

    def run(ctx: typer.Context, **given: Any) -> None:
        from unprompt.cli.checking import telling_origins

        with telling_origins(ctx, command.options()):
            work(ctx, given)

    def work(ctx: typer.Context, given: dict[str, Any]) -> None:
        from unprompt.cli.output import log, message, quiet_stdout, show_log

        show_log(*_loudness(ctx, given.pop("quiet"), given.pop("verbose")))
        _tell_settings(ctx, command.options())
        own = {"form": given.pop("form")} if command.form else {}
        if "options" in given:
            given["options"] = settings(given["options"])
        changed, lane = given.pop("instrument", None) or [], given.pop("lane", None)
        if changed or lane:
            given["suite"] = _overridden(given["suite"], changed, lane)
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
                answer = _confirmed(Workflow(command.work).function(), arguments, {**given, **watch})
            code = _shown(command.show)(answer, **shown) if command.show else None
        except KeyboardInterrupt:
            message(f"interrupted: {RESUMED if command.watch and given.get('out') else command.resume}")
            raise typer.Exit(130) from None
        if given.get("report"):
            log.info(f"report: {given['report'] / 'index.html'}")
        if code:
            raise typer.Exit(code)

    return signed(run, [_CONTEXT, *command.parameters()], f"{Workflow(command.work).about}\n\n{command.note}".strip())


def _loudness(ctx: typer.Context, quiet: bool, verbose: bool) -> tuple[bool, bool]:
    """What was typed wins over a setting; OptionError for both of one origin."""
    if not (quiet and verbose):
        return quiet, verbose
    sources = {name: ctx.get_parameter_source(name) for name in ("quiet", "verbose")}
    typed = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if len(typed) != 1:
        raise OptionError("--quiet and --verbose are both given, expected one of them: leave the other out")
    return typed == ["quiet"], typed == ["verbose"]


def _tell_settings(ctx: typer.Context, flags: Sequence[str]) -> None:
    """For ``--verbose``, which values are no defaults of the command's own, and of nearly right variables a warning."""
    from unprompt.cli.configuration import mistaken
    from unprompt.cli.output import log

    for line in mistaken(known_flags):
        log.warning(line)
    for name in flags:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name in _SOURCES:
            log.debug(f"--{flag_of(name)} is {ctx.params[name]!r}, by {_SOURCES[source.name]}")


def _overridden(suite: str | None, pairs: list[str], lane: str | None) -> str:
    """The suite's name with what ``--instrument`` and ``--lane`` exchange."""
    from unprompt.instruments.lanes import LANE
    from unprompt.instruments.overrides import with_overrides

    if suite is None or (suite == AUTO and pairs):
        given = f"--instrument is {pairs[0]!r}" if pairs else f"--lane is {lane!r}"
        raise OptionError(f"{given}, expected --suite beside it: name whose model is meant")
    return with_overrides(str(suite), [*pairs, *([f"{LANE}={lane}"] if lane else [])])


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
