"""One line of JSON an event, on stderr. Names of pictures are not among it, for they may tell of people."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

LOGGERS: Final = ("unprompt", "uvicorn")
FACTS: Final = "facts"
"""The attribute of a record that has an event's own fields."""


class JsonFormatter(logging.Formatter):
    """Time in UTC, level, logger, message, the event's own fields, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(stream: TextIO = sys.stderr) -> None:
    """Send what this package and uvicorn log, from INFO on, to a stream as JSON, and nowhere else."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
