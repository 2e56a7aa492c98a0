"""Tables that were read, kept while there is room: training and evaluation come back to a shard again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

import pyarrow as pa

BUDGET: Final = 2**30
"""Bytes of tables that are kept in a process: the evidence of any number of pictures is trained on within it."""


class TableCache:
    """The tables that were used last, of ``budget`` bytes together; one that is larger is not kept."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.budget = budget
        self._tables: OrderedDict[Hashable, pa.Table | None] = OrderedDict()
        self.nbytes = 0
        """Of what is kept now."""

    def read(self, key: Hashable, load: Callable[[], pa.Table | None]) -> pa.Table | None:
        """The table of ``key``, loaded where it is not kept."""
        if key in self._tables:
            self._tables.move_to_end(key)
            return self._tables[key]
        table = load()
        self._tables[key] = table
        self.nbytes += _size(table)
        while self.nbytes > self.budget:
            _, dropped = self._tables.popitem(last=False)
            self.nbytes -= _size(dropped)
        return table


def _size(table: pa.Table | None) -> int:
    return 0 if table is None else int(table.nbytes)
