"""A finger sensor on a pseudo-terminal: plays any recording as any of the sensors.

For tests, the demo and machines without a sensor; everything from the port on is the real
code path. ``python -m firmware_bridge.simulator --protocol nonin`` prints the port to open.
"""

from __future__ import annotations

import argparse
import csv
import os
import pty
import select
import sys
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firmware_bridge import attune_frames as own
from firmware_bridge.simulated_finger import RATE_HZ, simulated_finger
from firmware_bridge.simulated_senders import SENDERS

BATCH_S = 0.1
HELLO_EVERY_S = 1.0
JUNK = b"\xa5\x5a garbage \x13\x7f\x00\n"


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on the line, by the sensor's own clock."""

    junk_every_s: float | None = None
    """Put foreign bytes between the batches."""
    drop_every_s: float | None = None
    """Lose one batch."""
    reset_after_s: float | None = None
    """Start anew once, as after a brown-out: clock and count begin again."""
    finger_off_s: tuple[tuple[float, float], ...] = ()
    """Stretches (from, to) without a finger."""
    clock_start_s: float = 0.0
    """What the sensor's clock shows at the start; 4294 is just before its wrap."""
    rate_error: float = 0.0
    """Fraction by which the sensor samples faster than it says."""


class SimulatedSensor:
    """Plays ``samples`` for ever on the pseudo-terminal :attr:`path`."""

    def __init__(
        self,
        samples: ArrayLike | None = None,
        rate_hz: float = RATE_HZ,
        protocol: str = "attune",
        speed: float = 1.0,
        faults: Faults = Faults(),
    ) -> None:
        """``protocol``: a name of SENDERS; ``speed`` above 1 plays faster, clock and all."""
        self._sender = SENDERS[protocol]
        recording = simulated_finger() if samples is None else np.asarray(samples)
        self._samples = _resample(recording, rate_hz, self._sender.rate_hz)
        self._speed = speed
        self._faults = faults
        self._stop = threading.Event()
        self._muted = threading.Event()
        self._lifted = threading.Event()
        self._answered = False
        self._awake_until_s = 0.0 if self._sender.wakes_by else np.inf
        self._heard = b""
        self._frames = 0
        self._clock_s = faults.clock_start_s
        self._last_command: int | None = None
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

    def lift_finger(self, lifted: bool) -> None:
        """Take the finger off while ``lifted``, and put it back."""
        (self._lifted.set if lifted else self._lifted.clear)()

    def inject(self, data: bytes) -> None:
        """Put arbitrary bytes on the line."""
        self._send(data)

    # --- the sensor's own loop ------------------------------------------------------------

    def _play(self) -> None:
        began, sent, booted = time.monotonic(), 0, 0
        rate_hz = self._sender.rate_hz
        step = max(1, round(BATCH_S * rate_hz))
        true_rate_hz = rate_hz * (1 + self._faults.rate_error)
        hello_at_s = 0.0
        while not self._stop.is_set():
            time_s = sent / true_rate_hz
            if self._stop.wait(max(0.0, began + time_s / self._speed - time.monotonic())):
                break
            if self._happens(self._faults.reset_after_s, time_s, once=True) and not booted:
                booted, self._frames, self._answered, hello_at_s = sent, 0, False, 0.0
            start_s = 0.0 if booted else self._faults.clock_start_s
            self._clock_s = start_s + (sent - booted) / true_rate_hz
            if time_s >= hello_at_s and self._greet():
                hello_at_s = time_s + HELLO_EVERY_S
            self._send_batch(sent, step, time_s)
            sent += step
            self._listen(time_s)

    def _send_batch(self, sent: int, step: int, time_s: float) -> None:
        if time_s > self._awake_until_s or self._muted.is_set():
            return
        batch = [int(v) for v in self._samples[np.arange(sent, sent + step) % len(self._samples)]]
        finger = not self._lifted.is_set() and not any(
            start <= time_s < end for start, end in self._faults.finger_off_s
        )
        own_frames = self._sender.protocol == "attune"
        number = self._frames if own_frames else sent
        self._frames += own_frames
        data = self._sender.encode(batch, number, self._clock_s, finger)
        if self._happens(self._faults.junk_every_s, time_s):
            data = JUNK + data
        if not self._happens(self._faults.drop_every_s, time_s):
            self._send(data)

    @staticmethod
    def _happens(every_s: float | None, time_s: float, once: bool = False) -> bool:
        """Return whether a moment that comes every so often falls into this batch."""
        if every_s is None:
            return False
        turns = (time_s + BATCH_S / 2) // every_s
        return turns >= 1 and (once or (time_s - BATCH_S / 2) // every_s < turns)

    def _greet(self) -> bool:
        """Say what the program says until it is answered; return whether it is to be repeated."""
        if self._sender.protocol == "attune" and not self._answered:
            hello = own.Hello(
                (1, 0), own.SensorModel.SIMULATED, 10, RATE_HZ, own.ResetCause.POWER, b"SIMULATE"
            )
            self._send_frame(own.FrameType.HELLO, own.hello_payload(hello))
            return True
        if self._sender.prompt and not self._awake_until_s:
            self._send(self._sender.prompt)
            return True
        return False

    def _send_frame(self, kind: own.FrameType, payload: bytes) -> None:
        t_us = int(self._clock_s * 1e6) % own.CLOCK_SPAN_US
        self._send(own.encode(own.Frame(kind, self._frames & 0xFFFF, t_us, payload)))
        self._frames += 1

    def _listen(self, time_s: float) -> None:
        """Take what the host says: a key, a start, a keep-alive, the answer to HELLO."""
        if not select.select([self._master], [], [], 0)[0]:
            return
        try:
            said = os.read(self._master, 4096)
        except OSError:
            return  # The host has closed its side; it may open it again.
        self._heard = (self._heard + said)[-512:]
        if self._sender.protocol == "attune":
            self._hear_frames()
        elif self._sender.wakes_by and (
            self._awake_until_s or self._sender.wakes_by in self._heard
        ):
            stays_s = self._sender.falls_asleep_s  # Any word keeps a woken one awake.
            self._awake_until_s = np.inf if stays_s is None else time_s + stays_s

    def _hear_frames(self) -> None:
        *blocks, self._heard = self._heard.split(b"\0")
        for block in blocks:
            try:
                frame = own.decode(block)
            except own.FrameError:
                continue  # As the firmware does: what is no frame is not for it.
            if frame.type == own.FrameType.HELLO_SEEN:
                self._answered = True
            elif frame.type == own.FrameType.COMMAND:
                self._obey(frame)

    def _obey(self, frame: own.Frame) -> None:
        code, _argument = own.COMMAND.unpack(frame.payload)
        if code == own.CommandCode.HELLO and frame.seq != self._last_command:
            self._answered = False
            self._greet()
        self._last_command = frame.seq
        known = code == own.CommandCode.HELLO
        result = own.CommandResult.DONE if known else own.CommandResult.UNKNOWN
        done = own.COMMAND_DONE.pack(frame.seq, code, result)
        self._send_frame(own.FrameType.COMMAND_DONE, done)

    def _send(self, data: bytes) -> None:
        try:
            os.write(self._master, data)
        except BlockingIOError:
            return  # Nobody reads: a real line would lose it too.


def _resample(recording: ArrayLike, rate_hz: float, sends_hz: float) -> NDArray[np.int64]:
    """Return the recording at the rate of the sensor, scaled to 10 bits if it is not."""
    values = np.asarray(recording, np.float64).ravel()
    if values.min() < 0 or values.max() > 1023 or np.ptp(values) < 32:
        values = (values - values.min()) / (np.ptp(values) or 1) * 900 + 60
    count = int(len(values) / rate_hz * sends_hz)
    at_s = np.arange(count) / sends_hz
    return np.round(np.interp(at_s, np.arange(len(values)) / rate_hz, values)).astype(np.int64)


def read_recording(path: Path, column: str | None = None) -> NDArray[np.float64]:
    """Return a column of a CSV file, by name or the last one; raises ValueError and OSError."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    # A comma beside semicolons or tabs is the decimal mark of half of the world.
    mark = next((mark for mark in ";\t" if mark in text.partition("\n")[0]), ",")
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=mark)]
    rows = [row for row in rows if row]
    place = -1
    if column is not None:
        if not rows or column not in rows[0]:
            raise ValueError(f"{path}: no column {column!r} in its first line")
        place = rows[0].index(column)
    cells = [row[place] for row in rows if len(row) > max(place, 0)]
    values = [_number(cell if mark == "," else cell.replace(",", ".")) for cell in cells]
    numbers = np.array([value for value in values if value is not None])
    if len(numbers) < 2 or not np.isfinite(numbers).all():
        raise ValueError(f"{path}: no numbers to play in its column {column or 'at the end'}")
    return numbers


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def main(arguments: list[str] | None = None, wait: Callable[[], object] | None = None) -> int:
    """Run a simulated sensor until Ctrl-C."""
    parser = argparse.ArgumentParser(
        description="A finger sensor on a pseudo-terminal, for trying Attune without one.",
        epilog="example: python -m firmware_bridge.simulator --protocol cms50d_new --file rec.csv",
    )
    parser.add_argument("--protocol", choices=SENDERS, default="attune")
    parser.add_argument("--file", type=Path, help="recording as CSV; none: the built-in finger")
    parser.add_argument("--column", help="column of the recording (default: the last)")
    parser.add_argument("--rate", type=float, default=RATE_HZ, help="its rate, Hz (default: 100)")
    parser.add_argument("--speed", type=float, default=1.0, help="2 plays twice as fast")
    args = parser.parse_args(arguments)
    if not (0 < args.rate < np.inf and 0 < args.speed < np.inf):
        parser.error("--rate and --speed: more than 0")
    try:
        samples = read_recording(args.file, args.column) if args.file else None
    except (OSError, ValueError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    with SimulatedSensor(samples, args.rate, args.protocol, args.speed) as sensor:
        print(f"{args.protocol} on {sensor.path}; Ctrl-C ends it", flush=True)
        try:
            (wait or threading.Event().wait)()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
