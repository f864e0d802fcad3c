"""Which sensor hangs on a port? Listens at each line setting, then wakes what must be woken."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.port import SensorPort
from firmware_bridge.protocols import PROTOCOLS, Line, SensorProtocol
from firmware_bridge.samples import Parser

FIRST_LISTEN_S = 2.4
"""Opening a port resets an Arduino; its boot loader takes up to 2 s before the sketch talks."""
LISTEN_S = 1.1
"""Oximeters talk all the time, 60 or 75 packets a second. In all 4.6 s."""
QUIET_S = 0.8
"""So long it is only listened; then what sleeps is woken, and once more after as long again."""
ENOUGH_SAMPLES = 8
MAX_JUNK_SHARE = 0.5
"""Banners and a first half frame are junk to a parser; a stream that is mostly junk is foreign."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The protocol found, or None with what was heard instead."""

    protocol: SensorProtocol | None
    message: str


def detect(
    path: str,
    clock: Callable[[], float] = time.monotonic,
    cancelled: Callable[[], bool] = lambda: False,
) -> Detection:
    """Find out within 5 s which sensor talks on ``path``; PortError when it cannot be opened."""
    lines = list(dict.fromkeys(protocol.line for protocol in PROTOCOLS.values()))
    heard: dict[Line, _Ear] = {}
    with SensorPort(path, lines[0]) as port:
        for line in lines:
            if cancelled():
                return Detection(None, f"{path}: not looked at to the end")
            if heard:
                port.set_line(line)
            heard[line] = ear = _Ear(line)
            ear.listen(port, LISTEN_S if len(heard) > 1 else FIRST_LISTEN_S, clock, cancelled)
            if ear.fitting:
                return Detection(ear.fitting[0], f"{path}: {_which(ear.fitting)}")
    return Detection(None, f"{path}: {_what_was_heard(heard)}")


@dataclass
class _Ear:
    """Listens at one line setting with every parser that belongs to it."""

    line: Line
    total_bytes: int = 0
    fitting: tuple[SensorProtocol, ...] = ()
    """Those that understand what is sent: one, or two that only a finger can tell apart."""
    parsers: dict[str, Parser] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for protocol in PROTOCOLS.values():
            if protocol.line == self.line:
                self.parsers[protocol.name] = protocol.parser()
                self.samples[protocol.name] = 0

    def listen(
        self,
        port: SensorPort,
        duration_s: float,
        clock: Callable[[], float],
        cancelled: Callable[[], bool],
    ) -> None:
        began = wake_at = clock()
        wake_at += QUIET_S
        while (now := clock()) - began < duration_s and not cancelled():
            self._hear(port.read())
            if len(self.fitting) == 1:
                return
            for parser in self.parsers.values():
                port.write(parser.reply(now))  # Only to what its own sensor asked.
            if now >= wake_at and not self.fitting:
                wake_at = now + QUIET_S
                for name in self.parsers:
                    port.write(PROTOCOLS[name].start)

    def _hear(self, data: bytes) -> None:
        self.total_bytes += len(data)
        for name, parser in self.parsers.items():
            self.samples[name] += sum(len(run.samples) for run in parser.feed(data))
        self.fitting = tuple(PROTOCOLS[name] for name in self.parsers if self._fits(name))

    def _fits(self, name: str) -> bool:
        parser = self.parsers[name]
        foreign = parser.belongs_to or parser.junk_bytes > MAX_JUNK_SHARE * self.total_bytes
        return self.samples[name] >= ENOUGH_SAMPLES and not foreign

    @property
    def complaint(self) -> str:
        return next((p.complaint for p in self.parsers.values() if p.complaint), "")


def _which(fitting: tuple[SensorProtocol, ...]) -> str:
    """Name what fits; the first is taken, and corrected by the first finger if it is wrong.

    Small bare numbers are a PulseSensor's, or a SparkFun's without a finger. The other way round
    the mistake would last: to a SparkFun a PulseSensor never has a finger on it.
    """
    return "; or, if no finger is on it, ".join(protocol.title for protocol in fitting)


def _what_was_heard(heard: dict[Line, _Ear]) -> str:
    for ear in heard.values():
        if ear.complaint:
            return ear.complaint
    if not any(ear.total_bytes for ear in heard.values()):
        return "nothing is sent: is the sensor switched on and its cable whole?"
    tried = ", ".join(f"{ear.total_bytes} bytes at {line}" for line, ear in heard.items())
    return f"{tried}, but none that fit: another baud rate or an unknown sensor"
