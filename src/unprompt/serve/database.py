"""What the service remembers, in SQLite or in the database of a URL: the digests of keys, and jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from unprompt.errors import OptionError

METADATA = sa.MetaData()


def connect(url: str | None) -> sa.Engine:
    """The database of a URL, as SQLAlchemy spells it, with its tables; None = a SQLite file in the user's data folder.

    Raises OptionError for a URL that is none, or of a database that cannot be reached.
    """
    try:
        engine = sa.create_engine(url or _own(), pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _durable)
        METADATA.create_all(engine)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise OptionError(
            f"--database is {url!r}, which cannot be opened ({' '.join(str(error).split())}); expected a URL such as "
            "sqlite:////var/lib/unprompt/service.db"
        ) from error
    return engine


def _durable(connection: Any, record: object) -> None:
    """Writers wait for each other alone, what is committed survives a power cut, and what is deleted is gone."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 30000", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _own() -> str:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    folder = Path(base) / "unprompt"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"sqlite:///{folder / 'service.db'}"
