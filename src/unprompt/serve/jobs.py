"""Batches that outlive the process: what was asked, and each row as soon as it is there, in one database."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from unprompt.serve.database import METADATA
from unprompt.serve.uploads import Upload
from unprompt.types import Job, JobState, Question

CLAIMED: Final = 16
"""Pictures that are taken at a time."""
_JOBS: Final = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("question", sa.String(20), nullable=False),
    sa.Column("made", sa.String(40), nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
)
_PICTURES: Final = sa.Table(
    "job_pictures",
    METADATA,
    sa.Column("job", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("uri", sa.String(255), nullable=False),
    sa.Column("data", sa.LargeBinary),
    sa.Column("row", sa.Text),
)
_ID = (_PICTURES.c.job, _PICTURES.c.place)


@dataclass(frozen=True)
class JobPicture:
    """One picture of a job that waits for its row."""

    job: str
    place: int
    question: Question
    upload: Upload


class JobStore:
    """Jobs in a database. A picture is deleted in the transaction that stores its row, so that it has exactly one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._locks = engine.dialect.name != "sqlite"

    def add(self, owner: str, question: Question, uploads: Sequence[Upload]) -> Job:
        """A new job, which is on the disk when this returns."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        job = Job(secrets.token_urlsafe(16), question, now, len(uploads), 0, "running")
        named = {"id": job.id, "owner": owner, "question": question, "made": now, "total": job.total}
        rows = [{"job": job.id, "place": place, "uri": one.uri, "data": one.data} for place, one in enumerate(uploads)]
        with self._engine.begin() as connection:
            connection.execute(_JOBS.insert().values(named))
            connection.execute(_PICTURES.insert(), rows)
        return job

    def find(self, owner: str, job: str) -> Job | None:
        """A job of this owner."""
        done = sa.select(sa.func.count()).where(_PICTURES.c.job == job, _PICTURES.c.row.is_not(None)).scalar_subquery()
        query = sa.select(_JOBS, done.label("done")).where(_JOBS.c.id == job, _JOBS.c.owner == owner)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        state: JobState = "done" if row["done"] == row["total"] else "running"
        return Job(row["id"], row["question"], row["made"], row["total"], row["done"], state)

    def rows(self, job: str, after: int = 0) -> Iterator[str]:
        """The rows from place ``after`` on, as JSON, in order, up to the first that is not there yet."""
        query = sa.select(_PICTURES.c.row).where(_PICTURES.c.job == job, _PICTURES.c.place >= after)
        with self._engine.connect() as connection:
            for (row,) in connection.execute(query.order_by(_PICTURES.c.place)):
                if row is None:
                    return
                yield row

    def remove(self, owner: str, job: str) -> bool:
        """Forget a job, its pictures and its rows; what is being judged gets no row any more. False for none."""
        with self._engine.begin() as connection:
            found = connection.execute(_JOBS.delete().where(_JOBS.c.id == job, _JOBS.c.owner == owner)).rowcount
            if found:
                connection.execute(_PICTURES.delete().where(_PICTURES.c.job == job))
        return bool(found)

    def expire(self, age: timedelta) -> None:
        """Forget jobs that were asked longer ago than this."""
        before = (datetime.now(UTC) - age).isoformat(timespec="seconds")
        old = sa.select(_JOBS.c.id).where(_JOBS.c.made < before)
        with self._engine.begin() as connection:
            connection.execute(_PICTURES.delete().where(_PICTURES.c.job.in_(old)))
            connection.execute(_JOBS.delete().where(_JOBS.c.made < before))

    def waiting(self) -> int:
        """Pictures of all jobs that have no row yet."""
        with self._engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(_PICTURES).where(_PICTURES.c.row.is_(None))
            return connection.execute(query).scalar_one()

    def advance(self, judge: Callable[[Sequence[JobPicture]], Sequence[Any]]) -> int:
        """Have the next pictures judged, store their rows, and tell how many there were.

        Where the database can lock rows, they are locked until then: another process takes others, and has them back
        if this one dies. SQLite is for one process.
        """
        with self._engine.connect() as connection:
            claimed = self._claim(connection)
            if not self._locks:
                connection.commit()  # while the models work, others may write
            if claimed:
                self._store(connection, claimed, judge(claimed))
            connection.commit()
        return len(claimed)

    def _claim(self, connection: sa.Connection) -> list[JobPicture]:
        query = (
            sa.select(*_ID, _PICTURES.c.uri, _PICTURES.c.data, _JOBS.c.question)
            .join(_JOBS, _JOBS.c.id == _PICTURES.c.job)
            .where(_PICTURES.c.row.is_(None))
            .order_by(_JOBS.c.made, *_ID)
            .limit(CLAIMED)
            .with_for_update(skip_locked=True, of=_PICTURES)
        )
        return [
            JobPicture(one.job, one.place, one.question, Upload(one.uri, one.data)) for one in connection.execute(query)
        ]

    def _store(self, connection: sa.Connection, claimed: Sequence[JobPicture], rows: Sequence[Any]) -> None:
        for one, row in zip(claimed, rows, strict=True):
            mine = (_PICTURES.c.job == one.job, _PICTURES.c.place == one.place, _PICTURES.c.row.is_(None))
            text = json.dumps(asdict(row), allow_nan=False)
            connection.execute(_PICTURES.update().where(*mine).values(row=text, data=None))
