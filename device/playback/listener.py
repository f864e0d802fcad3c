"""The listening process: ``python -m device.playback.listener MICROPHONE``.

Prints the level of the microphone in dBFS, twenty lines a second, and keeps nothing: what was
heard exists for 50 ms and is then overwritten. A process of its own, for the same reasons as
the audio process has: PortAudio looks for devices only once, and a card may hang.
"""

from __future__ import annotations

import ctypes
import math
import signal
import sys
from operator import mul
from typing import Any

from device.playback.cards import OutputError, devices_of, find, fresh_portaudio, quiet

WINDOW_S = 0.05
SILENT_DBFS = -120.0
FULL_SCALE = 32_768
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Print levels until the reader goes away; 1 when there is no such microphone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name = sys.argv[1]
    try:
        with quiet():
            sounddevice = fresh_portaudio()
            stream = _open(sounddevice, name)
    except OutputError as error:
        print(error, file=sys.stderr)
        return 1
    frames = round(stream.samplerate * WINDOW_S)
    try:
        while True:
            data, _ = stream.read(frames)
            print(f"{level_dbfs(memoryview(data).cast('h')):.1f}", flush=True)
    except sounddevice.PortAudioError:
        print(f"microphone {name} is gone: plug it in", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0


def _open(sounddevice: Any, name: str) -> Any:
    then = "voices lower the music when it is there"
    device = find(devices_of(sounddevice, capture=True), name, "microphone", then)
    try:
        stream = sounddevice.RawInputStream(
            samplerate=device.rate_hz, device=device.index, channels=1, dtype="int16",
            latency=2 * WINDOW_S,
        )  # fmt: skip
        stream.start()
    except sounddevice.PortAudioError as error:
        raise OutputError(
            f"microphone {device.name} cannot be opened: is another program using it?"
        ) from error
    return stream


def level_dbfs(samples: memoryview) -> float:
    """Return the level of 16-bit samples, the constant part left out; -120 for none.

    >>> round(level_dbfs(memoryview(b"\\x00\\x40\\x00\\xc0" * 10).cast("h")), 1)
    -6.0
    """
    count = len(samples)
    if count == 0:
        return SILENT_DBFS
    mean = sum(samples) / count
    power = sum(map(mul, samples, samples)) / count - mean * mean
    return max(SILENT_DBFS, 10.0 * math.log10(max(power, 1e-3) / FULL_SCALE**2))


if __name__ == "__main__":
    sys.exit(main())
