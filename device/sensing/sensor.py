"""The finger sensor's worker: finds the port, reads it, hands on blocks of samples."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from device.channels import BoundedQueue, LatestSlot
from device.config import SensorSettings
from device.readings import Clock, PpgBlock, SensorStatus
from firmware_bridge.detect import detect
from firmware_bridge.port import PortError, SensorPort, list_ports
from firmware_bridge.protocols import PROTOCOLS, SensorProtocol
from firmware_bridge.samples import Parser, SampleRun
from firmware_bridge.simulator import SimulatedSensor

LOOK_AGAIN_S = 1.0
"""A sensor that was plugged in again is taken within 2 s."""
SILENCE_S = 5.0
"""A sensor that sends nothing for so long is opened anew."""
RATE_WINDOW_S = 10.0
"""Over so long the rate of a sensor that does not state it is measured."""


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    protocol: SensorProtocol


class SensorWorker:
    """Reads the finger sensor; a missing one is looked for again and again."""

    name = "sensor"
    critical = False

    def __init__(
        self,
        settings: SensorSettings,
        blocks: BoundedQueue[PpgBlock],
        status: LatestSlot[SensorStatus],
        clock: Clock = time.monotonic,
    ) -> None:
        self._settings = settings
        self._blocks = blocks
        self._status = status
        self._clock = clock
        self._seq = 0
        self._gap = True
        self.note = ""

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Find, read, lose and find again, until stopped."""
        with ExitStack() as opened:
            simulator = None
            if self._settings.port == "simulated":
                simulator = opened.enter_context(SimulatedSensor())
            while not stop.is_set():
                beat()
                try:
                    found = self._find(simulator)
                    if found is not None:
                        self._read(found, stop, beat)
                except PortError as error:
                    self._lose(str(error))
                stop.wait(LOOK_AGAIN_S)
        self._status.put(SensorStatus(False, "", ""))

    def _find(self, simulator: SimulatedSensor | None) -> _Found | None:
        """Return the sensor to read, or None after saying why there is none."""
        settings = self._settings
        if simulator is not None:
            return _Found(simulator.path, PROTOCOLS["attune"])
        paths = [settings.port] if settings.port != "auto" else [p.path for p in list_ports()]
        if not paths:
            self._lose("no finger sensor found: plug one in")
        for path in paths:
            if settings.protocol != "auto":
                return _Found(path, PROTOCOLS[settings.protocol])
            detection = detect(path, self._clock)
            if detection.protocol is not None:
                return _Found(path, detection.protocol)
            self._lose(detection.message)
        return None

    def _read(self, found: _Found, stop: threading.Event, beat: Callable[[], None]) -> None:
        protocol, parser, rate = found.protocol, found.protocol.parser(), _ArrivalRate()
        with SensorPort(found.path, protocol.line) as port:
            port.write(protocol.start)
            heard_at = kept_alive_at = self._clock()
            told = False
            while not stop.is_set():
                beat()
                data = port.read()
                port.write(parser.reply())
                now = self._clock()
                runs = parser.feed(data)
                if runs:
                    heard_at = now
                    if not told:
                        told = self._tell(found)
                elif now - heard_at > SILENCE_S:
                    raise PortError(f"{found.path}: {_why_silent(parser, protocol)}")
                for run in runs:
                    self._hand_on(run, now, rate)
                if protocol.keep_alive and now - kept_alive_at > protocol.keep_alive_every_s:
                    port.write(protocol.keep_alive)
                    kept_alive_at = now
            port.write(protocol.stop)

    def _tell(self, found: _Found) -> bool:
        simulated = self._settings.port == "simulated"
        message = "a simulated finger" if simulated else ""
        self._status.put(SensorStatus(True, found.path, found.protocol.name, message))
        self.note = ""
        return True

    def _lose(self, message: str) -> None:
        self._gap = True
        if message != self.note:
            self.note = message
            self._status.put(SensorStatus(False, self._settings.port, "", message))

    def _hand_on(self, run: SampleRun, now: float, rate: _ArrivalRate) -> None:
        rate.note(now, len(run.samples))
        rate_hz = run.rate_hz or rate.hz
        if rate_hz is None:
            return  # A sensor that does not state its rate is listened to for a moment first.
        block = PpgBlock(
            seq=self._seq,
            received_at=now,
            sample_rate_hz=rate_hz,
            samples=run.samples,
            finger_on=run.finger_on,
            gap_before=run.lost or self._gap,
            device_time_s=run.device_time_s,
        )
        self._seq += 1
        # When the queue was full the oldest block went, and the sequence shows the hole.
        self._blocks.put(block)
        self._gap = False


class _ArrivalRate:
    """Measures how many samples a second arrive."""

    FIRST_S = 2.0

    def __init__(self) -> None:
        self._arrivals: list[tuple[float, int]] = []
        self._count = 0
        self.hz: float | None = None

    def note(self, now: float, samples: int) -> None:
        """Count ``samples`` that arrived at ``now``."""
        self._count += samples
        self._arrivals.append((now, self._count))
        while now - self._arrivals[0][0] > RATE_WINDOW_S:
            self._arrivals.pop(0)
        first_at, first_count = self._arrivals[0]
        if now - first_at >= self.FIRST_S:
            self.hz = (self._count - first_count) / (now - first_at)


def _why_silent(parser: Parser, protocol: SensorProtocol) -> str:
    if parser.junk_bytes:
        return (
            f"{parser.junk_bytes} bytes came, none of them as {protocol.title} sends:"
            " wrong protocol or baud rate? `attune devices` detects it"
        )
    return "the sensor sends nothing any more: unplug it and plug it in again"
