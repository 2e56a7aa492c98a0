"""Dataclasses that check their fields at birth, by pydantic, with its errors in this package's words.

A field carries its type and its bounds once; ``Field(description=...)`` says what is expected where they do not say
it well enough. Numbers, whole numbers and truth values are taken as they are: neither ``True`` for 1 nor ``"3"`` for 3.
Lists serve as tuples and tables as dataclasses, as JSON and TOML have no others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any, Final, NamedTuple, Self, TypeAlias, TypeVar, dataclass_transform, get_args

from pydantic import ConfigDict, Field, Strict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.dataclasses import dataclass as pydantic_dataclass

from unprompt.errors import OptionError

T = TypeVar("T")


def _as_given(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    check(value)
    return value  # 30 stays 30 and does not become 30.0, so that JSON is written as it was read


Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False), WrapValidator(_as_given)]
Numbers: TypeAlias = tuple[Annotated[float, Field(strict=True, allow_inf_nan=False)], ...]
"""Many: all floats, without a call for each."""
Whole: TypeAlias = Annotated[int, Strict()]
Flag: TypeAlias = Annotated[bool, Strict()]
Count: TypeAlias = Annotated[Whole, Field(ge=1)]
Size: TypeAlias = Annotated[Whole, Field(ge=0)]
Positive: TypeAlias = Annotated[Number, Field(gt=0, description="a number above 0")]
NotNegative: TypeAlias = Annotated[Number, Field(ge=0)]
Share: TypeAlias = Annotated[Number, Field(ge=0, le=1, description="a share from 0 to 1")]
Range: TypeAlias = Annotated[tuple[Number, Number], Field(description="two numbers, the smaller first")]

CONFIG: Final = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)

_EXPECTED: Final = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "tuple": "a list",
    "mapping": "a table",
    "dict": "a table",
    "dataclass": "a table",
}
"""First word of the type of pydantic's error -> what was expected."""
_BOUNDS: Final = {"ge": "{} or more", "gt": "a number above {}", "le": "{} at most", "lt": "a number below {}"}
_UNKNOWN: Final = ("unexpected_keyword_argument", "multiple_argument_values")


class Misfit(NamedTuple):
    """The first value that does not fit."""

    place: tuple[str, ...]
    """Names from the outside in; the last is the value's own."""
    got: Any
    expected: str
    what: str
    """is, is missing, is unknown; or the whole message of a check of our own, which has no ``expected``."""

    @classmethod
    def of(cls, error: ValidationError, checked: type) -> Self:
        """The first of an error's, those first that name an unknown field."""
        found = min(error.errors(include_url=False), key=lambda one: one["type"] not in _UNKNOWN)
        kind, context, got = found["type"], found.get("ctx", {}), found["input"]
        place = tuple(str(part) for part in found["loc"])
        if place and place[0].isdigit():  # given by position
            place = ([*getattr(checked, "__pydantic_fields__", ())][int(place[0])], *place[1:])
        owner, description = _described(checked, place)
        if kind in _UNKNOWN:
            return cls(place, place[-1], f"one of {', '.join(sorted(owner))}", "is unknown")
        if kind.startswith("missing"):
            return cls(place, None, description or "a value", "is missing")
        if kind == "value_error":
            return cls(place, got, "", str(context["error"]))
        if kind == "literal_error":
            description = f"one of {context['expected'].replace(' or ', ', ')}".replace("'", "")
        bounds = [text.format(context[bound]) for bound, text in _BOUNDS.items() if bound in context]
        words = _EXPECTED.get(kind.partition("_")[0], found["msg"])
        return cls(place, got, description or (bounds or [words])[0], "is")

    def message(self, name: str) -> str:
        """What we got and what we expected of the value that is called ``name``."""
        if not self.expected:
            return self.what
        value = f" {self.got!r}" if self.what == "is" else ""
        return f"{name} {self.what}{value}, expected {self.expected}"


def _described(checked: Any, place: tuple[str, ...]) -> tuple[list[str], str]:
    """The names beside that of a place, and what its field is described as."""
    inside, names, description = checked, [], ""
    for part in place:
        if fields := getattr(inside, "__pydantic_fields__", None):
            names = [one.alias or name for name, one in fields.items() if not one.exclude]
            found = next((one for name, one in fields.items() if part in (name, one.alias)), None)
            inside, description = (found.annotation, found.description or "") if found else (None, "")
        else:
            inside = next((one for one in reversed(get_args(inside)) if one is not Ellipsis), None)
    return names, description


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def checked(prefix: str = "--") -> Callable[[type[T]], type[T]]:
    """A frozen dataclass that raises OptionError; ``prefix`` stands before a field's name, -- makes it a flag."""

    def decorate(plain: type[T]) -> type[T]:
        made: Any = pydantic_dataclass(plain, frozen=True, config=CONFIG)
        validate = made.__init__

        @functools.wraps(validate)
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            try:
                validate(self, *args, **kwargs)
            except ValidationError as error:
                wrong = Misfit.of(error, type(self))
                first, *rest = wrong.place or ("",)
                name = " ".join([prefix + (first.replace("_", "-") if prefix == "--" else first), *rest])
                raise OptionError(
                    wrong.message(name), option=".".join(wrong.place), got=wrong.got, expected=wrong.expected or None
                ) from error

        made.__init__ = init
        return made  # type: ignore[no-any-return]

    return decorate
