"""The flags of a command, read from its workflow: names, types and defaults of the signature, help of ``Args:``.

The workflow's source is parsed and not imported, so that ``--help`` needs neither torch nor numpy. Of a union the
first member is what the command line takes; a sequence is a flag that may be given several times.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

import typer

from unprompt import choices
from unprompt.errors import OptionError
from unprompt.structured_text import parse_value

Format: TypeAlias = Literal["table", "json", "jsonl", "csv"]
TableFormat: TypeAlias = Literal["table", "json"]

PYTHON_ONLY: Final = ("watch",)
"""Parameters of workflows without a flag."""
SHARED: Final = {
    "device": "Where the models run, as torch names it: cpu, cuda, cuda:1, or auto.",
    "dtype": "Numbers that the frozen models run in: float32, bfloat16, float16, or auto = a lower "
    "one where this device is faster in it and no model of the suite notices.",
    "form": "What is printed on stdout.",
    "method": "A method's name: `unprompt methods` lists them.",
    "options": "Another value for one of the method's options, as epochs=30; may be given several times.",
    "null": "The list on stdin is ended by NUL bytes, as `find -print0` writes it.",
    "instrument": "Another value for a parameter of one of the suite's models, as diffusion.strength=0.3; may be given "
    "several times. Evidence made so is stored beside the other.",
    "lane": "A faster way of the suite's models, fast or draft, at a price that docs/speed.md tells of miniature; "
    "default: exact.",
    "engine": "local = processes of this machine; ray = the nodes of a Ray cluster, which see the same files.",
    "address": "Of the Ray cluster, as auto or ray://host:10001; default: RAY_ADDRESS, else a Ray of this machine.",
    "allow_urls": "Also fetch what a URL names: https://HOST/PICTURE.jpg, or s3://BUCKET/FOLDER, gs:// and the like, "
    "by fsspec and the store's own package, as s3fs. Otherwise a URL is a row with an error.",
    "quiet": "Print only results, warnings and errors.",
    "verbose": "Also tell times, which settings hold and why, and where an error happened.",
    "max_minutes": "Do not ask for confirmation of a run that takes long on a CPU.",
}
"""Help of the flags that mean the same everywhere."""
LIMITS: Final = ("max_minutes", "max_bytes")
"""Parameters that ``--yes`` lifts."""
_SPELLED: Final = {
    "form": "--format",
    "null": "-0 --null",
    "listed": "--list",
    "quiet": "-q --quiet",
    "verbose": "-v --verbose",
    "options": "--set",
    **dict.fromkeys(LIMITS, "--yes"),
}
"""Flags that are not called like their parameters."""
_NAMES: Final = {**vars(choices), "Any": Any, "Mapping": Mapping, "Path": Path, "Sequence": Sequence}
"""What the annotations of a workflow may name."""


@dataclass(frozen=True)
class Workflow:
    """A function by its place, as its source describes it."""

    place: str
    """MODULE:FUNCTION of ``unprompt.workflows``, or PACKAGE.MODULE:FUNCTION of ``unprompt``."""

    @property
    def module(self) -> str:
        """The whole name of its module."""
        name = self.place.partition(":")[0]
        return f"unprompt.{name}" if "." in name else f"unprompt.workflows.{name}"

    def function(self) -> Callable[..., Any]:
        """The function itself, imported."""
        found: Callable[..., Any] = getattr(import_module(self.module), self.place.partition(":")[2])
        return found

    @cached_property
    def _node(self) -> ast.FunctionDef:
        package, _, module = self.module.rpartition(".")
        name = self.place.partition(":")[2]
        source = files(package).joinpath(f"{module}.py").read_text("utf-8")
        return next(one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef) and one.name == name)

    @cached_property
    def _sections(self) -> tuple[str, str]:
        """The docstring before ``Args:``, and that section."""
        text = (ast.get_docstring(self._node) or "").replace("``", "`")
        about, _, rest = re.split(r"\n\n>>>", text)[0].partition("\n\nArgs:\n")
        return about, rest

    @property
    def about(self) -> str:
        """What the command does, in paragraphs; the first line is a sentence."""
        return self._sections[0]

    @property
    def positional(self) -> list[str]:
        """Names of the parameters that are arguments; ``--data`` is an option everywhere."""
        return [one.arg for one in self._node.args.args if one.arg != "data"]

    def parameters(self) -> Iterator[inspect.Parameter]:
        """As Typer takes them: positional ones as arguments, the others as options."""
        listed, help_texts = self._node.args, self._help_texts()
        defaults = [None] * (len(listed.args) - len(listed.defaults)) + [*listed.defaults]
        for argument, default in zip(listed.args, defaults, strict=True):
            yield _parameter(argument, default, help_texts, argument.arg in self.positional)
        for argument, default in zip(listed.kwonlyargs, listed.kw_defaults, strict=True):
            if argument.arg not in PYTHON_ONLY:
                yield _parameter(argument, default, help_texts)

    def _help_texts(self) -> dict[str, str]:
        entries = re.split(r"\n(?=    \w+: )", f"\n{self._sections[1].rstrip()}")[1:]
        named = (entry.strip().partition(": ") for entry in entries)
        return {**SHARED, **{name: " ".join(text.split()) for name, _, text in named}}


def _parameter(
    argument: ast.arg, default: ast.expr | None, help_texts: Mapping[str, str], positional: bool = False
) -> inspect.Parameter:
    name, help_text = argument.arg, help_texts.get(argument.arg)
    if name == "options":
        return option(name, list[str] | None, None, help_text)
    if name in LIMITS:
        return option(name, bool, False, help_text)
    kind = flag_type(eval(ast.unparse(argument.annotation), dict(_NAMES))) if argument.annotation else str
    value = inspect.Parameter.empty if default is None else ast.literal_eval(default)
    if positional:
        return _typed(name, kind, typer.Argument(help=help_text, show_default=False), value)
    return option(name, kind, value, help_text)


def option(name: str, kind: Any, default: Any, help_text: str | None = None) -> inspect.Parameter:
    """A flag; one that is yes or no has no opposite."""
    spelled = _SPELLED.get(name, f"--{name.replace('_', '-')}").split() if kind is bool or name in _SPELLED else []
    told = help_text or SHARED.get(name)
    return _typed(
        name, kind, typer.Option(*spelled, help=told, envvar=variable(flag_of(name)), show_envvar=False), default
    )


def flag_of(name: str) -> str:
    """A parameter's flag without its dashes.

    >>> flag_of("batch_size"), flag_of("options"), flag_of("null")
    ('batch-size', 'set', 'null')
    """
    return _SPELLED.get(name, name).split()[-1].lstrip("-").replace("_", "-")


def variable(flag: str) -> str:
    """The name in the environment of a flag's default.

    >>> variable("batch-size")
    'UNPROMPT_BATCH_SIZE'
    """
    return f"UNPROMPT_{flag.replace('-', '_').upper()}"


def _typed(name: str, kind: Any, info: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    annotation = Annotated[kind, info]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def flag_type(annotation: Any) -> Any:
    """The type that a flag has: the first member of a union, None beside it, a list for a sequence.

    >>> flag_type(Sequence[Path | str] | Path | str | None) == list[Path] | None
    True
    """
    members = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    kind: Any = members[0]
    if get_origin(kind) is Sequence:
        kind = GenericAlias(list, (flag_type(get_args(kind)[0]),))
    return kind | None if NoneType in members else kind


def settings(pairs: Sequence[str] | None) -> dict[str, Any]:
    """NAME=VALUE texts as a mapping; values are JSON (30, 0.5, true), anything else is a text."""
    options: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise OptionError(f"--set is {pair!r}, expected NAME=VALUE, as epochs=30")
        options[name] = parse_value(value)
    return options


def signed(function: Callable[..., None], parameters: Sequence[inspect.Parameter], about: str) -> Callable[..., None]:
    """``function`` with the signature and help that Typer is to see."""
    ordered = sorted(parameters, key=lambda one: one.default is not inspect.Parameter.empty)
    function.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    function.__annotations__ = {one.name: one.annotation for one in ordered}
    function.__doc__ = about
    return function
