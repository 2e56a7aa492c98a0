"""The verbs by name, and what all of them share: ``--version`` and the way in which errors are told."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import unprompt
from unprompt.cli.analyse import analyse
from unprompt.cli.attribute import attribute
from unprompt.cli.audit import audit
from unprompt.cli.card import card
from unprompt.cli.detect import detect
from unprompt.cli.evidence import evidence
from unprompt.cli.fetch import fetch
from unprompt.cli.fitting import evaluate, extract, train
from unprompt.cli.import_checkpoint import import_checkpoint
from unprompt.cli.lists import datasets, doctor, methods, suites
from unprompt.cli.reproduce import reproduce
from unprompt.errors import OptionError, UnpromptError


class Verbs(TyperGroup):
    """Tells an error that the package raises on purpose in one line: exit code 2 for a wrong option, else 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except UnpromptError as error:
            from unprompt.cli.output import message

            message(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, OptionError) else 1) from error


app = typer.Typer(
    name="unprompt",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich would be a third of the time to start
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unprompt {unprompt.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Is this picture an answer to a prompt? Evidences for AI-generated pictures, from four papers."""
    from unprompt.cli.output import show_log

    show_log()


for verb in (
    *(detect, attribute, extract, train, evaluate, reproduce, analyse, card, audit),
    *(fetch, import_checkpoint, doctor, suites, methods, datasets),
):
    app.command()(verb)
app.add_typer(evidence, name="evidence")
