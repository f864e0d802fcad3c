"""Pulse oximeters: Contec CMS50D+/E (old and new firmware) and Nonin OEM III, data format 2.

Layouts: Contec's communication protocol as decoded by CMS50Dplus and contec_data; Nonin OEM III
module specification. Their plethysmogram is filtered already; a beat is a peak.
"""

from __future__ import annotations

from firmware_bridge.samples import SampleRun, run_of

CMS_RATE_HZ = 60.0
NONIN_RATE_HZ = 75.0
NONIN_PACKETS = 25
CMS_NEW_START = bytes.fromhex("7d81a1808080808080")
CMS_NEW_STOP = bytes.fromhex("7d81a2808080808080")
CMS_NEW_KEEP_ALIVE = bytes.fromhex("7d81af808080808080")


class _PacketParser:
    """Finds packets of a fixed length; a run ends where the finger changes or junk came between."""

    length = 0
    rate_hz = 0.0

    def __init__(self) -> None:
        self.junk_bytes = 0
        self.lost_runs = 0
        self._buffer = bytearray()
        self._synchronised = False
        self._hole = False

    def feed(self, data: bytes) -> list[SampleRun]:
        """Consume ``data``; at most one unfinished packet is kept."""
        self._buffer += data
        runs: list[SampleRun] = []
        values: list[float] = []
        finger: bool | None = None
        at = 0
        while len(self._buffer) - at >= self.length:
            packet = self._buffer[at : at + self.length]
            if not self._fits(packet):
                self.junk_bytes += 1
                self._hole = self._synchronised
                at += 1
                continue
            now_on = self._finger_on(packet)
            if values and (self._hole or now_on != finger):
                runs.append(run_of(values, rate_hz=self.rate_hz, finger_on=finger))
                values = []
            finger = now_on
            if self._hole:  # One sample alone carries the mark of the hole.
                self.lost_runs += 1
                runs.append(
                    run_of([self._pleth(packet)], rate_hz=self.rate_hz, finger_on=finger, lost=True)
                )
            else:
                values.append(self._pleth(packet))
            self._synchronised, self._hole = True, False
            at += self.length
        del self._buffer[:at]
        if values:
            runs.append(run_of(values, rate_hz=self.rate_hz, finger_on=finger))
        return runs

    def reply(self) -> bytes:
        """Return nothing: these sensors do not wait for an answer."""
        return b""

    def _fits(self, packet: bytearray) -> bool:
        raise NotImplementedError

    def _finger_on(self, packet: bytearray) -> bool | None:
        raise NotImplementedError

    def _pleth(self, packet: bytearray) -> float:
        raise NotImplementedError


class ContecOldParser(_PacketParser):
    """CMS50D+/E up to firmware 4.5: 5 bytes at 60 Hz, only the first has bit 7."""

    length = 5
    rate_hz = CMS_RATE_HZ

    def _fits(self, packet: bytearray) -> bool:
        return bool(packet[0] & 0x80) and not any(byte & 0x80 for byte in packet[1:])

    def _finger_on(self, packet: bytearray) -> bool | None:
        return not (packet[0] & 0x10 or packet[2] & 0x30)

    def _pleth(self, packet: bytearray) -> float:
        return float(packet[1])


class ContecNewParser(_PacketParser):
    """CMS50D+ from firmware 4.6 and 50E v7: 9 bytes; the second holds the others' bit 7."""

    length = 9
    rate_hz = CMS_RATE_HZ

    def _fits(self, packet: bytearray) -> bool:
        return packet[0] == 0x01 and all(byte & 0x80 for byte in packet[1:])

    def _data(self, packet: bytearray, index: int) -> int:
        high = packet[1] >> index & 1
        return packet[2 + index] & 0x7F | high << 7

    def _finger_on(self, packet: bytearray) -> bool | None:
        return not (self._data(packet, 0) & 0x80 or self._data(packet, 1) & 0x80)

    def _pleth(self, packet: bytearray) -> float:
        return float(self._data(packet, 1) & 0x7F)


class NoninParser(_PacketParser):
    """Nonin data format 2: 5 bytes ``01 status pleth float checksum`` at 75 Hz."""

    length = 5
    rate_hz = NONIN_RATE_HZ

    def _fits(self, packet: bytearray) -> bool:
        right_sum = sum(packet[:4]) & 0xFF == packet[4]
        return packet[0] == 0x01 and bool(packet[1] & 0x80) and right_sum

    def _finger_on(self, packet: bytearray) -> bool | None:
        return not packet[1] & 0x48  # bit 6: sensor disconnected, bit 3: no finger

    def _pleth(self, packet: bytearray) -> float:
        return float(packet[2])
