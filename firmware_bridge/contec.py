"""Contec pulse oximeters: CMS50D+/E up to firmware 4.5, and CMS50D+ 4.6 on / CMS50E v7.

Layouts: CMS50Dplus (atbrask), contec_data (headrotor). Both send 60 packets a second; the
plethysmogram is 0..127, filtered already, and a beat is a peak.
"""

from __future__ import annotations

from firmware_bridge.packets import PacketParser, PacketReading

RATE_HZ = 60.0
NEW_START = bytes.fromhex("7d81a1808080808080")
NEW_STOP = bytes.fromhex("7d81a2808080808080")
NEW_KEEP_ALIVE = bytes.fromhex("7d81af808080808080")
SPO2 = frozenset((0, 127, 255, *range(35, 101)))
"""What these devices show: 35..100 %, or 0, 127 or 255 for none."""


class ContecOldParser(PacketParser):
    """5 bytes without a checksum; only the first has bit 7.

    Random bytes fit one time in 120, so six in a row open the stream (1 in 10^12) and two more
    must follow before a packet counts.
    """

    length = 5
    rate_hz = RATE_HZ
    confirm = 6
    hold = 2

    def read_packet(self, packet: bytes) -> PacketReading | None:
        """Read ``strength+flags, pleth, bar+flags, pulse, SpO2``."""
        if not packet[0] & 0x80 or any(byte & 0x80 for byte in packet[1:]):
            return None
        if packet[4] not in SPO2:
            return None
        finger_out, searching = packet[0] & 0x10, packet[2] & 0x20
        probe_error = packet[2] & 0x10
        return PacketReading(float(packet[1]), not (finger_out or searching or probe_error))


class ContecNewParser(PacketParser):
    """9 bytes: ``01``, the high bits of what follows, seven data bytes with bit 7 set.

    No byte but the first may be ``01``, so a lost byte is always noticed.
    """

    length = 9
    rate_hz = RATE_HZ

    def read_packet(self, packet: bytes) -> PacketReading | None:
        """Read ``strength+flags, pleth, bar, pulse, SpO2, PI (2)``."""
        if packet[0] != 0x01 or not all(byte & 0x80 for byte in packet[1:]):
            return None
        data = [packet[2 + place] & 0x7F | (packet[1] >> place & 1) << 7 for place in range(7)]
        if data[4] not in SPO2:
            return None
        finger_out, searching = data[0] & 0x80, data[1] & 0x80
        return PacketReading(float(data[1] & 0x7F), not (finger_out or searching))
