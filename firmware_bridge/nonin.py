"""Nonin OEM III and 3150, data format 2: 5 bytes at 75 Hz, 25 to a packet.

Layout: Nonin OEM III module specification. The plethysmogram is filtered already; a beat is a
peak.
"""

from __future__ import annotations

from firmware_bridge.packets import PacketParser, PacketReading

RATE_HZ = 75.0
FRAMES_PER_PACKET = 25
STATUS_SET, SENSOR_OFF, NO_SIGNAL, SYNC = 0x80, 0x40, 0x08, 0x01


class NoninParser(PacketParser):
    """``01 status pleth float checksum``; SYNC marks every 25th and so shows what is missing."""

    length = 5
    rate_hz = RATE_HZ
    checked = True

    def __init__(self) -> None:
        super().__init__()
        self._since_sync: int | None = None

    def read_packet(self, packet: bytes) -> PacketReading | None:
        """Read one frame; the checksum is the sum of the first four bytes modulo 256."""
        status = packet[1]
        if packet[0] != 0x01 or not status & STATUS_SET or sum(packet[:4]) & 0xFF != packet[4]:
            return None
        on = not status & (SENSOR_OFF | NO_SIGNAL)
        return PacketReading(float(packet[2]), on, self._note_sync(bool(status & SYNC)))

    def _break(self) -> None:
        super()._break()
        self._since_sync = None  # The hole is known; the next SYNC begins a new count.

    def _note_sync(self, sync: bool) -> bool:
        since = self._since_sync
        if sync:
            self._since_sync = 1
            return since is not None and since != FRAMES_PER_PACKET
        if since is None:
            return False
        self._since_sync = since + 1 if since < FRAMES_PER_PACKET else None
        return since == FRAMES_PER_PACKET
