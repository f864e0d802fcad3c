"""What is heard, measured on the rendered wave: gaps, clicks, levels, loudness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.config import PlaybackSettings
from device.playback.decode import DecodeError, decode
from device.playback.engine import Engine
from device.playback.mix import Fade, Limiter, Ramp, db_to_gain, track_gain, volume_gain
from device.playback.output import BLOCK_FRAMES, RATE_HZ
from tests.fakes.sounds import CODECS, noise, sine, write_sound

LOUD = {"volume_percent": 100.0, "crossfade_s": 0.0}


def an_engine(**settings: Any) -> Engine:
    return Engine(json.loads(PlaybackSettings(**(LOUD | settings)).model_dump_json()))


def a_track(path: Path, number: int = 1, **known: Any) -> dict[str, Any]:
    track = {
        "track_id": number, "path": str(path), "duration_s": 2.0,
        # A gain of 0 dB at the default target, so that levels can be compared.
        "integrated_loudness_lufs": -16.0, "true_peak_dbtp": -3.0,
        "lead_silence_s": 0.0, "tail_silence_s": 0.0,
    }  # fmt: skip
    return track | known


def render(engine: Engine, seconds: float) -> NDArray[np.float32]:
    blocks = [engine.render() for _ in range(round(seconds * RATE_HZ / BLOCK_FRAMES))]
    return np.concatenate(blocks)


def reports(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def sounding(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut the silence before and after."""
    loud = np.flatnonzero(np.abs(sound[:, 0]) > 1e-4)
    return sound[loud[0] : loud[-1] + 1]


def biggest_step(sound: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(sound, axis=0)).max())


SINE_STEP = 2 * np.pi * 440 / RATE_HZ * 0.5
"""Largest difference of neighbouring samples in the test's sine."""


def test_two_halves_of_a_sine_join_without_a_gap(tmp_path: Path) -> None:
    whole = sine(2.0)
    cut = 48_000 + 337
    first = write_sound(tmp_path / "a.flac", whole[:cut])
    second = write_sound(tmp_path / "b.flac", whole[cut:])
    engine = an_engine()
    engine.obey({"order": "play", "track": a_track(first, 1)})
    engine.obey({"order": "queue", "track": a_track(second, 2)})
    heard = sounding(render(engine, 2.5))
    assert len(heard) == pytest.approx(len(whole), abs=4)
    expected = whole[1 : len(heard) + 1]
    assert np.abs(heard - expected[: len(heard)]).max() < 2e-3


def test_a_crossfade_keeps_the_level_of_unlike_music(tmp_path: Path) -> None:
    first = write_sound(tmp_path / "a.flac", noise(6, 0.1, 1))
    second = write_sound(tmp_path / "b.flac", noise(6, 0.1, 2))
    engine = an_engine(crossfade_s=2.0)
    engine.obey({"order": "play", "track": a_track(first, 1, duration_s=6.0)})
    engine.obey({"order": "queue", "track": a_track(second, 2, duration_s=6.0)})
    heard = render(engine, 9.5)
    levels = [
        20 * np.log10(heard[at : at + RATE_HZ // 2].std())
        for at in range(RATE_HZ, 9 * RATE_HZ, RATE_HZ // 4)
    ]
    middle = [
        20 * np.log10(heard[round(s * RATE_HZ) : round((s + 1) * RATE_HZ)].std()) for s in (4.5,)
    ]
    assert middle[0] == pytest.approx(np.median(levels), abs=0.5)


@pytest.mark.parametrize(
    "orders",
    [
        [{"order": "pause"}, {"order": "resume"}],
        [{"order": "stop", "fade_s": 0.5}],
        [{"order": "volume", "percent": 20}, {"order": "volume", "percent": 90}],
        [{"order": "volume", "percent": 0}],
        [{"order": "duck", "on": True}, {"order": "duck", "on": False}],
        [{"order": "play"}],
    ],
)
def test_nothing_clicks(tmp_path: Path, orders: list[dict[str, Any]]) -> None:
    path = write_sound(tmp_path / "a.flac", sine(8.0))
    other = write_sound(tmp_path / "b.flac", sine(8.0, hz=330))
    engine = an_engine(crossfade_s=1.0)
    engine.obey({"order": "play", "track": a_track(path, 1, duration_s=8.0)})
    parts = [render(engine, 1.0)]
    for order in orders:
        engine.obey(order | {"track": a_track(other, 2, duration_s=8.0)})
        parts.append(render(engine, 0.7))
    heard = np.concatenate(parts)[2 * BLOCK_FRAMES :]
    assert biggest_step(heard) < 1.6 * SINE_STEP


def test_pause_holds_the_place_and_stop_is_silent(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", sine(8.0))
    engine = an_engine()
    engine.obey({"order": "play", "track": a_track(path, 1, duration_s=8.0)})
    render(engine, 1)
    engine.obey({"order": "pause"})
    render(engine, 0.5)
    assert engine.current is not None
    held = engine.current.position_s
    assert np.abs(render(engine, 1)).max() == 0
    assert engine.current.position_s == held
    engine.obey({"order": "resume"})
    assert np.abs(render(engine, 0.5)).max() > 0.4
    engine.obey({"order": "stop", "fade_s": 0.2})
    render(engine, 0.5)
    assert np.abs(render(engine, 0.3)).max() == 0
    assert engine.state(None, "")["track_id"] is None


def test_loudness_is_levelled_across_unlike_tracks(tmp_path: Path) -> None:
    measured = []
    for number, level in enumerate((0.01, 0.05, 0.2)):
        path = write_sound(tmp_path / f"{number}.flac", noise(5, level, number))
        before = loudness(path)
        engine = an_engine(target_lufs=-20.0)
        track = a_track(path, 1, duration_s=5.0, integrated_loudness_lufs=before,
                        true_peak_dbtp=-20.0)  # fmt: skip
        engine.obey({"order": "play", "track": track})
        played = write_sound(tmp_path / f"{number}p.flac", sounding(render(engine, 4.5)))
        if before > -20 - 12:
            measured.append(loudness(played))
    assert len(measured) >= 2
    assert measured == pytest.approx([-20.0] * len(measured), abs=0.5)


def loudness(path: Path) -> float:
    """Return the EBU R128 integrated loudness as FFmpeg's filter measures it."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "metadata=1")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        value = float("nan")
        for frame in container.decode(stream):
            graph.push(frame)
            while True:
                try:
                    out = graph.pull()
                except (av.BlockingIOError, av.EOFError):
                    break
                value = float(out.metadata.get("lavfi.r128.I", value))
    return value


@pytest.mark.parametrize("ending", CODECS)
def test_every_format_people_own_is_decoded(tmp_path: Path, ending: str) -> None:
    rate_hz = 48_000 if ending == ".opus" else 44_100
    path = write_sound(tmp_path / f"a{ending}", sine(1.0, rate_hz=rate_hz), rate_hz)
    sound = np.concatenate(list(decode(path, RATE_HZ)))
    assert len(sound) == pytest.approx(RATE_HZ, abs=0.06 * RATE_HZ)
    peak_hz = np.abs(np.fft.rfft(sound[: RATE_HZ // 2, 0])).argmax() * 2
    assert peak_hz == pytest.approx(440, abs=4)


@pytest.mark.parametrize(
    ("channels", "rate_hz", "codec"),
    [
        (1, 8_000, "pcm_u8"),
        (2, 96_000, "pcm_s24le"),
        (6, 48_000, "pcm_f32le"),
        (8, 192_000, "pcm_s32le"),
    ],
)  # fmt: skip
def test_any_channels_rate_and_width_become_stereo(
    tmp_path: Path, channels: int, rate_hz: int, codec: str
) -> None:
    path = write_sound(
        tmp_path / "a.wav", sine(0.5, rate_hz=rate_hz, channels=channels), rate_hz, codec
    )
    sound = np.concatenate(list(decode(path, RATE_HZ)))
    assert sound.shape[1] == 2
    assert len(sound) == pytest.approx(RATE_HZ / 2, abs=64)
    assert np.abs(sound).max() > 0.2


def test_a_start_is_exact(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", sine(2.0))
    late = np.concatenate(list(decode(path, RATE_HZ, start_s=0.5)))
    whole = np.concatenate(list(decode(path, RATE_HZ)))
    assert np.array_equal(late, whole[RATE_HZ // 2 :])


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "gone"), (b"", "cannot be played"), (b"no music at all" * 99, "cannot be played")],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "song.mp3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DecodeError, match=word) as caught:
        list(decode(path, RATE_HZ))
    assert str(path) in str(caught.value)


def test_a_truncated_file_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", sine(4.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sound = np.concatenate(list(decode(path, RATE_HZ)))
    assert len(sound) > RATE_HZ


def test_tracks_that_fail_are_said_and_never_skipped_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = an_engine()
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"junk" * 1000)
    engine.obey({"order": "play", "track": a_track(bad, 0)})
    for number in range(1, 10):
        said = reports(capsys)
        if not any(report["event"] == "wants_next" for report in said):
            break
        engine.obey({"order": "queue", "track": a_track(bad, number)})
    assert number == 5
    assert "tracks in a row cannot be played" in engine.message
    assert np.abs(render(engine, 0.2)).max() == 0


def test_silences_are_cut_at_both_ends(tmp_path: Path) -> None:
    silence = np.zeros((RATE_HZ, 2))
    path = write_sound(tmp_path / "a.flac", np.concatenate([silence, sine(1.0), silence]))
    engine = an_engine()
    track = a_track(path, lead_silence_s=1.0, tail_silence_s=1.0, duration_s=3.0)
    engine.obey({"order": "play", "track": track})
    heard = render(engine, 3.0)
    first, last = np.flatnonzero(np.abs(heard[:, 0]) > 1e-3)[[0, -1]]
    assert first < 2 * BLOCK_FRAMES
    assert last - first == pytest.approx(RATE_HZ, abs=64)


@given(st.lists(st.floats(0, 4), min_size=2, max_size=12))
def test_the_limiter_keeps_every_peak_below_the_ceiling(levels: list[float]) -> None:
    limiter = Limiter(0.9, 64)
    rng = np.random.default_rng(3)
    for level in [*levels, 0.0]:
        block = (level * rng.uniform(-1, 1, (64, 2))).astype(np.float32)
        assert np.abs(limiter.push(block)).max() <= 0.9 + 1e-5


@given(st.integers(1, 5000), st.integers(1, 700))
def test_fades_in_and_out_keep_the_power(total: int, step: int) -> None:
    into, out = Fade(total, out=False), Fade(total, out=True)
    for _ in range(0, total, step):
        power = into.take(step) ** 2 + out.take(step) ** 2
        assert power == pytest.approx(1, abs=1e-5)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 400), st.integers(1, 150))
def test_a_ramp_is_even_and_arrives(start: float, goal: float, frames: int, step: int) -> None:
    ramp = Ramp(start)
    ramp.to(goal, frames)
    gains = np.concatenate([ramp.take(step)[:, 0] for _ in range(frames // step + 1)])
    assert gains[-1] == pytest.approx(goal, abs=1e-6)
    assert np.abs(np.diff(gains)).max(initial=0) <= abs(goal - start) / frames + 1e-6


def test_gains_have_the_levels_they_promise() -> None:
    assert track_gain(-26.0, -12.0, -16.0, -1.0) == pytest.approx(db_to_gain(10))
    assert track_gain(-26.0, -5.0, -16.0, -1.0) == pytest.approx(db_to_gain(4))
    assert track_gain(-8.0, 0.5, -16.0, -1.0) == pytest.approx(db_to_gain(-8))
    assert track_gain(-60.0, -40.0, -16.0, -1.0) == pytest.approx(db_to_gain(12))
    assert volume_gain(0) == 0
    assert volume_gain(100) == 1
