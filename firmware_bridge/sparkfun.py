"""SparkFun's MAX3010x examples 4, 5, 6, 7 and 8, as they print through Arduino's serial port.

Number 4 needs ``sampleAverage = 1``: as it comes it is silent for 5 s, then 12.5 samples a second.
The sensor counts infrared light coming back; blood takes light away, so counts are negated.
"""

from __future__ import annotations

import re

from firmware_bridge.text_lines import Aside, LineParser, LineReading

MAX_COUNT = 262_143
"""18 bits, MAX30102 data sheet."""
FINGER_ON_COUNT = 50_000
"""SparkFun's own threshold (example 5): less light comes back without a finger."""
HALF_SPAN, SPAN = 1 << 15, 1 << 16
STARTING = (
    "the board said Initializing... and sends no samples yet: SparkFun's example 4 needs"
    " sampleAverage = 1"
)
"""As it comes it takes the mean of 64 samples first; who looks again resets the board."""

_SHAPES = {
    "bare": re.compile(r"(\d{1,6})"),
    "heart rate": re.compile(
        r"IR=(\d{1,6}), BPM=(?:\d+\.\d+|inf), Avg BPM=\d{1,3}(?: No finger\?)?"
    ),
    "fifo": re.compile(
        r"(?:R\[\d{1,6}\] )?IR\[(\d{1,6})\](?: G\[\d{1,6}\])?(?: Hz\[(?:\d+\.\d+|inf|nan)\])?"
        r"(?: INT!)?(?: I\[[01]{1,8}\])?"  # Example 7's interrupt; its pin may hang in the air.
    ),
}
_OXYGEN = re.compile(
    r"red=\d{1,6}, ir=(\d{1,6})"
    r"(?:, HR=-?\d{1,6}, HRvalid=[01], SPO2=-?\d{1,6}, SPO2Valid=[01])?"
)


class SparkFunReader:
    """Understands the lines of all these examples and presses the key that number 8 waits for."""

    belongs_to = ""

    def __init__(self) -> None:
        self.complaint = ""
        self._key = b""
        self._cut = _CutCounts()

    def read(self, line: str) -> LineReading | Aside | None:
        """Return the sample in the line.

        >>> reader = SparkFunReader()
        >>> reader.read("104512").value, reader.read("R[1] IR[90000] G[3] Hz[1.5]").value
        (-104512.0, -90000.0)
        """
        if "Press any key" in line:
            self._key = b"\n"
            return Aside(line)
        if "was not found" in line:
            self.complaint = f"the board says: {line}"
            return Aside(line)
        if line == "Initializing...":
            self.complaint = STARTING
            return None
        reading = self._count(line)
        if reading is not None:
            self.complaint = ""
        return reading

    def _count(self, line: str) -> LineReading | None:
        if found := _OXYGEN.fullmatch(line):
            return self._cut.mend(int(found[1]))
        for shape, pattern in _SHAPES.items():
            if found := pattern.fullmatch(line):
                return _sample(found[1], shape)
        return None

    def reply(self) -> bytes:
        """Return the key press, once each time it is asked for."""
        key, self._key = self._key, b""
        return key


class _CutCounts:
    """Example 8 cuts counts to 16 bits on an Uno; neighbours tell how often they went over."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._turns = 0
        self._whole = False

    def mend(self, count: int) -> LineReading | None:
        if count > MAX_COUNT:
            return None
        if count >= SPAN and not self._whole:
            self._whole, self._turns = True, 0
        if self._whole:
            return LineReading(-float(count), "oxygen", count >= FINGER_ON_COUNT)
        last, self._last = self._last, count
        if last is not None and abs(count - last) > HALF_SPAN:
            self._turns += 1 if count < last else -1
        return LineReading(-float(count + self._turns * SPAN), "oxygen", None)


def _sample(text: str, shape: str) -> LineReading | None:
    count = int(text)
    if count > MAX_COUNT:
        return None
    return LineReading(-float(count), shape, count >= FINGER_ON_COUNT)


def sparkfun_parser() -> LineParser:
    """Return a parser for the MAX3010x examples; they do not state their rate."""
    return LineParser(SparkFunReader())
