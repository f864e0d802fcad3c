"""The log: one line for each event; to systemd's journal with its priority."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from catalog.plain import plain

# sd-daemon(3): a line that begins so is kept with this priority, for `journalctl -p warning`.
_PRIORITIES = (
    (logging.CRITICAL, "<2>"), (logging.ERROR, "<3>"), (logging.WARNING, "<4>"),
    (logging.INFO, "<6>"), (logging.NOTSET, "<7>"),
)  # fmt: skip
_LINE = "%(levelname)-7s %(name)s: %(message)s"


class PlainFormatter(logging.Formatter):
    """One line for a message, whatever name of a file is in it; the journal hides other ones."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without what would steer a terminal."""
        return plain(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the lines of a traceback, likewise."""
        return "\n".join(map(plain, super().formatException(ei).split("\n")))


class JournalFormatter(PlainFormatter):
    """Puts the priority before each line; the journal adds the time itself."""

    def __init__(self) -> None:
        super().__init__(_LINE)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as lines for the journal."""
        mark = next(mark for level, mark in _PRIORITIES if record.levelno >= level)
        return "\n".join(mark + line for line in super().format(record).splitlines())


def set_up_logging(level: str) -> None:
    """Log to stderr from ``level`` (a name of :mod:`logging`, any case) on."""
    handler = logging.StreamHandler(sys.stderr)
    if into_journal():
        handler.setFormatter(JournalFormatter())
    else:
        handler.setFormatter(PlainFormatter(f"%(asctime)s {_LINE}", "%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def into_journal() -> bool:
    """Whether stderr leads into the journal.

    Source: systemd.exec(5), $JOURNAL_STREAM: its presence alone proves nothing, for a terminal
    inherits it from the session.
    """
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
