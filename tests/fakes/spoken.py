"""Something like a voice: noise with a spectrum and syllables of speech, from a fixed seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000
SYLLABLES_HZ = 4.0


def speech(seconds: float, level: float = 0.05, seed: int = 1) -> NDArray[np.float32]:
    """Return (n, 2) at 48 kHz: most power near 500 Hz, four syllables a second."""
    frames = round(seconds * RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    at_hz = np.fft.rfftfreq(frames, 1 / RATE_HZ)
    spectrum /= 1 + ((at_hz - 500) / 300) ** 4
    voice = np.fft.irfft(spectrum, frames)
    syllables = 0.3 + 0.7 * np.sin(2 * np.pi * SYLLABLES_HZ * np.arange(frames) / RATE_HZ)
    shaped = voice / voice.std() * np.clip(syllables, 0, None) * level
    stereo: NDArray[np.float32] = shaped.astype(np.float32)[:, None].repeat(2, axis=1)
    return stereo


def quiet(seconds: float, level: float = 1e-4, seed: int = 2) -> NDArray[np.float32]:
    """Return the noise of a room (n, 2)."""
    noise = np.random.default_rng(seed).standard_normal((round(seconds * RATE_HZ), 2))
    return (noise * level).astype(np.float32)
