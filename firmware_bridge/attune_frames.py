"""Attune's own frames; PROTOCOL.md is the specification.

``COBS(version u8 | type u8 | seq u16 | t_us u32 | payload | CRC-16) 00``, little-endian. COBS:
Cheshire & Baker 1999. CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass
from enum import IntEnum

from cobs import cobs

from firmware_bridge.samples import SampleRun, run_of

VERSION = 1
HEADER = struct.Struct("<BBHI")
HELLO = struct.Struct("<BBHB8sBB")
SAMPLES = struct.Struct("<BB")
CRC = struct.Struct("<H")
MAX_FRAME_BYTES = 254
"""Longest frame before COBS: one block of COBS, one buffer on an ATmega328P."""
MAX_BUFFER_BYTES = MAX_FRAME_BYTES + 2
CLOCK_SPAN_US = 1 << 32
FINGER_KNOWN, FINGER_ON = 0x01, 0x02


class FrameType(IntEnum):
    """First word after the version; below 0x80 from the sensor, above from the host."""

    HELLO = 0x01
    SAMPLES = 0x02
    COMMAND_DONE = 0x03
    HELLO_SEEN = 0x81
    COMMAND = 0x82


class ResetCause(IntEnum):
    """Why the sensor started."""

    UNKNOWN = 0
    POWER = 1
    RESET_PIN = 2
    WATCHDOG = 3
    BROWN_OUT = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it travels."""

    type: int
    seq: int
    t_us: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """How a sensor introduces itself until it is answered."""

    sensor: int
    adc_bits: int
    rate_hz: int
    reset_cause: int
    unique_id: bytes
    firmware: tuple[int, int]


def encode(frame: Frame) -> bytes:
    """Return the bytes on the line, the closing zero included.

    >>> encode(Frame(FrameType.HELLO_SEEN, 1, 0, b"")).hex()
    '040181010101010103d52000'
    """
    body = HEADER.pack(VERSION, frame.type, frame.seq, frame.t_us) + frame.payload
    if len(body) + CRC.size > MAX_FRAME_BYTES:
        raise ValueError(f"a payload of {len(frame.payload)} bytes does not fit a frame")
    return bytes(cobs.encode(body + CRC.pack(binascii.crc_hqx(body, 0xFFFF)))) + b"\0"


def decode(block: bytes) -> Frame | None:
    """Return the frame in the bytes between two zeros, or None when it is none."""
    try:
        body = cobs.decode(block)
    except cobs.DecodeError:
        return None
    if len(body) < HEADER.size + CRC.size:
        return None
    (crc,) = CRC.unpack_from(body, len(body) - CRC.size)
    body = body[: -CRC.size]
    if binascii.crc_hqx(body, 0xFFFF) != crc or body[0] != VERSION:
        return None
    _, kind, seq, t_us = HEADER.unpack_from(body)
    return Frame(kind, seq, t_us, body[HEADER.size :])


def hello_payload(hello: Hello) -> bytes:
    """Return the payload of a HELLO frame."""
    return HELLO.pack(
        hello.sensor, hello.adc_bits, hello.rate_hz, hello.reset_cause, hello.unique_id,
        *hello.firmware,
    )  # fmt: skip


def samples_payload(samples: list[int], finger_on: bool | None) -> bytes:
    """Return the payload of a SAMPLES frame (at most 120 samples of 16 bits)."""
    flags = 0 if finger_on is None else FINGER_KNOWN | (FINGER_ON if finger_on else 0)
    return SAMPLES.pack(flags, len(samples)) + struct.pack(f"<{len(samples)}H", *samples)


class AttuneParser:
    """Parser of our own frames: checks, counts gaps, unwraps the clock, notices resets."""

    def __init__(self) -> None:
        self.junk_bytes = 0
        self.lost_runs = 0
        self.hello: Hello | None = None
        self._buffer = bytearray()
        self._overlong = False
        self._reply = b""
        self._next_seq: int | None = None
        self._last_us: int | None = None
        self._wraps = 0
        self._hole = False

    def feed(self, data: bytes) -> list[SampleRun]:
        """Consume ``data`` and return the runs that are complete."""
        runs: list[SampleRun] = []
        for piece in data.split(b"\0")[:-1]:
            self._take(piece)
            runs += self._close_frame()
        self._take(data.rsplit(b"\0", 1)[-1])
        return runs

    def reply(self) -> bytes:
        """Return the answer to a HELLO, once."""
        reply, self._reply = self._reply, b""
        return reply

    def _take(self, piece: bytes) -> None:
        room = MAX_BUFFER_BYTES - len(self._buffer)
        self._overlong |= len(piece) > room
        self.junk_bytes += max(0, len(piece) - room)
        self._buffer += piece[:room]

    def _close_frame(self) -> list[SampleRun]:
        block, overlong = bytes(self._buffer), self._overlong
        self._buffer.clear()
        self._overlong = False
        if not block:
            return []
        frame = None if overlong else decode(block)
        if frame is None:
            self.junk_bytes += len(block)
            return []
        return self._hear(frame)

    def _hear(self, frame: Frame) -> list[SampleRun]:
        if frame.type == FrameType.HELLO and len(frame.payload) == HELLO.size:
            sensor, bits, rate_hz, cause, identity, major, minor = HELLO.unpack(frame.payload)
            self.hello = Hello(sensor, bits, rate_hz, cause, identity, (major, minor))
            self._reply = encode(Frame(FrameType.HELLO_SEEN, frame.seq, frame.t_us, b""))
            # Opening a port resets many boards: the clock and the count begin anew.
            self._hole = self._last_us is not None
            self._next_seq = (frame.seq + 1) & 0xFFFF
            self._last_us, self._wraps = None, 0
            return []
        if frame.type != FrameType.SAMPLES or len(frame.payload) < SAMPLES.size:
            return []
        flags, count = SAMPLES.unpack_from(frame.payload)
        if count == 0 or len(frame.payload) != SAMPLES.size + 2 * count:
            return []
        values = struct.unpack_from(f"<{count}H", frame.payload, SAMPLES.size)
        lost = self._note_seq(frame.seq) | self._note_clock(frame.t_us)
        self.lost_runs += lost
        assert self._last_us is not None
        return [
            run_of(
                values,
                rate_hz=float(self.hello.rate_hz) if self.hello and self.hello.rate_hz else None,
                device_time_s=(self._wraps * CLOCK_SPAN_US + self._last_us) / 1e6,
                finger_on=bool(flags & FINGER_ON) if flags & FINGER_KNOWN else None,
                lost=lost,
            )
        ]

    def _note_seq(self, seq: int) -> bool:
        lost = self._hole or (self._next_seq is not None and seq != self._next_seq)
        self._hole = False
        self._next_seq = (seq + 1) & 0xFFFF
        return lost

    def _note_clock(self, t_us: int) -> bool:
        """Unwrap the clock; return whether it jumped back, which is a reset."""
        last, self._last_us = self._last_us, t_us
        if last is None or t_us >= last:
            return False
        if last - t_us > CLOCK_SPAN_US // 2:
            self._wraps += 1
            return False
        self._wraps = 0
        return True
