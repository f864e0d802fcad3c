"""Which sensor hangs on a port? Listens at each line setting, wakes what must be woken."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.port import SensorPort
from firmware_bridge.protocols import PROTOCOLS, Line, SensorProtocol

LISTEN_S = 1.5
"""Long enough for a board that was reset by opening the port to start talking, three times in
under 5 s."""
ENOUGH_SAMPLES = 8
MIN_SHARE = 0.9
"""Of the bytes heard, so many must belong to the protocol."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The protocol found, or None with what was heard instead."""

    protocol: SensorProtocol | None
    message: str


def detect(path: str, clock: Callable[[], float] = time.monotonic) -> Detection:
    """Find out within about 5 s which sensor talks on ``path``; PortError when it cannot open."""
    heard: dict[int, int] = {}
    for line in dict.fromkeys(protocol.line for protocol in PROTOCOLS.values()):
        found, count = _listen(path, line, clock)
        if found is not None:
            return Detection(found, f"{path}: {found.title}")
        heard[line.baud] = count
    if not any(heard.values()):
        return Detection(None, f"{path}: nothing is sent; is the sensor switched on?")
    bauds = ", ".join(str(baud) for baud, count in heard.items() if count)
    return Detection(
        None, f"{path}: bytes come (tried at {bauds} baud) but no known sensor speaks like this"
    )


def _listen(path: str, line: Line, clock: Callable[[], float]) -> tuple[SensorProtocol | None, int]:
    """Return who speaks at this setting, and how many bytes came."""
    candidates = [p for p in PROTOCOLS.values() if p.line == line]
    parsers = {p.name: p.parser() for p in candidates}
    samples = dict.fromkeys(parsers, 0)
    total = 0
    with SensorPort(path, line) as port:
        for protocol in candidates:
            port.write(protocol.start)
        end = clock() + LISTEN_S
        while clock() < end:
            data = port.read()
            total += len(data)
            for protocol in candidates:
                parser = parsers[protocol.name]
                samples[protocol.name] += sum(len(run.samples) for run in parser.feed(data))
                if data:
                    port.write(parser.reply())
                trusted = total == 0 or parser.junk_bytes <= (1 - MIN_SHARE) * total
                if samples[protocol.name] >= ENOUGH_SAMPLES and trusted:
                    return protocol, total
    return None, total
