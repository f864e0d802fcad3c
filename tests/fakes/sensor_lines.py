"""Streams of every sensor's bytes, and what a parser makes of them."""

from __future__ import annotations

import numpy as np

from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.samples import Parser, SampleRun
from firmware_bridge.simulated_senders import SENDERS


def values(runs: list[SampleRun]) -> list[float]:
    """Return all samples of the runs."""
    return [float(value) for run in runs for value in run.samples]


def wave(count: int) -> list[int]:
    """Return a slow wave of 10 bits, no two neighbours alike at 7 bits."""
    at = np.arange(count)
    return [int(v) for v in 500 + 8 * (at % 2) + 300 * np.sin(at / 9)]


def stream(sender: str, samples: list[int], batch: int = 10, finger: bool = True) -> bytes:
    """Return what a sensor sends for ``samples``, in batches, without its greeting."""
    kind = SENDERS[sender]
    parts = []
    for first in range(0, len(samples), batch):
        number = first // batch if kind.protocol == "attune" else first
        part = samples[first : first + batch]
        parts.append(kind.encode(part, number, first / kind.rate_hz, finger))
    head = b"" if kind.protocol in BINARY else b"cut in half\n"
    return head + b"".join(parts)


def parser_of(sender: str) -> Parser:
    """Return a new parser of the sensor's protocol."""
    return PROTOCOLS[SENDERS[sender].protocol].parser()


BINARY = ("attune", "cms50d_old", "cms50d_new", "nonin")
HELD = {"cms50d_old": 3, "attune": 0, "nonin": 0}
"""Samples at the end of a stream that still wait for what follows; else one."""
