"""The one table of sensors that Attune understands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge import contec, nonin
from firmware_bridge.attune_stream import AttuneParser
from firmware_bridge.pulsesensor import pulsesensor_parser
from firmware_bridge.samples import Parser
from firmware_bridge.sparkfun import sparkfun_parser


@dataclass(frozen=True, slots=True)
class Line:
    """Settings of a serial line."""

    baud: int
    parity: str = "N"
    """``N`` none or ``O`` odd; 8 data bits, 1 stop bit."""

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity}1"


@dataclass(frozen=True, slots=True)
class SensorProtocol:
    """A kind of sensor: how to open it, how to wake it, who reads it."""

    name: str
    title: str
    line: Line
    parser: Callable[[], Parser]
    start: bytes = b""
    """Sent when the port is open."""
    keep_alive: bytes = b""
    """Sent again and again while it is read."""
    keep_alive_every_s: float = 0.0
    stop: bytes = b""


PROTOCOLS: dict[str, SensorProtocol] = {
    protocol.name: protocol
    for protocol in (
        SensorProtocol("attune", "Attune's own firmware", Line(115_200), AttuneParser),
        SensorProtocol("pulsesensor", "PulseSensor", Line(115_200), pulsesensor_parser),
        SensorProtocol(
            "sparkfun",
            "SparkFun MAX3010x example",
            Line(115_200),
            sparkfun_parser,
            start=b"\n",  # Example 8 may have asked for a key long before we came.
        ),
        SensorProtocol(
            "cms50d_new",
            "Contec CMS50D+ (firmware 4.6 on) or CMS50E v7",
            Line(115_200),
            contec.ContecNewParser,
            start=contec.NEW_START,
            keep_alive=contec.NEW_KEEP_ALIVE,
            keep_alive_every_s=10.0,  # It falls silent after 30 s; the vendor re-sends within 15.
            stop=contec.NEW_STOP,
        ),
        SensorProtocol(
            "cms50d_old",
            "Contec CMS50D+/E (firmware up to 4.5)",
            Line(19_200, "O"),
            contec.ContecOldParser,
        ),
        SensorProtocol("nonin", "Nonin OEM III / 3150 (DF#2)", Line(9_600), nonin.NoninParser),
    )
}
"""By name; in the order in which detection asks."""
