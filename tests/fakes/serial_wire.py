"""What a serial port hears of another baud rate, and a sensor that sends at one."""

from __future__ import annotations

from firmware_bridge.simulator import SimulatedSensor

BITS = 10
"""Start, eight data bits, stop."""


def heard_at(data: bytes, sent_baud: int, heard_baud: int) -> bytes:
    """Return what a receiver at ``heard_baud`` makes of bytes that are sent back to back."""
    line = [level for byte in data for level in (0, *((byte >> n) & 1 for n in range(8)), 1)]
    line += [1] * BITS
    ratio = sent_baud / heard_baud
    heard, at = bytearray(), 0.0
    while int(at + (BITS - 0.5) * ratio) < len(line):
        if line[int(at)]:  # Idle: wait for the next start bit, in sixteenths as a UART does.
            at += ratio / 16
            continue
        bits = [line[int(at + (n + 1.5) * ratio)] for n in range(8)]
        heard.append(sum(bit << n for n, bit in enumerate(bits)))
        at += (BITS - 0.5) * ratio
    return bytes(heard)


class OddBaudSensor(SimulatedSensor):
    """A sensor whose board is set to another baud rate than its protocol wants."""

    sent_baud, heard_baud = 57_600, 115_200

    def _send(self, data: bytes) -> None:
        super()._send(heard_at(data, self.sent_baud, self.heard_baud))
