"""Keys of clients, of which nothing but digests are stored, and how often each may ask."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from limits import parse

from unprompt.errors import OptionError
from unprompt.serve.database import METADATA

RATE: Final = "600/minute"
_KEYS: Final = sa.Table(
    "keys",
    METADATA,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("rate", sa.String(40), nullable=False),
    sa.Column("made", sa.String(40), nullable=False),
)


@dataclass(frozen=True)
class Key:
    """What is known of a key."""

    name: str
    rate: str
    """Requests in a time, as ``600/minute``."""
    made: str
    """When it was made, in UTC."""


class KeyStore:
    """The keys in a database; used by several processes at once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, name: str, rate: str = RATE) -> str:
        """A new key of 256 random bits, which is shown this once; OptionError for a name that is taken."""
        try:
            parse(rate)
        except ValueError as error:
            raise OptionError(f"--rate is {rate!r}, expected a number of requests in a time, as {RATE}") from error
        if not 0 < len(name) <= 80:
            raise OptionError(f"got a name of {len(name)} characters, expected 1 to 80")
        key = f"unprompt_{secrets.token_urlsafe(32)}"
        row = {
            "name": name,
            "digest": _digest(key),
            "rate": rate,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(_KEYS.insert().values(row))
        except sa.exc.IntegrityError as error:
            raise OptionError(f"there is a key {name!r} already: choose another name, or remove that key") from error
        return key

    def list(self) -> list[Key]:
        """All of them, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_KEYS.c.name, _KEYS.c.rate, _KEYS.c.made).order_by(_KEYS.c.name))
            return [Key(*row) for row in rows]

    def remove(self, name: str) -> None:
        """From now on the key opens nothing; OptionError where there is none of this name."""
        with self._engine.begin() as connection:
            if not connection.execute(_KEYS.delete().where(_KEYS.c.name == name)).rowcount:
                raise OptionError(f"there is no key {name!r}: `unprompt keys list` names those that there are")

    def find(self, key: str) -> Key | None:
        """Whose key it is; None for nobody's. Digests of random bits are compared, so that time tells nothing."""
        with self._engine.connect() as connection:
            query = sa.select(_KEYS.c.name, _KEYS.c.rate, _KEYS.c.made).where(_KEYS.c.digest == _digest(key))
            row = connection.execute(query).first()
            return None if row is None else Key(*row)

    def any(self) -> bool:
        """Whether there is a key, which makes keys required."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(sa.exists(sa.select(_KEYS.c.name)))).scalar_one()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
