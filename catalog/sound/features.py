"""Log-mel patches, what the sound network listens to (numpy only)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
FFT_SIZE = 512
HOP = 256
BANDS = 96
PATCH_FRAMES = 187
"""About three seconds. These five numbers are those the backbone (musicnn, Pons & Serra
2019, "musicnn: pre-trained convolutional neural networks for music audio tagging") was
trained with."""

COMPRESSION = 10_000.0
"""log10(1 + COMPRESSION * power), as the backbone was trained."""

PATCH_SAMPLES = (PATCH_FRAMES - 1) * HOP
PATCH_S = PATCH_SAMPLES / RATE_HZ


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the compressed mel power spectrogram, float32 (frames, 96), of float32 (n,).

    Frames are centred (the ends are padded with silence): n // HOP + 1 of them.
    """
    padded = np.pad(np.asarray(samples, np.float32), FFT_SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    compressed: NDArray[np.float32] = np.log10(1 + np.float32(COMPRESSION) * (power @ _filters().T))
    return compressed


def patch(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one patch (187, 96) of up to PATCH_S of sound; shorter sound is repeated."""
    if len(samples) == 0:
        raise ValueError("no samples")
    repeated = np.resize(samples, PATCH_SAMPLES) if len(samples) < PATCH_SAMPLES else samples
    return log_mel(repeated[:PATCH_SAMPLES])


@cache
def _window() -> NDArray[np.float32]:
    turn = 2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE
    return (0.5 - 0.5 * np.cos(turn)).astype(np.float32)  # periodic Hann


def _hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale (Auditory Toolbox 1998): linear to 1 kHz, logarithmic above."""
    step = np.log(6.4) / 27
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) / step)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    step = np.log(6.4) / 27
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(step * (mel - 15)))


@cache
def _filters() -> NDArray[np.float32]:
    """Triangles of equal area (BANDS, FFT_SIZE // 2 + 1) up to half the rate."""
    top = _hz_to_mel(np.array([RATE_HZ / 2]))[0]
    edges = _mel_to_hz(np.linspace(0, top, BANDS + 2))
    bins = np.arange(FFT_SIZE // 2 + 1) * RATE_HZ / FFT_SIZE
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    area = 2 / (edges[2:] - edges[:-2])
    return (triangles * area[:, None]).astype(np.float32)
