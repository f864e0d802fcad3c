"""Where the sound goes: a sound card by its stable name, nothing at all, or a WAV file.

Sound is written by blocking writes into a deep device buffer: no
callback, so no deadline of milliseconds and no writable-and-executable memory (sounddevice's
callbacks need it and fail under systemd's ``MemoryDenyWriteExecute``; plain writes do not).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from device.playback.cards import (
    OutputDevice,
    OutputError,
    devices_of,
    find,
    fresh_portaudio,
    list_outputs,
    quiet,
)
from device.playback.clocked import NullOutput, Pacer, WavOutput

__all__ = ["Output", "OutputDevice", "OutputError", "list_outputs", "open_output"]

BUFFER_S = 0.5
"""Sound kept in the device: what the audio process or a sound server may be held up, and what an
order waits until it is heard. With 0.25 s, 2 and 4 holes came in ten minutes on a machine with
five times more work than cores; each was shorter than 0.33 s."""

RUNS_AHEAD = 1.01
"""No card is so much faster than the clock of the box, but many are by some millionths: held to the
clock, one that is 50 faster ran dry after eight hours, and then again and again."""

RATES_HZ = (44_100, 48_000, 96_000, 32_000)
"""Tried after the device's own rate; most music is at 44.1 kHz and then needs no resampling."""


class Output(Protocol):
    """An opened output. ``write`` blocks until the sound is taken."""

    name: str
    rate_hz: int
    latency_s: float

    def write(self, block: NDArray[np.float32]) -> bool:
        """Play (n, 2) float32 -1..1; False when the device had run dry before.

        Raises:
            OutputError: the output is gone.
        """
        ...

    def finish(self) -> None:
        """Wait until what was written has been heard, then close."""
        ...

    def close(self) -> None:
        """Close at once; what was not heard yet is lost."""
        ...


def open_output(
    name: str, *, paced: bool = True, clock: Callable[[], float] = time.monotonic
) -> Output:
    """Open ``auto``, ``null``, a path ending in ``.wav`` or a name of ``list_outputs()``.

    ``paced=False`` writes a WAV file as fast as it can.

    Raises:
        OutputError: there is no such output, or it is taken; the message helps.
    """
    if name == "null":
        return NullOutput(clock)
    if name.lower().endswith(".wav"):
        try:
            return WavOutput(Path(name).expanduser(), clock if paced else None)
        except OSError as error:
            raise OutputError(f"{name} cannot be written: {error.strerror}") from error
        except RuntimeError as error:
            raise OutputError(f"{name} cannot be written: there is no such user here") from error
    with quiet():
        sounddevice = fresh_portaudio()
        device = find(devices_of(sounddevice), name, "sound card", "music starts when it appears")
        return _CardOutput(sounddevice, device, clock)


class _CardOutput:
    """A PortAudio stream."""

    def __init__(self, sounddevice: Any, device: OutputDevice, clock: Callable[[], float]) -> None:
        self.name = device.name
        self._sounddevice = sounddevice
        self._channels = min(2, device.channels)
        self.rate_hz = _supported_rate(sounddevice, device, self._channels)
        try:
            self._stream = sounddevice.RawOutputStream(
                samplerate=self.rate_hz, device=device.index, channels=self._channels,
                dtype="float32", latency=BUFFER_S,
            )  # fmt: skip
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise OutputError(
                f"sound card {self.name} cannot be opened: {_reason(error)}; is another"
                " program using it?"
            ) from error
        self.latency_s = float(self._stream.latency)
        # ALSA's null and file devices take everything at once.
        self._pacer = Pacer(clock, self.rate_hz * RUNS_AHEAD, ahead_s=self.latency_s + 1.0)

    def write(self, block: NDArray[np.float32]) -> bool:
        self._pacer.wait()
        sound = block if self._channels == 2 else block.mean(axis=1, dtype=np.float32)
        try:
            underrun = self._stream.write(np.ascontiguousarray(sound))
        except self._sounddevice.PortAudioError as error:
            raise OutputError(
                f"sound card {self.name} is gone: plug it in; music goes on by itself"
                f" ({_reason(error)})"
            ) from error
        self._pacer.add(len(block))
        return not underrun

    def finish(self) -> None:
        with contextlib.suppress(self._sounddevice.PortAudioError), quiet():
            self._stream.stop()
        self.close()

    def close(self) -> None:
        with contextlib.suppress(self._sounddevice.PortAudioError), quiet():
            self._stream.abort()
            self._stream.close()


def _supported_rate(sounddevice: Any, device: OutputDevice, channels: int) -> int:
    for rate_hz in (device.rate_hz, *RATES_HZ):
        try:
            sounddevice.check_output_settings(
                device=device.index, channels=channels, dtype="float32", samplerate=rate_hz
            )
        except (sounddevice.PortAudioError, ValueError):
            continue
        return rate_hz
    raise OutputError(f"sound card {device.name} takes none of the usual sample rates")


def _reason(error: Exception) -> str:
    """The last, most precise part of PortAudio's words."""
    text = str(error.args[0]) if error.args else str(error)
    return text.split(": ")[-1] if text else "no reason given"
