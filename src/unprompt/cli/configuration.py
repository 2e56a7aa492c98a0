"""Defaults of flags from a file and from the environment; a flag wins over the environment, and that over the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import typer

from unprompt.cli.flags import variable
from unprompt.errors import OptionError
from unprompt.structured_text import read_toml

NAME: Final = "unprompt.toml"
PREFIX: Final = "UNPROMPT_"
CHOSEN: Final = f"{PREFIX}CONFIG"
"""The variable that names the file."""
_VARIABLE: Final = "the variable "
Flags = Mapping[str, Mapping[str, str]]
"""Command, as ``evidence ls`` -> the flag without its dashes -> the parameter."""


@dataclass(frozen=True)
class Setting:
    """A default that differs from the command's own."""

    setting: str
    value: str
    command: str
    """The command that it is for; empty = all that have the flag."""
    source: str
    problem: str = ""
    """What is wrong with the value; empty = nothing that can be told without running a command."""

    @property
    def by_variable(self) -> bool:
        """Whether the environment states it, and not the file."""
        return self.source.startswith(_VARIABLE)

    @property
    def origin(self) -> str:
        """Where to look for it.

        >>> Setting("fpr", "2", "detect", "unprompt.toml").origin
        'fpr in [detect] of unprompt.toml'
        """
        if self.by_variable:
            return self.source
        table = f"[{self.command.replace(' ', '.')}] of " if self.command else ""
        return f"{self.setting} in {table}{self.source}"


def config() -> list[Setting]:
    """Show which flags have defaults from a file or from the environment, in the order in which they win.

    The file is the one that UNPROMPT_CONFIG names, else `unprompt.toml` in the working folder, else
    `unprompt/unprompt.toml` in the user's configuration folder. Its keys are flags without dashes: those at the top are
    for all commands that have the flag, those in a table, as [detect] or [evidence.ls], for this command. A variable is
    UNPROMPT_ and the flag in capitals, as UNPROMPT_BATCH_SIZE. A flag wins over a variable, and that over the file.
    """
    from unprompt.cli.checking import problem
    from unprompt.cli.commands import known_flags

    return [replace(one, problem=problem(one, given)) for one, given in stated(known_flags())]


def stated(flags: Flags) -> list[tuple[Setting, Any]]:
    """Each setting with its value as it was given, in the order in which they win; OptionError as :func:`read`."""
    found: list[tuple[Setting, Any]] = [(one, one.value) for one in _from_environment(flags)]
    if path := find():
        given = read(path, flags)
        found += [
            (Setting(key, _spelt(value), name, str(path)), value)
            for name in sorted(given, reverse=True)  # those at the top, of no name, come last
            for key, value in given[name].items()
        ]
    return found


def effective(flag: str, command: str, flags: Flags) -> tuple[Setting, Any]:
    """The setting that a command takes a flag's value from, as there is one."""
    return next((one, given) for one, given in stated(flags) if one.setting == flag and one.command in ("", command))


def show(settings: list[Setting]) -> int:
    """A table, or where settings could come from; 2 where a value is wrong."""
    from unprompt.cli.output import message
    from unprompt.cli.tables import print_dataclasses

    print_dataclasses(settings)
    if not settings:
        places = ", ".join(map(str, _places()))
        typer.echo(f"every flag has its own default: no {PREFIX}* in the environment, and no file {places}")
    wrong = [one for one in settings if one.problem]
    for one in wrong:
        message(f"error: {one.origin} is {one.value!r}, {one.problem}")
    return 2 if wrong else 0


def find() -> Path | None:
    """The file, if there is one; OptionError for one that is named and not there."""
    if named := os.environ.get(CHOSEN):
        if not Path(named).is_file():
            raise OptionError(f"{CHOSEN} is {named!r}, expected a file that is there: correct it, or unset it")
        return Path(named)
    return next((path for path in _places() if path.is_file()), None)


def _places() -> tuple[Path, ...]:
    home = os.environ.get("XDG_CONFIG_HOME")
    return Path(NAME), (Path(home) if home else Path.home() / ".config") / "unprompt" / NAME


def read(path: Path, flags: Flags) -> dict[str, dict[str, Any]]:
    """Command -> flag -> value; of ``""`` those at the top. OptionError for what no command has."""
    try:
        given = read_toml(path)
    except (OSError, ValueError) as error:
        raise OptionError(f'{path} cannot be read ({error}); expected TOML, as suite = "photo"') from error
    found: dict[str, dict[str, Any]] = {}
    for command, keys in _tables(given):
        if command and command not in flags:
            raise OptionError(f"{path} has [{command.replace(' ', '.')}]; {_nearest(command, flags)}")
        known = flags[command] if command else {key for one in flags.values() for key in one}
        for key, value in keys.items():
            if (flag := key.replace("_", "-")) not in known:
                where = f" in [{command.replace(' ', '.')}]" if command else ""
                raise OptionError(f"{path} has {key}{where}; {_nearest(flag, known)}")
            found.setdefault(command, {})[flag] = value
    return found


def _tables(given: Mapping[str, Any], command: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """What is stated of each command, tables within tables flattened."""
    inner = {key: value for key, value in given.items() if isinstance(value, dict)}
    own = {key: value for key, value in given.items() if key not in inner}
    if own or not inner:
        yield command, own
    for key, value in inner.items():
        yield from _tables(value, f"{command} {key}".strip())


def default_map(flags: Flags) -> dict[str, Any]:
    """What Typer takes for its commands' defaults, by command, inner command and parameter."""
    path = find()
    given = read(path, flags) if path else {}
    made: dict[str, Any] = {}
    for command, known in flags.items():
        values = {**given.get("", {}), **given.get(command, {})}
        inner = made
        for word in command.split():
            inner = inner.setdefault(word, {})
        inner |= {known[flag]: value for flag, value in values.items() if flag in known}
    return made


def _from_environment(flags: Flags) -> Iterator[Setting]:
    every = {flag for one in flags.values() for flag in one}
    for flag in sorted(every):
        if value := os.environ.get(variable(flag)):
            yield Setting(flag, value, "", f"{_VARIABLE}{variable(flag)}")


def mistaken(flags: Callable[[], Flags]) -> Iterator[str]:
    """Of variables whose names are nearly right, a line each; others may be another program's."""
    if not (given := sorted(name for name in os.environ if name.startswith(PREFIX))):
        return
    known = [variable(flag) for one in flags().values() for flag in one] + [CHOSEN, f"{PREFIX}HOME"]
    for name in given:
        if name not in known and (near := get_close_matches(name, known, 1, 0.85)):
            yield f"the variable {name} is not known and does nothing; is {near[0]} meant?"


def _nearest(word: str, known: Iterable[str]) -> str:
    several = sorted(known)
    near = get_close_matches(word, several, 1)
    return f"is {near[0]} meant?" if near else f"expected one of {', '.join(several)}"


def _spelt(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
