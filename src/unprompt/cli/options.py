"""Options that more than one verb takes, so that they read the same everywhere."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer


class Format(StrEnum):
    """How ``detect`` prints."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class TableFormat(StrEnum):
    """How ``evaluate`` prints."""

    TABLE = "table"
    JSON = "json"


Paths: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        help="Pictures, folders of them, quoted patterns such as 'shots/**/*.png', "
        "or - for a list on stdin (one path a line, or ended by NUL bytes).",
        show_default=False,
    ),
]
Split: TypeAlias = Literal["train", "validation", "test"]  # that of types.py would load numpy for --help
Method: TypeAlias = Annotated[str, typer.Argument(help="A method's name: `unprompt methods` lists them.")]
Evidence: TypeAlias = Annotated[
    list[Path], typer.Option(help="A folder that `extract` wrote; may be given several times.", metavar="DIR")
]
Speaking: TypeAlias = Annotated[
    str, typer.Option(help="The models to ask; auto = those whose world the picture is of.")
]
Report: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Also write a page with the pictures into this folder.")
]
BatchSize: TypeAlias = Annotated[int, typer.Option(help="Pictures at a time.")]
MadeBy: TypeAlias = Annotated[
    str | None, typer.Option(help="The suite that made the evidence, if not the one it names.")
]
Device: TypeAlias = Annotated[str, typer.Option(help="Where the models run, as torch names it: cpu, cuda, cuda:1.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do not ask before a run that takes long on a CPU.")]
Dtype: TypeAlias = Annotated[str, typer.Option(help="Numbers the frozen models run in: float32, bfloat16, float16.")]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Another value for one of the method's options, as epochs=30."),
]
Devices: TypeAlias = Annotated[int, typer.Option(help="Processes that share each step, each with a device of its own.")]
Precision: TypeAlias = Annotated[
    Literal["32", "bf16-mixed", "16-mixed"],
    typer.Option(help="Numbers of the network's pass; its weights stay float32."),
]
Accumulate: TypeAlias = Annotated[
    int, typer.Option(help="Parts that a device takes its share of a step in, to save memory.")
]
Workers: TypeAlias = Annotated[int, typer.Option(help="Processes a device that prepare pictures ahead.")]


def chosen(pairs: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE texts as a mapping; values are JSON (30, 0.5, true), anything else is a text."""
    found: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"got {pair!r}, expected NAME=VALUE, as epochs=30", param_hint="--set")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found
