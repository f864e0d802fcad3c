"""Progress of a long task: one line on a terminal, rewritten; nothing anywhere else."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from catalog.plain import cut, plain

_INTERVAL_S = 0.1


class Progress:
    """Shows how much is done, how fast, and the time left."""

    def __init__(
        self,
        total: int,
        what: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``what`` names the things counted ("tracks")."""
        self._total = total
        self._what = what
        self._stream = stream or sys.stderr
        self._clock = clock
        self._began = clock()
        self._shown = -_INTERVAL_S
        self._done = 0
        self._visible = self._stream.isatty()

    def step(self, name: str = "") -> None:
        """One more is done."""
        self.reach(self._done + 1, name)

    def reach(self, done: int, name: str = "") -> None:
        """So many are done now."""
        self._done = min(done, self._total)
        now = self._clock()
        if self._visible and (now - self._shown >= _INTERVAL_S or self._done == self._total):
            self._shown = now
            self._write(self.line(name))

    def line(self, name: str = "") -> str:
        """Return the line as it stands."""
        elapsed_s = self._clock() - self._began
        text = f"{self._done:,} of {self._total:,} {self._what}"
        if self._done and elapsed_s > 0:
            rate = self._done / elapsed_s
            left_s = (self._total - self._done) / rate
            text += f"  {_rate(rate)}  {_span(left_s)} left"
        return f"{text}  {plain(name)}" if name else text

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Clear the line."""
        if self._visible:
            self._write("")

    def _write(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r{cut(text, width)}\x1b[K")
        self._stream.flush()


def _rate(per_s: float) -> str:
    return f"{per_s:.1f}/s" if per_s >= 1 else f"{60 * per_s:.1f}/min"


def _span(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
