"""How long the rest of a run takes, by its pace so far. Importing this loads nothing else of the package."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLeft:
    """Made when a run begins; called with how much of it is done, it tells the rest of a line of progress."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began = clock, clock()

    def __call__(self, done: int, total: int | None) -> str:
        """Empty at the end, before anything is done, and where nobody knows the ``total``.

        >>> left = TimeLeft(iter([0.0, 30.0, 3600.0, 9.0, 9.0]).__next__)
        >>> left(25, 100), left(25, 100), left(1, 3), left(100, 100)
        (', about 2 minutes left', ', about 3.0 hours left', ', about 18 seconds left', '')
        """
        if not (total and 0 < done < total):
            return ""
        seconds = (self._clock() - self._began) * (total - done) / done
        if seconds < 90:
            return f", about {seconds:.0f} seconds left"
        return (
            f", about {seconds / 60:.0f} minutes left" if seconds < 5400 else f", about {seconds / 3600:.1f} hours left"
        )
