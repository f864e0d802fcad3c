"""Sensors that talk in lines of text: PulseSensor Playground and SparkFun MAX3010x examples.

Layouts: PulseSensorPlayground (PulseSensorSerialOutput.cpp; PSWS v1/v2), SparkFun MAX3010x
examples 4, 5, 6/7 and 8. Text has no checksum, so a value out of the sensor's range is junk.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from firmware_bridge.samples import SampleRun, run_of

MAX_LINE_BYTES = 160
"""Far above the longest line of any of these programs."""
FINGER_ON_IR = 50_000
"""SparkFun's own threshold (example 5): less infrared light comes back without a finger."""

Reading = tuple[float, bool | None]
"""A sample and whether a finger is on, None where the line does not tell."""


class LineParser:
    """Splits bytes into lines and asks ``read_line`` what each says."""

    def __init__(
        self,
        read_line: Callable[[str], Reading | None],
        rate_hz: float | None,
        greeting: bytes = b"",
    ) -> None:
        self.junk_bytes = 0
        self.lost_runs = 0
        self._read_line = read_line
        self._rate_hz = rate_hz
        self._reply = greeting
        self._buffer = bytearray()
        self._skipping = True  # The first line is most often cut in half.

    def feed(self, data: bytes) -> list[SampleRun]:
        """Consume ``data`` and return one run of all complete lines."""
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            self.junk_bytes += len(rest)
            rest, self._skipping = b"", True
        self._buffer = bytearray(rest)
        readings = [reading for line in lines if (reading := self._understand(line))]
        if not readings:
            return []
        fingers = [finger for _, finger in readings if finger is not None]
        return [
            run_of(
                [value for value, _ in readings],
                rate_hz=self._rate_hz,
                finger_on=fingers[-1] if fingers else None,
            )
        ]

    def reply(self) -> bytes:
        """Return what starts the sensor, once."""
        reply, self._reply = self._reply, b""
        return reply

    def _understand(self, line: bytes) -> Reading | None:
        skip, self._skipping = self._skipping, False
        if not skip and len(line) <= MAX_LINE_BYTES:
            try:
                reading = self._read_line(line.decode("ascii").strip())
            except UnicodeDecodeError:
                reading = None
            if reading is not None:
                return reading
        self.junk_bytes += len(line) + 1
        return None


def _number(text: str, low: float, high: float) -> float | None:
    value = float(text) if re.fullmatch(r"-?\d{1,9}(\.\d{1,6})?", text) else None
    return value if value is not None and low <= value <= high else None


def _signal(text: str) -> Reading | None:
    """A PulseSensor's analog value: 10 bits on an AVR, 12 on an ESP32."""
    value = _number(text, 0, 4095)
    return None if value is None else (value, None)


def read_pulsesensor(line: str) -> Reading | None:
    """Read ``BPM,IBI,Signal``, ``S<signal>`` or a PSWS line.

    >>> read_pulsesensor("72,833,512"), read_pulsesensor("S498"), read_pulsesensor("B72")
    ((512.0, None), (498.0, None), None)
    """
    if line.startswith("PSWS,"):
        parts = line.split(",")
        right = len(parts) in (11, 18) and parts[2] in ("LIVE", "SIM")
        return _signal(parts[5]) if right else None
    if line.startswith("S"):
        return _signal(line[1:])
    parts = line.split(",")
    if len(parts) == 3 and all(_number(part, 0, 10_000) is not None for part in parts):
        return _signal(parts[2])
    return None


_IR = re.compile(r"(?:^|[\s,])(?:IR=|IR\[|ir=)(\d{1,7})(?:\]|\b)")


def read_sparkfun(line: str) -> Reading | None:
    """Read a bare infrared value or one among others; blood takes light away, so it is negated.

    >>> read_sparkfun("104512"), read_sparkfun("IR=1200, BPM=0.00, Avg BPM=0 No finger?")
    ((-104512.0, True), (-1200.0, False))
    """
    found = _IR.search(line)
    text = found.group(1) if found else line
    value = _number(text, 0, 262_143)  # 18 bits
    return None if value is None else (-value, value >= FINGER_ON_IR)


def pulsesensor_parser() -> LineParser:
    """Return a parser for PulseSensor sketches; they do not state their rate."""
    return LineParser(read_pulsesensor, None)


def sparkfun_parser() -> LineParser:
    """Return a parser for the MAX3010x examples; example 8 waits for a key, so it gets one."""
    return LineParser(read_sparkfun, None, greeting=b"\n")
