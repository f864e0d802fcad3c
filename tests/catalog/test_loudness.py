"""Loudness, true peak and silence at the ends, on tones whose values are known."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from catalog.builder import loudness
from catalog.builder.loudness import measure
from catalog.sound_file import SoundFileError
from device.playback.decode import SoundFile
from tests.fakes.sounds import sine, write_sound
from tests.fakes.tagged_sounds import write_samples, write_tone


@pytest.mark.parametrize("level_dbfs", [-6.0, -23.0, -40.0])
def test_a_stereo_tone_near_1_khz_is_as_loud_as_its_peak(tmp_path: Path, level_dbfs: float) -> None:
    # EBU Tech 3341, case 1: 1 kHz at -23 dBFS in both channels is -23 LUFS.
    sound = measure(write_tone(tmp_path / "a.flac", 6.0, level_dbfs=level_dbfs))
    assert sound.integrated_loudness_lufs == pytest.approx(level_dbfs, abs=0.1)
    assert sound.true_peak_dbtp == pytest.approx(level_dbfs, abs=0.2)
    assert sound.duration_s == pytest.approx(6.0, abs=0.001)


def test_the_peak_between_samples_is_found(tmp_path: Path) -> None:
    # A quarter of the rate, sampled 45 degrees off its peaks: 3 dB above every sample.
    n = np.arange(48000 * 4)
    fade = np.minimum(1, n / 4800)  # A sudden start would ring above the tone.
    wave = 0.5 * fade * np.sin(np.pi / 2 * n + np.pi / 4)
    write_samples(tmp_path / "a.flac", wave[np.newaxis], 48000)
    peak = measure(tmp_path / "a.flac").true_peak_dbtp
    assert peak == pytest.approx(20 * np.log10(0.5), abs=0.3)
    assert np.abs(wave).max() < 0.36


def test_loud_and_quiet_halves_are_gated(tmp_path: Path) -> None:
    # EBU Tech 3341, case 3: what is 10 LU below the rest does not count.
    rate = 48000
    wave = np.concatenate([
        10 ** (level_db / 20) * np.sin(2 * np.pi * 1000 * np.arange(rate * seconds) / rate)
        for level_db, seconds in ((-36, 2), (-23, 12), (-36, 2))
    ])  # fmt: skip
    write_samples(tmp_path / "a.flac", np.stack([wave, wave]), rate)
    assert measure(tmp_path / "a.flac").integrated_loudness_lufs == pytest.approx(-23, abs=0.15)


@pytest.mark.parametrize("ending", [".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a"])
def test_silence_at_both_ends_is_measured_in_every_format(tmp_path: Path, ending: str) -> None:
    path = write_tone(tmp_path / f"a{ending}", 4.0, lead_s=0.7, tail_s=1.2)
    sound = measure(path)
    # Lossy codecs smear and pad by a block or two (AAC: 2 x 1024 samples).
    assert sound.lead_silence_s == pytest.approx(0.7, abs=0.001 if ending == ".flac" else 0.07)
    assert sound.tail_silence_s == pytest.approx(1.2, abs=0.001 if ending == ".flac" else 0.07)
    assert sound.integrated_loudness_lufs == pytest.approx(-20, abs=1)


def test_mono_eight_bit_telephone_sound_works(tmp_path: Path) -> None:
    wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(8000 * 3) / 8000)
    write_samples(tmp_path / "a.wav", wave[np.newaxis], 8000)
    assert measure(tmp_path / "a.wav").duration_s == pytest.approx(3.0)


@pytest.mark.parametrize("ending", [".mp3", ".flac", ".ogg", ".wav"])
def test_a_truncated_file_is_measured_as_far_as_it_goes(tmp_path: Path, ending: str) -> None:
    path = write_tone(tmp_path / f"a{ending}", 6.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert 1.5 < measure(path).duration_s < 4.5


def test_a_file_with_a_hole_of_junk_is_still_measured(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "a.mp3", 6.0)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(range(256)) * 8
    path.write_bytes(content)
    assert measure(path).integrated_loudness_lufs == pytest.approx(-20, abs=1.5)


def test_a_mislabelled_file_is_known_by_its_content(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.flac", 2.0).rename(tmp_path / "a.mp3")
    assert measure(tmp_path / "a.mp3").duration_s == pytest.approx(2.0, abs=0.01)


def joined(path: Path, *parts: tuple[np.ndarray, int]) -> Path:
    """Write sounds (n, channels), each at its own rate, one behind the other into one file."""
    codec = "aac" if path.suffix == ".aac" else ""
    pieces = [path.with_stem(f"part{number}") for number in range(len(parts))]
    for piece, (sound, rate_hz) in zip(pieces, parts, strict=True):
        write_sound(piece, sound, rate_hz, codec)
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return path


def left_only(seconds: float) -> np.ndarray:
    return np.asarray(sine(seconds, level=0.1) * np.array([1, 0]))


def with_tail(sound: np.ndarray, seconds: float, rate_hz: int = 48_000) -> np.ndarray:
    return np.concatenate([sound, np.zeros((round(seconds * rate_hz), sound.shape[1]))])


MONO_STEREO = ((sine(0.5, channels=1), 48_000), (sine(6), 48_000))
PAUSE_MONO = ((with_tail(sine(3.5), 1), 48_000), (sine(2, channels=1), 48_000))
SLOW_FAST = ((sine(0.5, rate_hz=22_050), 22_050), (sine(6, rate_hz=44_100), 44_100))


# FFmpeg does not read on where FLAC changes its rate: neither builder nor player gets further.
@pytest.mark.parametrize(
    ("ending", "parts"),
    [(".mp3", MONO_STEREO), (".aac", MONO_STEREO), (".flac", MONO_STEREO), (".mp3", PAUSE_MONO),
     (".aac", PAUSE_MONO), (".flac", PAUSE_MONO), (".mp3", SLOW_FAST), (".aac", SLOW_FAST)],
)  # fmt: skip
def test_a_file_that_changes_its_form_is_measured_and_played_to_its_end(
    tmp_path: Path, ending: str, parts: tuple[tuple[np.ndarray, int], ...]
) -> None:
    path = joined(tmp_path / f"a{ending}", *parts)
    sound = measure(path)
    assert sound.duration_s == pytest.approx(6.5, abs=0.15)
    assert sound.lead_silence_s < 0.07
    assert sound.tail_silence_s < 0.07
    with SoundFile(path, 48_000, 0.0, sound.duration_s - sound.tail_silence_s) as played:
        played_s = sum(map(len, played.blocks())) / 48_000
    assert played_s == pytest.approx(6.5, abs=0.15)


def test_the_silence_at_the_end_is_that_of_the_last_form(tmp_path: Path) -> None:
    path = joined(
        tmp_path / "a.flac", (sine(3), 48_000), (with_tail(sine(2, channels=1), 1.5), 48_000)
    )
    assert measure(path).tail_silence_s == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("ending", [".mp3", ".aac", ".flac"])
def test_a_beginning_in_mono_does_not_change_how_loud_the_stereo_is(
    tmp_path: Path, ending: str
) -> None:
    (tmp_path / "b").mkdir()
    whole = joined(tmp_path / f"b/a{ending}", (left_only(8), 48_000))
    begun = joined(
        tmp_path / f"a{ending}", (sine(0.5, level=0.1, channels=1), 48_000), (left_only(8), 48_000)
    )
    expected = measure(whole).integrated_loudness_lufs
    assert measure(begun).integrated_loudness_lufs == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"just a text that somebody named .mp3\n" * 50, "is not a sound file"),
        (bytes(5000), "is not a sound file"),
        (b"\xff\xfb\x90\x64" + bytes(200), "sound"),
        (b"OggS" + bytes(100), "is not a sound file"),
        (b"fLaC" + bytes(40), "sound"),
    ],
)
def test_what_is_no_sound_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    with pytest.raises(SoundFileError, match=says):
        measure(path)


def test_silence_throughout_is_refused(tmp_path: Path) -> None:
    write_samples(tmp_path / "a.flac", np.zeros((2, 44100 * 2)))
    with pytest.raises(SoundFileError, match="silent from beginning to end"):
        measure(tmp_path / "a.flac")


def test_a_blip_is_no_music(tmp_path: Path) -> None:
    with pytest.raises(SoundFileError, match="less than 1 s"):
        measure(write_tone(tmp_path / "a.wav", 0.5))


def test_a_picture_is_no_music(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(SoundFileError, match="is not a sound file"):
        measure(tmp_path / "a.png")


def test_a_missing_file_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(SoundFileError, match="is not there"):
        measure(tmp_path / "gone.mp3")


def test_of_an_endless_file_only_the_beginning_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tone(tmp_path / "a.flac", 8.0, tail_s=1.0)
    monkeypatch.setattr(loudness, "LONGEST_MEASURED_S", 3.0)
    sound = measure(path)
    assert sound.duration_s == pytest.approx(9.0, abs=0.11)  # The meter holds 0.1 s back.
    assert sound.tail_silence_s == 0.0
    assert sound.integrated_loudness_lufs == pytest.approx(-20, abs=0.2)


def test_the_length_of_an_endless_mp3_is_counted_and_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg guesses by the first frame's bit rate; it was called cut off when it ended in time."""
    path = tmp_path / "stream.mp3"
    path.write_bytes(b"".join(bare_mp3(tmp_path / "part.mp3", rate) for rate in (32_000, 320_000)))
    with SoundFile(path, 44_100) as file:
        assert (file.duration_s or 0) > 20
    whole_s = measure(path).duration_s
    monkeypatch.setattr(loudness, "LONGEST_MEASURED_S", 3.0)
    assert measure(path).duration_s == pytest.approx(whole_s, abs=0.11)


def bare_mp3(path: Path, bits_per_s: int) -> bytes:
    """Return five seconds as a radio station sends them: frames, and no header that counts them."""
    with av.open(str(path), "w", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        stream.bit_rate = bits_per_s
        sound = np.ascontiguousarray(0.1 * sine(5.0).T, np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
        frame.sample_rate = 44_100
        for ready in av.AudioResampler("fltp", "stereo", 44_100, 1152).resample(frame):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return path.read_bytes()
