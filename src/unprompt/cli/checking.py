"""What is wrong with defaults from the file and the environment, so that nobody looks for it on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

import typer

from unprompt.choices import AUTO
from unprompt.cli.commands import COMMANDS, Command, known_flags
from unprompt.cli.configuration import Setting, default_map, effective, stated
from unprompt.cli.flags import flag_of, settings
from unprompt.errors import OptionError, UnpromptError

if TYPE_CHECKING:
    from unprompt.workflows.doctor import Check

_SHARES: Final = ("prior", "fpr", "fnr")
_COUNTS: Final = (
    *("accumulate", "average", "batch-size", "devices", "max-megabytes", "max-pixels", "patience", "pictures", "queue"),
    *("seeds", "spread"),
)
_WORDS: Final = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", list: "a list"}


def problem(setting: Setting, given: Any) -> str:
    """What is wrong with a value; empty = nothing that is known before a command runs.

    One that is for all commands that have the flag is right where one of them takes it.
    """
    having = [name for name, known in known_flags().items() if setting.setting in known]
    found = [_typed(name, setting, given) for name in ([setting.command] if setting.command else having)]
    return found[0] if all(found) else _known(setting.setting, given)


def _typed(name: str, setting: Setting, given: Any) -> str:
    """By the type of a command's flag, as Typer reads it."""
    from unprompt.cli.app import app

    found: Any = typer.main.get_command(app)
    ctx = typer.Context(found)
    for word in name.split():
        found = found.get_command(ctx, word)
    taken = next(one for one in found.params if one.name == known_flags()[name][setting.setting])
    try:
        taken.process_value(ctx, taken.value_from_envvar(ctx) if setting.by_variable else given)
    except typer.BadParameter:
        return _expected(name, setting.setting)
    return ""


def _expected(name: str, flag: str) -> str:
    found: Any = COMMANDS
    for word in name.split():
        found = found[word]
    command: Command = found
    kind = get_args(next(one.annotation for one in command.parameters() if flag_of(one.name) == flag))[0]
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is Literal:
        return f"expected one of {', '.join(map(str, get_args(kind)))}"
    return f"expected {_WORDS.get(get_origin(kind) or kind, 'a text')}"


def _known(flag: str, given: Any) -> str:
    """By what the flag means in every command that has it."""
    if flag in _SHARES:
        return "" if 0 < float(given) < 1 else "expected a share above 0 and below 1"
    if flag in _COUNTS:
        return "" if int(given) >= 1 else "expected 1 or more"
    try:
        if check := _NAMED.get(flag):
            check(given)
    except UnpromptError as error:
        return str(error)
    return ""


def _check_suite(given: Any) -> None:
    from unprompt.instruments import Manifest

    if given != AUTO:
        Manifest.read(str(given))


def _check_method(given: Any) -> None:
    from unprompt.detectors import EVERY

    if given not in EVERY:
        raise OptionError(f"expected one of {', '.join(EVERY)}")


def _check_device(given: Any) -> None:
    from unprompt.instruments.loading import device_of

    device_of(str(given))


def _check_dtype(given: Any) -> None:
    from unprompt.instruments.loading import check_dtype

    check_dtype(str(given))


def _check_pairs(given: Any) -> None:
    settings(given.split() if isinstance(given, str) else given if isinstance(given, list) else [str(given)])


_NAMED: Final[Mapping[str, Callable[[Any], None]]] = {
    "suite": _check_suite,
    "redraw": _check_suite,
    "method": _check_method,
    "device": _check_device,
    "dtype": _check_dtype,
    "set": _check_pairs,
}


def misread(error: typer.BadParameter) -> OptionError | None:
    """Typer's error about a value, if that is a setting's, as one that says where it stands."""
    if error.ctx is None or error.param is None:
        return None
    name, command = str(error.param.name), _command(error.ctx)
    if not _is_set(error.ctx, name):
        return None
    setting, _ = effective(flag_of(name), command, known_flags())
    return OptionError(f"{setting.origin} is {setting.value!r}, {_expected(command, setting.setting)}")


@contextmanager
def telling_origins(ctx: typer.Context, flags: Sequence[str]) -> Iterator[None]:
    """Notes with an error where the settings stand that its message is about, of a command's parameters."""
    try:
        yield
    except UnpromptError as error:
        for name in filter(partial(_is_set, ctx), flags):
            flag = flag_of(name)
            setting, _ = effective(flag, _command(ctx), known_flags())
            if re.search(rf"--{flag}(?![\w-])", str(error)) or repr(setting.value) in str(error):
                error.add_note(f"--{flag} is set by {setting.origin}")
        raise


def _is_set(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name in ("ENVIRONMENT", "DEFAULT_MAP")  # Typer's names


def _command(ctx: Any) -> str:
    """The whole name of the command of a context, without the program's."""
    names: list[str] = []
    while ctx.parent is not None:
        names.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(names)


def sound_map(command: str) -> dict[str, Any]:
    """The file's defaults for a command that is to run whatever the file says: those that are right."""
    try:
        wrong = {one.setting for one, given in stated(known_flags()) if not one.by_variable and problem(one, given)}
        made = default_map(known_flags())[command]
    except OptionError:
        return {}
    return {command: {name: value for name, value in made.items() if flag_of(name) not in wrong}}


def checks() -> list[Check]:
    """For ``doctor``, a failure of each setting that is wrong, or of the file."""
    try:
        found = [(one, problem(one, given)) for one, given in stated(known_flags())]
        told = [f"{one.origin} is {one.value!r}, {why}" for one, why in found if why]
    except OptionError as error:
        told = [str(error)]
    if not told:
        return []
    from unprompt.workflows.doctor import Check  # Here, since it loads torch.

    return [Check("settings", "fail", line) for line in told]
