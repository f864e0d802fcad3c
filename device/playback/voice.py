"""One sounding file inside the deck."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from device.playback.endings import Ending
from device.playback.mix import EqualPowerFade, amplitude
from device.playback.wire import PlayOrder


class Source(Protocol):
    """Decoded sound that is read without blocking; see ``prefetch.Prefetch``."""

    @property
    def available(self) -> int: ...

    @property
    def ended(self) -> bool: ...

    @property
    def error(self) -> str: ...

    @property
    def remaining(self) -> int | None: ...

    def read(self, frames: int) -> NDArray[np.float32]: ...

    def in_hand(self) -> NDArray[np.float32]: ...

    def close(self) -> None: ...


OpenSource: TypeAlias = Callable[[PlayOrder, int, float], Source]
"""(order, rate in Hz, start in s) -> source; never raises, a fault shows in ``error``."""

STARVED_FADE = 256
"""Frames over which the sound is taken away when the disk does not keep up."""


class Voice:
    """A file with its loudness gain and its fade."""

    def __init__(self, order: PlayOrder, open_source: OpenSource, rate_hz: int) -> None:
        self.order = order
        self.fade = EqualPowerFade()
        self.started = False
        self.starved = 0
        self._open_source = open_source
        self._gain = np.float32(amplitude(order.gain_db))
        self._begin_s = order.start_s
        self._played = 0
        self._rate_hz = rate_hz
        self._ending: Ending | None = None
        self._last = np.zeros((0, 2), np.float32)
        """The frames that sounded last, up to ``STARVED_FADE``; none after the sound ran out."""
        self.source = open_source(order, rate_hz, order.start_s)

    @property
    def position_s(self) -> float:
        """Seconds from the beginning of the file to what is read next."""
        return self._begin_s + self._played / self._rate_hz

    @property
    def played_s(self) -> float:
        """Seconds of it that were played."""
        return max(0.0, self.position_s - self.order.start_s)

    @property
    def exhausted(self) -> bool:
        """True when there is nothing left to read."""
        return self.source.ended and self.source.available == 0

    @property
    def ending(self) -> Ending | None:
        """How it ends by itself; None until its end is in hand."""
        if self._ending is None and self.source.ended:
            self._ending = Ending.of(self.source.in_hand(), self._rate_hz)
        return self._ending

    def ready(self, frames: int) -> bool:
        """True when it can start with ``frames`` in hand (or with all it has)."""
        return self.source.available >= frames or (
            self.source.ended and self.source.available > 0
        )  # fmt: skip

    def change_rate(self, rate_hz: int) -> None:
        """Decode anew from where it is, for an output with another rate."""
        self._begin_s = self.position_s
        self._played = 0
        self._rate_hz = rate_hz
        self._ending = None
        self._last = self._last[:0]
        self.source.close()
        self.source = self._open_source(self.order, rate_hz, self._begin_s)
        self.fade = EqualPowerFade(1.0 if self.started else 0.0)

    def render(self, frames: int) -> NDArray[np.float32]:
        """Return what sounds of the next ``frames``: (n, 2), n <= frames at the end."""
        sound = self.source.read(frames)
        self._played += len(sound)
        mixed: NDArray[np.float32] = sound
        if len(sound):
            mixed = sound * (self._gain * self.fade.gains(len(sound)))
        if len(sound) < frames and not self.source.ended:
            return self._bridge(mixed, frames)
        self._last = mixed[-STARVED_FADE:]
        return mixed

    def _bridge(self, mixed: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Take the sound away without a step; it comes back by a fade.

        A whole block cannot be faded in advance, as the next one may come just in time: where
        nothing or too little follows it, the last frames follow backwards.
        """
        if len(mixed) < STARVED_FADE:
            last = np.concatenate([self._last, mixed])[-STARVED_FADE:]
            mixed = np.concatenate([mixed, last[::-1][: frames - len(mixed)]])
        self._last = mixed[:0]
        if not len(mixed):
            return mixed  # It was taken away before, or has not begun.
        self.starved += 1
        tail = min(len(mixed), STARVED_FADE)
        mixed[-tail:] *= np.linspace(1.0, 0.0, tail, dtype=np.float32)[:, None]
        fading_out = self.fade.fading_out
        self.fade = EqualPowerFade(0.0)
        if not fading_out:
            self.fade.to(1.0, STARVED_FADE * 4)
        return mixed
