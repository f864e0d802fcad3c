"""Sensors that send packets of a fixed length: finding them, and believing them late.

Their check is weak or missing, so a stream opens only after several packets in a row that fit,
and the newest ones may have to wait until the next fit, too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from firmware_bridge.outliers import PlausibleRuns
from firmware_bridge.samples import RunBuilder, SampleRun


@dataclass(frozen=True, slots=True)
class PacketReading:
    """One sample as its packet tells it."""

    value: float
    finger_on: bool
    after_hole: bool = False
    """The packet itself shows that others are missing before it."""


class PacketParser:
    """Finds packets of ``length`` bytes that :meth:`read_packet` accepts."""

    length = 0
    rate_hz = 0.0
    confirm = 3
    """Packets in a row that open the stream."""
    checked = False
    """Whether each packet has a checksum; without one values must be plausible, too."""
    hold = 0
    """Packets that must fit after one before it counts."""
    belongs_to = ""

    def __init__(self) -> None:
        self.junk_bytes = 0
        self.lost_runs = 0
        self._buffer = bytearray()
        self._chain: deque[PacketReading] = deque()
        self._open = False
        self._hole = False
        self._ever_open = False
        self._runs = RunBuilder() if self.checked else PlausibleRuns()

    @property
    def complaint(self) -> str:
        """Nothing: these sensors show on their own screens what is wrong."""
        return ""

    def feed(self, data: bytes) -> list[SampleRun]:
        """Consume ``data``; at most one unfinished packet and a few samples are kept."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= self.length:
            reading = self.read_packet(bytes(self._buffer[at : at + self.length]))
            if reading is None:
                self._break()
                self.junk_bytes += 1
                at += 1
            else:
                self._take(reading)
                at += self.length
        del self._buffer[:at]
        runs = self._runs.take(self.rate_hz)
        self.lost_runs += sum(run.lost for run in runs)
        return runs

    def reply(self, now_s: float) -> bytes:
        """Return nothing: these sensors do not wait for an answer."""
        return b""

    def read_packet(self, packet: bytes) -> PacketReading | None:
        """Return what the packet says, or None when it cannot be one."""
        raise NotImplementedError

    def _take(self, reading: PacketReading) -> None:
        self._chain.append(reading)
        if len(self._chain) >= self.confirm:
            self._open = self._ever_open = True
        while self._open and len(self._chain) > self.hold:
            ready = self._chain.popleft()
            lost = self._hole or ready.after_hole
            self._hole = False
            self._runs.add(ready.value, ready.finger_on, lost)

    def _break(self) -> None:
        self.junk_bytes += len(self._chain) * self.length
        self._chain.clear()
        self._open = False
        self._hole = self._ever_open
