"""Attune's own frames, to and from bytes; PROTOCOL.md is the specification.

``COBS(version u8 | type u8 | seq u16 | t_us u32 | payload | CRC-16) 00``, little-endian. COBS:
Cheshire & Baker 1999. CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from cobs import cobs

VERSION = 1
HEADER = struct.Struct("<BBHI")
HELLO = struct.Struct("<2sBBBBHH8s")
SAMPLES = struct.Struct("<BB")
COMMAND = struct.Struct("<Bh")
COMMAND_DONE = struct.Struct("<HBB")
CRC = struct.Struct("<H")
MAX_FRAME_BYTES = 254
"""Longest frame before COBS: one block of COBS, one buffer on an ATmega328P."""
CLOCK_SPAN_US = 1 << 32
HELLO_MAGIC = b"At"


class FrameType(IntEnum):
    """What a frame is; below 0x80 from the sensor, above from the host."""

    HELLO = 0x01
    SAMPLES = 0x02
    COMMAND_DONE = 0x03
    HELLO_SEEN = 0x81
    COMMAND = 0x82


class SampleFlag(IntFlag):
    """Flags of a SAMPLES frame."""

    FINGER_KNOWN = 0x01
    FINGER_ON = 0x02
    LOST = 0x04
    """The sensor itself missed samples before this frame."""
    INVERTED = 0x08
    """A larger number means less blood (reflected light)."""
    WIDE = 0x10
    """Three bytes a sample instead of two."""


class CommandCode(IntEnum):
    """What the host may ask of a sensor; each takes one signed 16-bit argument."""

    HELLO = 1
    """Say HELLO again; the argument is 0."""
    STREAM = 2
    """1 send samples, 0 be silent."""
    RATE = 3
    """Sample rate in hertz."""
    LIGHT = 4
    """Current of the light-emitting diode, 0..255 in steps of the sensor."""


class CommandResult(IntEnum):
    """How a command ended."""

    DONE = 0
    UNKNOWN = 1
    OUT_OF_RANGE = 2
    FAILED = 3


class ResetCause(IntEnum):
    """Why the sensor started."""

    UNKNOWN = 0
    POWER = 1
    RESET_PIN = 2
    WATCHDOG = 3
    BROWN_OUT = 4


class SensorModel(IntEnum):
    """What takes the samples."""

    SIMULATED = 0
    ANALOG = 1
    MAX30102 = 2


class FrameError(ValueError):
    """The bytes between two zeros are no frame."""


class VersionError(FrameError):
    """A sound frame of another protocol version."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it travels."""

    type: int
    seq: int
    t_us: int
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Hello:
    """How a sensor introduces itself until it is answered."""

    firmware: tuple[int, int]
    sensor: int
    adc_bits: int
    rate_hz: int
    reset_cause: int
    unique_id: bytes
    """8 bytes."""


def encode(frame: Frame) -> bytes:
    """Return the bytes on the line, the closing zero included.

    >>> encode(Frame(FrameType.HELLO_SEEN, 1, 0)).hex()
    '040181010101010103d52000'
    """
    body = HEADER.pack(VERSION, frame.type, frame.seq, frame.t_us) + frame.payload
    if len(body) + CRC.size > MAX_FRAME_BYTES:
        raise FrameError(f"a payload of {len(frame.payload)} bytes does not fit a frame")
    return bytes(cobs.encode(body + CRC.pack(binascii.crc_hqx(body, 0xFFFF)))) + b"\0"


def decode(block: bytes) -> Frame:
    """Return the frame in the bytes between two zeros; raises FrameError when it is none."""
    try:
        body = cobs.decode(block)
    except cobs.DecodeError as error:
        raise FrameError(str(error)) from error
    if not HEADER.size + CRC.size <= len(body) <= MAX_FRAME_BYTES:
        raise FrameError(f"{len(body)} bytes are no frame")
    (crc,) = CRC.unpack_from(body, len(body) - CRC.size)
    body = body[: -CRC.size]
    if binascii.crc_hqx(body, 0xFFFF) != crc:
        raise FrameError("wrong CRC")
    version, kind, seq, t_us = HEADER.unpack_from(body)
    if version != VERSION:
        raise VersionError(f"protocol version {version}")
    return Frame(kind, seq, t_us, bytes(body[HEADER.size :]))


def hello_payload(hello: Hello) -> bytes:
    """Return the payload of a HELLO frame."""
    return HELLO.pack(
        HELLO_MAGIC,
        *hello.firmware,
        hello.sensor,
        hello.adc_bits,
        hello.rate_hz,
        hello.reset_cause,
        hello.unique_id,
    )


def read_hello(payload: bytes) -> Hello | None:
    """Return what a HELLO says; None when the payload is none. Later fields are skipped."""
    if len(payload) < HELLO.size:
        return None
    magic, major, minor, sensor, bits, rate_hz, cause, identity = HELLO.unpack_from(payload)
    if magic != HELLO_MAGIC:
        return None
    return Hello((major, minor), sensor, bits, rate_hz, cause, identity)


def samples_payload(samples: Sequence[int], flags: SampleFlag) -> bytes:
    """Return the payload of a SAMPLES frame (at most 121 samples, 80 when they are wide)."""
    if SampleFlag.WIDE in flags:
        body = b"".join(value.to_bytes(3, "little") for value in samples)
    else:
        body = struct.pack(f"<{len(samples)}H", *samples)
    return SAMPLES.pack(flags, len(samples)) + body


def read_samples(payload: bytes) -> tuple[SampleFlag, list[int]] | None:
    """Return the flags and the raw samples; None when the payload does not hold what it says."""
    if len(payload) < SAMPLES.size:
        return None
    flags, count = SampleFlag(payload[0]), payload[1]
    body = payload[SAMPLES.size :]
    size = 3 if SampleFlag.WIDE in flags else 2
    if count == 0 or len(body) != size * count:
        return None
    return flags, [
        int.from_bytes(body[at : at + size], "little") for at in range(0, len(body), size)
    ]
