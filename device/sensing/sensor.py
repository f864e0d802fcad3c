"""The finger sensor's worker: finds the port, reads it, hands on blocks of samples."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from device.channels import BoundedQueue, LatestSlot
from device.config import SensorSettings
from device.readings import Clock, PpgBlock, SensorStatus
from device.sensing.ppg_blocks import PpgBlocks
from device.sensing.pulse.waveform import MAX_RATE_HZ, MIN_RATE_HZ
from firmware_bridge.detect import detect
from firmware_bridge.port import PortError, SensorPort, list_ports, stable_path
from firmware_bridge.protocols import PROTOCOLS, SensorProtocol
from firmware_bridge.samples import Parser
from firmware_bridge.simulator import Faults, SimulatedSensor

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.5
"""A sensor that was plugged in again is taken within 2 s."""
SILENCE_S = 5.0
"""A sensor that sends nothing for so long is opened anew."""
PATIENCE_S = 30.0
"""So long only the unplugged sensor is waited for; then other ports are looked at, too."""
MOST_SAID = 20
"""Different complaints in the log before a sensor is found."""
COMES_AFTER_S = 3.0
"""The simulated finger: one that is there from the start would wake nobody."""
_COUNT = re.compile(r"\d+ bytes")


@dataclass(frozen=True, slots=True)
class SensorChoice:
    """What the settings mean on this machine, before any port is opened."""

    ports: tuple[str, ...]
    """Ports to look at, in this order; empty: there is none."""
    protocol: str
    """A name of PROTOCOLS, or ``auto``: find out by listening."""
    message: str
    """For the owner."""
    simulated: bool = False


def resolve_sensor(settings: SensorSettings) -> SensorChoice:
    """Decide from the settings and the ports that exist; quick, opens nothing."""
    if settings.port == "none":
        return SensorChoice((), "", "no finger sensor wanted ([sensor] port = none)")
    if settings.port == "simulated":
        return SensorChoice((), "attune", "a simulated finger", simulated=True)
    if settings.port != "auto":
        return SensorChoice((settings.port,), settings.protocol, f"finger sensor {settings.port}")
    ports = list_ports()
    if not ports:
        return SensorChoice((), "", "no finger sensor found: plug one in")
    names = ", ".join(f"{port.name} ({port.path})" for port in ports)
    return SensorChoice(tuple(port.path for port in ports), settings.protocol, names)


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    """Its stable name where the system gives one, to know it again."""
    protocol: SensorProtocol
    message: str = ""


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
        self._status = status
        self._clock = clock
        self._blocks = PpgBlocks(blocks)
        self._known: _Found | None = None
        self._turn = 0
        """Where the protocol is named no port is listened to first: they are read in turn."""
        self._heard_at = clock()
        self._said: set[str] = set()
        self.note = ""
        """What is amiss; empty while all is well."""

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Find, read, lose and find again, until stopped."""
        with ExitStack() as opened:
            if self._settings.port == "simulated":
                visitor = SimulatedSensor(faults=Faults(finger_off_s=((0.0, COMES_AFTER_S),)))
                simulator = opened.enter_context(visitor)
                self._known = _Found(simulator.path, PROTOCOLS["attune"], "a simulated finger")

            def cancelled() -> bool:
                beat()  # To listen at several ports takes a while.
                return stop.is_set()

            while not stop.is_set():
                beat()
                try:
                    found = self._find(cancelled)
                    if found is not None:
                        self._read(found, stop, beat)
                except PortError as error:
                    self._lose(str(error))
                    self._turn += 1
                stop.wait(LOOK_AGAIN_S)
        self._status.put(SensorStatus(False, "", ""))

    def _find(self, cancelled: Callable[[], bool]) -> _Found | None:
        """Return the sensor to read, or None after saying why there is none."""
        waited_s = self._clock() - self._heard_at
        if self._known is not None and (Path(self._known.path).exists() or waited_s < PATIENCE_S):
            return self._known  # When it comes back it needs no detection.
        choice = resolve_sensor(self._settings)
        if not choice.ports:
            self._lose(choice.message)
        elif choice.protocol != "auto":
            path = choice.ports[self._turn % len(choice.ports)]
            return _Found(path, PROTOCOLS[choice.protocol])
        for path in choice.ports:
            try:
                detection = detect(path, self._clock, cancelled)
            except PortError as error:
                self._lose(str(error))
                continue
            if detection.protocol is not None:
                return _Found(path, detection.protocol)
            self._lose(detection.message)
        return None

    def _read(self, found: _Found, stop: threading.Event, beat: Callable[[], None]) -> None:
        protocol: SensorProtocol | None = found.protocol
        with SensorPort(found.path, found.protocol.line) as port:
            while protocol is not None:
                stable = _Found(stable_path(found.path), protocol, found.message)
                protocol = self._listen(port, stable, stop, beat)

    def _listen(
        self, port: SensorPort, found: _Found, stop: threading.Event, beat: Callable[[], None]
    ) -> SensorProtocol | None:
        """Read until stopped, or return the protocol that the stream turns out to be of."""
        protocol, parser = found.protocol, found.protocol.parser()
        port.write(protocol.start)
        self._blocks.connect()
        opened_at = spoke_at = self._clock()
        told, heard_bytes = False, 0
        while not stop.is_set():
            beat()
            data = port.read()
            heard_bytes += len(data)
            runs = parser.feed(data)
            now = self._clock()
            port.write(parser.reply(now))
            for run in runs:
                self._blocks.add(run, now)
            if runs:
                self._heard_at, heard_bytes = now, 0
                told = told or self._tell(found)
                self._judge_rate(found)
            elif now - max(opened_at, self._heard_at) > SILENCE_S:
                self._forget()
                raise PortError(f"{port.path}: {_why_silent(parser, protocol, heard_bytes)}")
            if parser.belongs_to and self._settings.protocol == "auto":
                return PROTOCOLS[parser.belongs_to]
            if protocol.keep_alive and now - spoke_at > protocol.keep_alive_every_s:
                port.write(protocol.keep_alive)
                spoke_at = now
        port.write(protocol.stop)
        return None

    def _tell(self, found: _Found) -> bool:
        self._known = found
        self.note = ""
        self._said.clear()
        log.info("finger sensor: %s on %s", found.protocol.title, found.path)
        self._status.put(SensorStatus(True, found.path, found.protocol.name, found.message))
        return True

    def _judge_rate(self, found: _Found) -> None:
        """Say why there is no pulse from a sensor that samples too seldom for one."""
        rate_hz = self._blocks.rate_hz
        usable = rate_hz is None or MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ
        if usable == (not self.note):
            return
        self.note = (
            ""
            if usable
            else f"{found.path}: sends {rate_hz:.3g} samples a second; a pulse needs"
            f" {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g}: change the sensor's own program"
        )
        if self.note:
            log.warning("finger sensor: %s", self.note)

    def _forget(self) -> None:
        """The port is there but silent: another sensor may hang on it now, or on another port."""
        if self._settings.port != "simulated":
            self._known = None

    def _lose(self, message: str) -> None:
        # Ports take turns and counts differ each time: each complaint is logged once until one
        # of the ports has a sensor; that a lost one is not there yet is no news.
        kind = _COUNT.sub("", message)
        awaited = self._known is not None and bool(self._said)
        if kind not in self._said and not awaited and len(self._said) < MOST_SAID:
            self._said.add(kind)
            log.warning("finger sensor: %s", message)
        if message != self.note:
            self.note = message
            self._status.put(SensorStatus(False, self._settings.port, "", message))


def _why_silent(parser: Parser, protocol: SensorProtocol, heard_bytes: int) -> str:
    if parser.complaint:
        return parser.complaint
    if heard_bytes:
        return (
            f"{heard_bytes} bytes came, none of them as {protocol.title} sends:"
            " wrong protocol or baud rate? `attune devices` detects it"
        )
    return "the sensor sends nothing: unplug it and plug it in again"
