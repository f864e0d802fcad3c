"""PulseSensor: the Playground's plotter and visualizer, bare numbers, PulseLink PSWS v1 and v2.

Layouts: PulseSensorPlayground, ``PulseSensorSerialOutput.cpp`` and
``pulse-webserial-protocol.mjs``. The sensor's amplifier already turns more blood into a larger
value.
"""

from __future__ import annotations

import json
import re

from firmware_bridge.sparkfun import MAX_COUNT
from firmware_bridge.text_lines import Aside, LineParser, LineReading

MAX_SIGNAL = 16_383
"""10 bits on an AVR, 12 on an ESP32, 14 on an Uno R4."""
MAX_BPM = 300
MAX_INTERVAL_MS = 32_767
MAX_TIME_MS = 1 << 53
MAX_PSWS_TIME_MS = 0x3FFFFFFF
MAX_NUMBER = 0x7FFFFFFF
PSWS_FIELDS = {"1": 11, "2": 18}
LARGE_LINES = 3
"""So many larger bare numbers in a row are no damage: SparkFun's example 4 counts light, and a
finger came."""

_INTEGER = re.compile(r"[0-9]{1,16}")
_SIGNAL = re.compile(r"[Sa](\d{1,5})")
_BESIDE = re.compile(r"[BQbAMN]\d{1,5}")
"""Beats per minute and intervals; with two sensors the second one, too."""
_STATE = re.compile(r"[A-Z0-9_]{1,32}")


class PulseSensorReader:
    """Understands every kind of line that the PulseSensor programs print."""

    def __init__(self) -> None:
        self.complaint = ""
        self.belongs_to = ""
        self._large = 0

    def read(self, line: str) -> LineReading | Aside | None:
        """Return the sample in the line.

        >>> reader = PulseSensorReader()
        >>> reader.read("72,833,512").value, reader.read("S498").value, reader.read("B72")
        (512.0, 498.0, 'B72')
        """
        self._large = self._large + 1 if (_whole(line, MAX_COUNT) or 0) > MAX_SIGNAL else 0
        if self._large >= LARGE_LINES:
            self.belongs_to = "sparkfun"
        if line.startswith("{"):
            return _json(line)
        if line.startswith("PSWS,"):
            return self._psws(line.split(","))
        if found := _SIGNAL.fullmatch(line):
            return _sample(found[1], line[0])
        if _BESIDE.fullmatch(line):
            return Aside(line)
        return _comma_separated(line.split(","))

    def reply(self) -> bytes:
        """Return nothing: these sketches speak unasked."""
        return b""

    def _psws(self, fields: list[str]) -> LineReading | Aside | None:
        if len(fields) < 11 or len(fields) != PSWS_FIELDS.get(fields[1]):
            return None
        number, time_ms = _whole(fields[3], MAX_NUMBER), _whole(fields[4], MAX_PSWS_TIME_MS)
        if number is None or time_ms is None or not _STATE.fullmatch(fields[10]):
            return None
        if fields[2] == "SIM":
            self.complaint = "the PulseLink plays its own simulated pulse: switch it to LIVE"
            return Aside(fields[2])
        if fields[2] != "LIVE":
            return None
        self.complaint = ""
        return _sample(fields[5], "psws", time_ms=time_ms, number=number)


def _whole(text: str, largest: int) -> int | None:
    value = int(text) if _INTEGER.fullmatch(text) else None
    return value if value is not None and value <= largest else None


def _sample(
    text: str, shape: str, *, time_ms: int | None = None, number: int | None = None
) -> LineReading | None:
    value = _whole(text, MAX_SIGNAL)
    if value is None:
        return None
    return LineReading(float(value), shape, time_ms=time_ms, number=number)


def _comma_separated(fields: list[str]) -> LineReading | None:
    """``BPM,IBI,Signal``, ``signal,bpm,ibi,beat``, ``ms,signal`` or the bare signal."""
    if len(fields) == 3:
        right = _whole(fields[0], MAX_BPM), _whole(fields[1], MAX_INTERVAL_MS)
        return None if None in right else _sample(fields[2], "plotter")
    if len(fields) == 4:
        right = _whole(fields[1], MAX_BPM), _whole(fields[2], MAX_INTERVAL_MS)
        return None if None in right or fields[3] not in "01" else _sample(fields[0], "beats")
    if len(fields) == 2:
        time_ms = _whole(fields[0], MAX_TIME_MS)
        return None if time_ms is None else _sample(fields[1], "timed", time_ms=time_ms)
    return _sample(fields[0], "bare") if len(fields) == 1 else None


def _json(line: str) -> LineReading | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    signal = _first(said, "signal", "sample", "raw", "value")
    time_ms = _first(said, "timestampMs", "timestamp", "time")
    number = _first(said, "sequence", "seq")
    if signal is None or signal > MAX_SIGNAL or (time_ms or 0) > MAX_TIME_MS:
        return None
    return LineReading(float(signal), "json", time_ms=time_ms, number=number)


def _first(said: dict[str, object], *names: str) -> int | None:
    for name in names:
        value = said.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def pulsesensor_parser() -> LineParser:
    """Return a parser for the PulseSensor programs; most do not state their rate."""
    return LineParser(PulseSensorReader())
