"""Names of what is imported when it is looked up, so that a list of names loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar

from unprompt.errors import OptionError

T_co = TypeVar("T_co", covariant=True)


class LazyMapping(Mapping[str, T_co]):
    """Name -> object, from ``places``, ``module:object`` within ``package``; OptionError for an unknown name."""

    def __init__(self, what: str, package: str, places: Mapping[str, str]) -> None:
        self._what, self._package, self._places = what, package, places

    def __getitem__(self, name: str) -> T_co:
        if name not in self._places:
            raise OptionError(f"{self._what} is {name!r}, expected one of {', '.join(self._places)}")
        module, _, attribute = self._places[name].partition(":")
        found: T_co = getattr(import_module(f"{self._package}.{module}"), attribute)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
