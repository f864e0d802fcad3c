"""Sensors that talk in lines of text: bytes -> lines -> samples, whatever the lines say.

Text has no checksum. So a sample counts only when its line has exactly the shape of its
neighbours: three such lines in a row open the stream, and any other line closes it again. What
is damaged and still looks right is found by its value (:mod:`firmware_bridge.outliers`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.clocks import DeviceClock, RateEstimate
from firmware_bridge.outliers import PlausibleRuns
from firmware_bridge.samples import SampleRun

MAX_LINE_BYTES = 200
"""Far above the longest line of any of these programs."""
CONFIRM_LINES = 3
MISSING_STEPS = 2.5
"""Lines with a time but no number: a step this many times the usual one is a hole."""


@dataclass(frozen=True, slots=True)
class LineReading:
    """One sample as its line tells it."""

    value: float
    """Larger means more blood."""
    shape: str
    """Which of the program's kinds of line it was."""
    finger_on: bool | None = None
    time_ms: float | None = None
    number: int | None = None
    """Running number of the line."""


class Aside(str):
    """A line that belongs to the program and holds no sample."""

    __slots__ = ()


class LineReader(Protocol):
    """Understands the lines of one program."""

    @property
    def complaint(self) -> str: ...

    @property
    def belongs_to(self) -> str: ...

    def read(self, line: str) -> LineReading | Aside | None:
        """Return the sample, an :class:`Aside`, or None for what the program never says."""

    def reply(self) -> bytes:
        """Return what the program waits for, once."""


class LineParser:
    """Splits bytes into lines and asks its reader what each says."""

    def __init__(self, reader: LineReader) -> None:
        self.junk_bytes = 0
        self.lost_runs = 0
        self._reader = reader
        self._buffer = bytearray()
        self._skipping = True  # The first line is most often cut in half.
        self._waiting: list[tuple[LineReading, int]] = []
        self._shape = ""
        self._open = False
        self._ever_open = False
        self._runs = PlausibleRuns()
        self._hole = False
        self._clock = DeviceClock(1e-3, None)
        self._rate = RateEstimate()
        self._last_number: int | None = None
        self._last_time_s: float | None = None

    @property
    def complaint(self) -> str:
        """What the program says is wrong."""
        return self._reader.complaint

    @property
    def belongs_to(self) -> str:
        """Name of the other protocol that the lines turned out to be of."""
        return self._reader.belongs_to

    def feed(self, data: bytes) -> list[SampleRun]:
        """Consume ``data``; what is kept is less than one line and three samples."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._extend(line)
            self._end_line()
        self._extend(rest)
        runs = self._runs.take(self._rate.hz)
        self.lost_runs += sum(run.lost for run in runs)
        return runs

    def reply(self, now_s: float) -> bytes:
        """Return the key press that the program waits for."""
        return self._reader.reply()

    def _extend(self, piece: bytes) -> None:
        room = MAX_LINE_BYTES - len(self._buffer)
        if len(piece) > room:
            self._skipping = True
            self.junk_bytes += len(piece) - room
        self._buffer += piece[:room]

    def _end_line(self) -> None:
        line, skip = bytes(self._buffer).strip(), self._skipping
        size = len(self._buffer) + 1
        self._buffer.clear()
        self._skipping = False
        if not line and not skip:
            return
        found = self._reader.read(line.decode("ascii")) if line.isascii() else None
        if found is None or (skip and isinstance(found, LineReading)):
            self.junk_bytes += size
            self._break()
        elif isinstance(found, LineReading):
            self._chain(found, size)

    def _break(self) -> None:
        """A foreign line: nothing beside it is believed, and what follows comes after a hole."""
        self.junk_bytes += sum(size for _, size in self._waiting)
        self._waiting.clear()
        self._open = False
        self._hole = self._ever_open

    def _chain(self, reading: LineReading, size: int) -> None:
        if reading.shape != self._shape:
            self._break()
            self._shape = reading.shape
        self._waiting.append((reading, size))
        if self._open or len(self._waiting) >= CONFIRM_LINES:
            self._open = self._ever_open = True
            for waiting, _ in self._waiting:
                self._release(waiting)
            self._waiting.clear()

    def _release(self, reading: LineReading) -> None:
        lost = self._hole | self._missed(reading)
        self._hole = False
        time_s = None
        if reading.time_ms is not None:
            time_s, jumped = self._clock.note(reading.time_ms)
            lost |= jumped or (reading.number is None and self._late(time_s))
            if lost:
                self._rate.restart()
            self._rate.note(time_s, 1)
            self._last_time_s = time_s
        self._runs.add(reading.value, reading.finger_on, lost, time_s)

    def _missed(self, reading: LineReading) -> bool:
        if reading.number is None:
            return False
        last, self._last_number = self._last_number, reading.number
        return last is not None and reading.number != last + 1

    def _late(self, time_s: float) -> bool:
        if self._rate.hz is None or self._last_time_s is None:
            return False
        return time_s - self._last_time_s > MISSING_STEPS / self._rate.hz
