"""Every kind of file that is taken and can be made here is measured, and played from the middle."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from catalog.builder.building import build
from catalog.builder.kinds import EXTENSIONS, NOT_TAKEN
from catalog.builder.loudness import measure
from device.playback.decode import SEEK_FROM_S, SoundFile
from tests.fakes.builds import ONE, reasons
from tests.fakes.sounds import sine, write_sound

RATE_HZ = 48_000
SECONDS = SEEK_FROM_S + 4
MADE = {
    ".mp2": "mp2", ".ac3": "ac3", ".eac3": "eac3", ".w64": "pcm_s24le", ".aifc": "pcm_s16be",
    ".au": "pcm_s16be", ".caf": "pcm_s16le", ".wv": "wavpack", ".mka": "flac", ".tta": "tta",
    ".mp4": "aac", ".aac": "aac",
}  # fmt: skip
"""Ending -> codec, of what FFmpeg can write and no other test has."""


def write_dsf(path: Path, seconds: float) -> Path:
    """Write a tone of 440 Hz as DSD64 in a DSF file, mono, by a first-order modulator."""
    rate_hz, block = 2_822_400, 4096
    wave = 0.25 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate_hz)) / rate_hz)
    bits = np.diff(np.floor(np.cumsum((1 + wave) / 2)), prepend=0).astype(np.uint8)
    packed = np.packbits(bits, bitorder="little").tobytes()
    packed = packed.ljust(-(-len(packed) // block) * block, b"\x69")
    form = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 1, 1, rate_hz, 1, len(bits), block, 0)
    sound = struct.pack("<4sQ", b"data", 12 + len(packed)) + packed
    size = 28 + len(form) + len(sound)
    path.write_bytes(struct.pack("<4sQQQ", b"DSD ", 28, size, 0) + form + sound)
    return path


def write_mp4(path: Path, codec: str, form: str, *, cover: bool) -> Path:
    """Write two seconds of a tone with a picture: a cover, or one that moves."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        picture = container.add_stream(codec, rate=10)
        assert isinstance(sound, av.AudioStream)
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = 64, 64, form
        if cover:
            picture.disposition = Disposition.attached_pic
        for number in range(1 if cover else 20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), "rgb24")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        tone = sine(2, channels=1).astype(np.float32).T
        for start in range(0, tone.shape[1], 1024):
            piece = np.ascontiguousarray(tone[:, start : start + 1024])
            block = av.AudioFrame.from_ndarray(piece, "fltp", "mono")
            block.sample_rate, block.pts = RATE_HZ, start
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("ending", [*MADE, ".dsf"])
def test_a_kind_that_is_taken_is_measured_and_played_from_the_middle(
    tmp_path: Path, ending: str
) -> None:
    assert ending in EXTENSIONS
    path = tmp_path / f"a{ending}"
    if ending == ".dsf":
        write_dsf(path, SECONDS)
    else:
        write_sound(path, sine(SECONDS, level=0.25), RATE_HZ, MADE[ending])
    measured = measure(path)
    assert measured.duration_s == pytest.approx(SECONDS, abs=0.05)
    assert measured.true_peak_dbtp == pytest.approx(-12, abs=1)
    with SoundFile(path, RATE_HZ, start_s=SEEK_FROM_S) as sound:
        heard = np.concatenate(list(sound.blocks()))[:, 0]
    assert len(heard) == pytest.approx((SECONDS - SEEK_FROM_S) * RATE_HZ, abs=RATE_HZ // 20)
    spectrum = np.abs(np.fft.rfft(heard[:RATE_HZ] * np.hanning(RATE_HZ)))
    assert int(spectrum.argmax()) == 440


def test_an_mp4_is_music_with_a_cover_and_none_with_a_moving_picture(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    write_mp4(music / "song.mp4", "mjpeg", "yuvj420p", cover=True)
    write_mp4(music / "holiday.mp4", "mpeg4", "yuv420p", cover=False)
    report = build([music], tmp_path / "catalogue", ONE)
    assert (report.found, report.analysed) == (2, 1)
    assert reasons(report) == {"holiday.mp4": "is a film: save its sound alone, as .m4a say"}


def test_no_kind_is_both_taken_and_not() -> None:
    assert not EXTENSIONS & NOT_TAKEN
