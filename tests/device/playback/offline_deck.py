"""A deck that is rendered as fast as it goes, with everything decoded beforehand."""

from __future__ import annotations

from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from device.playback.deck import BLOCK_FRAMES, Deck, DeckSettings
from device.playback.limiter import Limiter
from device.playback.prefetch import Prefetch
from device.playback.wire import Event, PlayOrder

RATE_HZ = 44_100
VOICES = count(1)


def open_whole(order: PlayOrder, rate_hz: int, start_s: float) -> Prefetch:
    """Decode all of a file before it is first read, so that tests do not depend on speed."""
    source = Prefetch(Path(order.path), rate_hz, start_s, order.end_s, 10**9)
    assert source.wait(10**9, 60)
    return source


def order(path: Path, now: bool = False, gain_db: float = 0.0, start_s: float = 0.0) -> PlayOrder:
    return PlayOrder(next(VOICES), str(path), start_s, None, gain_db, now)


class OfflineDeck(Deck):
    """Renders seconds instead of blocks and keeps what happened."""

    def __init__(self, crossfade_s: float = 0.0, volume_percent: float = 100.0) -> None:
        settings = DeckSettings(crossfade_s=crossfade_s, volume_percent=volume_percent)
        super().__init__(settings, open_whole, RATE_HZ)
        self.log: list[Event] = []
        self.blocks: list[NDArray[np.float32]] = []

    def advance(self, seconds: float) -> None:
        """Render at least so many seconds."""
        for _ in range(int(np.ceil(seconds * RATE_HZ / BLOCK_FRAMES))):
            self.blocks.append(self.render())
            self.log += self.take_events()

    @property
    def sound(self) -> NDArray[np.float32]:
        """All that was rendered (n, 2), without the delay of the limiter."""
        return np.concatenate(self.blocks)[Limiter.delay_frames :]


def loudness_lufs(sound: NDArray[np.float32], rate_hz: int = RATE_HZ) -> tuple[float, float]:
    """Return (integrated loudness in LUFS, true peak in dBTP) by FFmpeg's EBU R128 meter."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=rate_hz, format="flt", layout="stereo", time_base=Fraction(1, rate_hz)
    )
    meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
    sink = graph.add("abuffersink")
    graph.link_nodes(source, meter, sink).configure()
    facts: dict[str, str] = {}
    for at in range(0, len(sound), rate_hz):
        part = np.ascontiguousarray(sound[at : at + rate_hz], np.float32)
        frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate = rate_hz
        source.push(frame)
        while True:
            try:
                facts = sink.pull().metadata or facts
            except (av.error.BlockingIOError, av.error.EOFError):
                break
    peaks = [float(value) for key, value in facts.items() if "true_peaks_ch" in key]
    return float(facts["lavfi.r128.I"]), 20 * float(np.log10(max(peaks)))
