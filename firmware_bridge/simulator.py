"""A finger sensor on a pseudo-terminal: plays any recording as any of the protocols.

For tests, the demo and machines without a sensor; everything from the port on is the real
code path. ``python -m firmware_bridge.simulator --protocol nonin`` prints the port to open.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from firmware_bridge import attune_frames as own
from firmware_bridge import oximeters
from firmware_bridge.simulated_finger import RATE_HZ, simulated_finger

BATCH_S = 0.1
HELLO_EVERY_S = 1.0

Encoder = Callable[[list[int], int, float], bytes]
"""(samples of 10 bits, running number, seconds since the start) -> bytes on the line."""


def _attune(samples: list[int], number: int, time_s: float) -> bytes:
    t_us = int(time_s * 1e6) % own.CLOCK_SPAN_US
    payload = own.samples_payload(samples, finger_on=True)
    return own.encode(own.Frame(own.FrameType.SAMPLES, number & 0xFFFF, t_us, payload))


def _pulsesensor(samples: list[int], _number: int, _time_s: float) -> bytes:
    return b"".join(b"72,833,%d\r\n" % sample for sample in samples)


def _sparkfun(samples: list[int], _number: int, _time_s: float) -> bytes:
    return b"".join(b"IR=%d, BPM=71.20, Avg BPM=70\r\n" % (110_000 - 4 * s) for s in samples)


def _cms50d_old(samples: list[int], _number: int, _time_s: float) -> bytes:
    return b"".join(bytes((0x87, s >> 3, 0x05, 72, 97)) for s in samples)


def _cms50d_new(samples: list[int], _number: int, _time_s: float) -> bytes:
    return b"".join(
        bytes((0x01, 0x80, 0x87, 0x80 | s >> 3, 0x85, 0x80 | 72, 0x80 | 97, 0x80, 0x80))
        for s in samples
    )


def _nonin(samples: list[int], _number: int, _time_s: float) -> bytes:
    packets = (bytes((0x01, 0x80, min(255, s >> 2), 0x00)) for s in samples)
    return b"".join(packet + bytes((sum(packet) & 0xFF,)) for packet in packets)


ENCODERS: dict[str, tuple[Encoder, float]] = {
    "attune": (_attune, float(RATE_HZ)),
    "pulsesensor": (_pulsesensor, 50.0),
    "sparkfun": (_sparkfun, 100.0),
    "cms50d_old": (_cms50d_old, oximeters.CMS_RATE_HZ),
    "cms50d_new": (_cms50d_new, oximeters.CMS_RATE_HZ),
    "nonin": (_nonin, oximeters.NONIN_RATE_HZ),
}
"""Protocol -> its encoder and the rate at which such a sensor sends."""


class SimulatedSensor:
    """Plays ``samples`` for ever on the pseudo-terminal :attr:`path`."""

    def __init__(
        self,
        samples: ArrayLike | None = None,
        rate_hz: float = RATE_HZ,
        protocol: str = "attune",
        speed: float = 1.0,
    ) -> None:
        """``speed`` above 1 sends faster than real time (the sensor's clock runs as fast)."""
        self._encode, sends_hz = ENCODERS[protocol]
        self._protocol = protocol
        self._rate_hz = sends_hz
        recording = simulated_finger() if samples is None else np.asarray(samples)
        self._samples = _resample(recording, rate_hz, sends_hz)
        self._speed = speed
        self._stop = threading.Event()
        self._muted = threading.Event()
        self._answered = threading.Event()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        """The port to open."""
        self._thread = threading.Thread(target=self._play, name="simulated-sensor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()

    def unplug(self) -> None:
        """Take the port away, as pulling the cable does; it does not come back."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(2)
        os.close(self._master)
        os.close(self._slave)

    def mute(self, silent: bool) -> None:
        """Send nothing while ``silent``: the cable is out."""
        (self._muted.set if silent else self._muted.clear)()

    def inject(self, data: bytes) -> None:
        """Put arbitrary bytes on the line."""
        self._send(data)

    def _play(self) -> None:
        began, sent, number, next_hello = time.monotonic(), 0, 0, 0.0
        step = max(1, round(BATCH_S * self._rate_hz))
        while not self._stop.is_set():
            due_s = sent / self._rate_hz / self._speed
            if self._stop.wait(max(0.0, began + due_s - time.monotonic())):
                break
            if self._protocol == "attune" and not self._answered.is_set() and due_s >= next_hello:
                self._send(_hello(number))
                next_hello = due_s + HELLO_EVERY_S
                number += 1
            at = np.arange(sent, sent + step) % len(self._samples)
            batch = [int(value) for value in self._samples[at]]
            if not self._muted.is_set():
                self._send(self._encode(batch, number, sent / self._rate_hz))
            number += 1
            sent += step
            self._listen()

    def _listen(self) -> None:
        """Hear whether the hello was answered (anything from the host counts)."""
        readable, _, _ = select.select([self._master], [], [], 0)
        if readable:
            try:
                if os.read(self._master, 4096):
                    self._answered.set()
            except OSError:
                return

    def _send(self, data: bytes) -> None:
        try:
            os.write(self._master, data)
        except BlockingIOError:
            return  # Nobody reads: a real line would lose it too.


def _hello(number: int) -> bytes:
    hello = own.Hello(1, 10, RATE_HZ, own.ResetCause.POWER, b"SIMULATE", (1, 0))
    frame = own.Frame(own.FrameType.HELLO, number & 0xFFFF, 0, own.hello_payload(hello))
    return own.encode(frame)


def _resample(recording: ArrayLike, rate_hz: float, sends_hz: float) -> np.ndarray:
    """Return the recording at the rate of the sensor, scaled to 10 bits if it is not."""
    values = np.asarray(recording, np.float64).ravel()
    if values.min() < 0 or values.max() > 1023:
        values = (values - values.min()) / (np.ptp(values) or 1) * 900 + 60
    count = int(len(values) / rate_hz * sends_hz)
    at_s = np.arange(count) / sends_hz
    return np.round(np.interp(at_s, np.arange(len(values)) / rate_hz, values)).astype(np.int64)


def _read_column(path: Path) -> Iterator[float]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield float(line.split(",")[-1])
        except ValueError:
            continue


def main() -> int:
    """Run a simulated sensor until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=ENCODERS, default="attune")
    parser.add_argument(
        "--file", type=Path, help="recording: a CSV whose last column is the signal"
    )
    parser.add_argument("--rate", type=float, default=RATE_HZ, help="rate of the recording, Hz")
    args = parser.parse_args()
    samples = np.array(list(_read_column(args.file))) if args.file else None
    with SimulatedSensor(samples, args.rate, args.protocol) as sensor:
        print(f"{args.protocol} on {sensor.path}; Ctrl-C ends it", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
