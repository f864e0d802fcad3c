"""Sound to emotion on files the test writes: real ones, broken ones, silent ones."""

from __future__ import annotations

import json
import wave
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from catalog.builder.evidence import EvidenceFinder
from catalog.builder.tags import Tags
from catalog.sound import SoundAnnotator, SoundError, decode_mono
from catalog.sound.annotator import MODEL
from catalog.sound.decoding import decode_windows
from catalog.sound.features import BANDS, PATCH_FRAMES, RATE_HZ, log_mel, patch
from models_tflite.runtime import ModelError, TfliteModel


def write_wave(path: Path, sound: np.ndarray, rate_hz: int = 44_100) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def tone(hz: float, seconds: float, rate_hz: int = 44_100) -> np.ndarray:
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz))


def drums(seconds: float, rate_hz: int = 44_100) -> np.ndarray:
    random = np.random.default_rng(0)
    beat = random.normal(0, 0.4, rate_hz // 4) * np.exp(-np.arange(rate_hz // 4) / 2000)
    return np.asarray(np.tile(beat, round(4 * seconds)) + tone(110, seconds, rate_hz) ** 3)


@pytest.fixture(scope="module")
def annotator() -> SoundAnnotator:
    return SoundAnnotator.load()


def test_a_stereo_file_is_mixed_and_resampled(tmp_path: Path) -> None:
    left, right = tone(440, 2), tone(440, 2)
    path = write_wave(tmp_path / "a:b.wav", np.stack([left, right], 1))
    sound = decode_mono(path, 16_000)
    assert len(sound) == pytest.approx(32_000, abs=20)
    assert sound.dtype == np.float32
    peak_hz = np.abs(np.fft.rfft(sound)).argmax() * 16_000 / len(sound)
    assert peak_hz == pytest.approx(440, abs=1)


def test_windows_are_spread_over_a_long_file_and_bounded(tmp_path: Path) -> None:
    sound = np.concatenate([tone(200, 30, 8000), tone(800, 30, 8000)])
    path = write_wave(tmp_path / "two.wav", sound, 8000)
    windows = decode_windows(path, 8000, 1.0, 4)
    peaks = [np.abs(np.fft.rfft(window)).argmax() * 8000 / len(window) for window in windows]
    assert [round(peak, -2) for peak in peaks] == [200, 200, 800, 800]
    assert all(len(window) == 8000 for window in windows)
    assert len(decode_windows(path, 8000, 100.0, 4)) == 1


def test_a_tone_lights_its_mel_band() -> None:
    low, high = (log_mel(tone(hz, 1, RATE_HZ).astype(np.float32)).mean(0) for hz in (200, 4000))
    assert low.argmax() < 15 < 60 < high.argmax()
    # By hand: 96 bands of equal steps on Slaney's scale up to 8 kHz (45.245 mel), 1 kHz at 15 mel.
    for hz, band in ((1000, 31), (4000, 74), (7000, 92)):
        full = np.sin(2 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
        heard = log_mel(full)[10:-10].mean(0)
        assert heard.argmax() == band
        if hz == 1000:  # log10(1 + 10,000 * power), the power of two bins in a triangle: 463
            assert heard.max() == pytest.approx(6.67, abs=0.02)
    assert patch(np.ones(100, np.float32)).shape == (PATCH_FRAMES, BANDS)


def test_music_is_annotated(tmp_path: Path, annotator: SoundAnnotator) -> None:
    soft = annotator.annotate(write_wave(tmp_path / "soft.wav", 0.2 * tone(220, 20)))
    loud = annotator.annotate(write_wave(tmp_path / "loud.wav", drums(20)))
    for found in (soft, loud):
        assert len(found.gems) == 9
        assert all(0 <= value <= 1 for value in found.gems.values())
        assert set(found.genre) == {"classical", "electronic", "pop", "rock"}
        assert sum(found.genre.values()) == pytest.approx(1)
        assert 0 < found.confidence < 1
        assert found.point.emotions.sum() == pytest.approx(1, abs=1e-5)
        assert (found.point.valence, found.point.arousal) == (found.valence, found.arousal)
    assert soft.arousal < loud.arousal


@pytest.mark.parametrize(
    ("likeness", "confidence"), [(0.1, 0.24), (0.2, 0.24), (0.5, 0.42), (0.8, 0.6), (0.9, 0.6)]
)
def test_sound_unlike_what_was_learnt_is_less_sure(likeness: float, confidence: float) -> None:
    facts = json.loads(MODEL.with_suffix(".json").read_text(encoding="utf-8"))
    facts["likeness_quantiles_5_50"] = [0.2, 0.8]
    told = np.array([*facts["base_rate"], *[0.25] * len(facts["genres"]), likeness], np.float32)
    unheard = np.zeros((1, PATCH_FRAMES, BANDS), np.float32)
    found = SoundAnnotator(cast(TfliteModel, lambda _: told[None]), facts).annotate_patches(unheard)
    assert found.confidence == pytest.approx(confidence)


def test_only_a_genre_that_is_heard_clearly_is_taken_for_the_genre(
    tmp_path: Path, annotator: SoundAnnotator
) -> None:
    heard = annotator.annotate(write_wave(tmp_path / "a.wav", tone(220, 5)))
    finder = EvidenceFinder()
    for share, genre in ((0.49, ""), (0.51, "rock")):
        mixed = replace(heard, genre={"rock": share, "pop": 0.25, "classical": 0.75 - share})
        finder._annotator = cast(SoundAnnotator, SimpleNamespace(annotate=lambda _, m=mixed: m))
        assert finder.find(tmp_path / "a.wav", Tags("a", "", "", "")).heard_genre == genre


def test_a_file_shorter_than_a_patch_is_heard(tmp_path: Path, annotator: SoundAnnotator) -> None:
    assert annotator.annotate(write_wave(tmp_path / "short.wav", tone(300, 0.5))).genre


def test_bad_files_are_one_clear_line(tmp_path: Path, annotator: SoundAnnotator) -> None:
    good = write_wave(tmp_path / "good.wav", tone(300, 3)).read_bytes()
    contents = {
        "empty.wav": b"", "text.mp3": b"not a sound at all\n" * 200, "header.wav": good[:44],
        "noise.flac": np.random.default_rng(1).bytes(20_000), "picture.ogg": b"\x89PNG\r\n\x1a\n",
    }  # fmt: skip
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(SoundError) as caught:
            annotator.annotate(path)
        assert "\n" not in str(caught.value)
        assert name not in str(caught.value)
    with pytest.raises(SoundError, match=r"^is not there any more$"):
        annotator.annotate(tmp_path / "nowhere.mp3")
    with pytest.raises(SoundError, match=r"^is silent all through$"):
        annotator.annotate(write_wave(tmp_path / "silence.wav", np.zeros((44_100 * 5, 2))))


@pytest.mark.parametrize("seconds", [8, 70])
def test_stereo_whose_channels_cancel_out_is_heard_as_if_they_did_not(
    tmp_path: Path, annotator: SoundAnnotator, seconds: int
) -> None:
    played = drums(seconds)
    right_way = np.stack([played, played], 1)
    expected = annotator.annotate(write_wave(tmp_path / "a.wav", right_way))
    turned = annotator.annotate(write_wave(tmp_path / "b.wav", right_way * (1, -1)))
    assert (turned.valence, turned.arousal) == pytest.approx(
        (expected.valence, expected.arousal), abs=0.01
    )
    assert turned.gems == pytest.approx(expected.gems, abs=0.01)


def test_a_truncated_file_is_heard_as_far_as_it_goes(
    tmp_path: Path, annotator: SoundAnnotator
) -> None:
    whole = write_wave(tmp_path / "whole.wav", drums(20)).read_bytes()
    path = tmp_path / "cut.wav"
    path.write_bytes(whole[: len(whole) // 3])
    assert annotator.annotate(path).genre


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.json"):
        SoundAnnotator.load(tmp_path / "missing.tflite")
