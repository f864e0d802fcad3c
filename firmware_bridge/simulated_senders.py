"""What each sensor puts on its line, for the simulator: one sender per program or device."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_bridge import attune_frames as own
from firmware_bridge import contec, nonin

Encoder = Callable[[Sequence[int], int, float, bool], bytes]
"""(samples of 10 bits, number of the first, seconds on the sensor's clock, finger on) -> bytes."""

NO_FINGER_COUNT = 900
LIGHT_COUNT, LIGHT_STEP = 110_000, 4
"""A finger sends back about so much light; the pulse takes some 2 % of it away."""


@dataclass(frozen=True, slots=True)
class Sender:
    """How one kind of sensor speaks."""

    protocol: str
    """Its name in the table of protocols."""
    rate_hz: float
    encode: Encoder
    wakes_by: bytes = b""
    """It is silent until these bytes come."""
    prompt: bytes = b""
    """What it says until then."""
    falls_asleep_s: float | None = None
    """Without being spoken to for so long it falls silent."""


def _light(sample: int, finger: bool) -> int:
    return LIGHT_COUNT - LIGHT_STEP * sample if finger else NO_FINGER_COUNT + sample % 8


def _lines(line: Callable[[int, int, float, bool], str], rate_hz: float) -> Encoder:
    """Return an encoder that writes each sample as one line."""

    def encode(samples: Sequence[int], number: int, time_s: float, finger: bool) -> bytes:
        return "".join(
            line(sample, number + place, time_s + place / rate_hz, finger) + "\r\n"
            for place, sample in enumerate(samples)
        ).encode()

    return encode


def _light_lines(template: str) -> Encoder:
    return _lines(lambda s, n, t, f: template.format(ir=_light(s, f), red=_light(s, f) - 9000), 1)


def _attune(samples: Sequence[int], number: int, time_s: float, finger: bool) -> bytes:
    flags = own.SampleFlag.FINGER_KNOWN | (own.SampleFlag.FINGER_ON if finger else 0)
    t_us = int(time_s * 1e6) % own.CLOCK_SPAN_US
    payload = own.samples_payload(samples, own.SampleFlag(flags))
    return own.encode(own.Frame(own.FrameType.SAMPLES, number & 0xFFFF, t_us, payload))


def _cms50d_old(samples: Sequence[int], _number: int, _time_s: float, finger: bool) -> bytes:
    if not finger:
        return bytes((0x90, 0, 0x20, 0, 127)) * len(samples)
    return b"".join(bytes((0x87, s >> 3, 0x05, 72, 97)) for s in samples)


def _cms50d_new(samples: Sequence[int], _number: int, _time_s: float, finger: bool) -> bytes:
    if not finger:
        return bytes.fromhex("019980808080ffff80") * len(samples)
    return b"".join(
        bytes((0x01, 0x80, 0x87, 0x80 | s >> 3, 0x85, 0x80 | 72, 0x80 | 97, 0x80, 0x80))
        for s in samples
    )


def _nonin(samples: Sequence[int], number: int, _time_s: float, finger: bool) -> bytes:
    frames = []
    for place, sample in enumerate(samples):
        sync = (number + place) % nonin.FRAMES_PER_PACKET == 0
        status = nonin.STATUS_SET | sync | (0 if finger else nonin.SENSOR_OFF)
        body = bytes((0x01, status, min(255, sample >> 2) if finger else 0, 72))
        frames.append(body + bytes((sum(body) & 0xFF,)))
    return b"".join(frames)


def _psws(sample: int, number: int, time_s: float, finger: bool) -> str:
    state = "QUALIFIED" if finger else "NO_SIGNAL"
    return f"PSWS,1,LIVE,{number},{round(time_s * 1000)},{sample},72,833,0,80,{state}"


def _json_line(sample: int, number: int, time_s: float, _finger: bool) -> str:
    said = {"timestampMs": round(time_s * 1000), "seq": number, "signal": sample, "bpm": 72}
    return json.dumps(said)


SENDERS: dict[str, Sender] = {
    "attune": Sender("attune", 100.0, _attune),
    "pulsesensor": Sender("pulsesensor", 50.0, _lines(lambda s, n, t, f: f"72,833,{s}", 50)),
    "pulsesensor_visualizer": Sender(
        "pulsesensor",
        50.0,
        _lines(lambda s, n, t, f: f"S{s}" if n % 40 else f"B72\r\nQ833\r\nS{s}", 50),
    ),
    "pulsesensor_bare": Sender("pulsesensor", 50.0, _lines(lambda s, n, t, f: f"{s}", 50)),
    "pulsesensor_psws": Sender("pulsesensor", 50.0, _lines(_psws, 50)),
    "pulsesensor_json": Sender("pulsesensor", 50.0, _lines(_json_line, 50)),
    "sparkfun": Sender("sparkfun", 100.0, _light_lines("IR={ir}, BPM=71.20, Avg BPM=70")),
    "sparkfun_4": Sender("sparkfun", 100.0, _light_lines("{ir}")),
    "sparkfun_7": Sender("sparkfun", 50.0, _light_lines(" R[{red}] IR[{ir}] G[12] Hz[49.97]")),
    "sparkfun_8": Sender(
        "sparkfun",
        25.0,
        _light_lines("red={red}, ir={ir}, HR=72, HRvalid=1, SPO2=97, SPO2Valid=1"),
        wakes_by=b"\n",
        prompt=b"Attach sensor to finger with rubber band. Press any key to start conversion\r\n",
    ),
    "cms50d_old": Sender("cms50d_old", contec.RATE_HZ, _cms50d_old),
    "cms50d_new": Sender(
        "cms50d_new", contec.RATE_HZ, _cms50d_new, wakes_by=contec.NEW_START, falls_asleep_s=30.0
    ),
    "nonin": Sender("nonin", nonin.RATE_HZ, _nonin),
}
"""By name; the first of each protocol has the protocol's name."""
