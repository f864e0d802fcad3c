"""Measured on the rendered wave: joins, levels, loudness, and that nothing clicks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.builder.loudness import measure
from device.playback.deck import BLOCK_FRAMES
from device.playback.mix import loudness_gain_db
from device.playback.wire import Ended, NearsEnd, Started
from tests.device.playback.offline_deck import RATE_HZ, OfflineDeck, loudness_lufs, order
from tests.fakes.sounds import noise, sine, write_sound

TONE_HZ = 440.0
LEVEL = 0.5
STEEPEST = LEVEL * 2 * np.pi * TONE_HZ / RATE_HZ
"""The largest step between two samples of the tone itself."""


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    sound = sine(12, TONE_HZ, LEVEL, RATE_HZ)
    return write_sound(tmp_path / "tone.wav", sound, RATE_HZ, "pcm_f32le")


def largest_step(sound: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(sound, axis=0)).max())


def kinds(deck: OfflineDeck) -> list[str]:
    return [
        f"{type(event).__name__}{f' {event.why}' if isinstance(event, Ended) else ''}"
        for event in deck.log
    ]


def halves(tmp_path: Path, ending: str, codec: str = "") -> list[Path]:
    whole, cut = sine(4, TONE_HZ, LEVEL, RATE_HZ), 2 * RATE_HZ + 137
    return [
        write_sound(tmp_path / f"{n}{ending}", half, RATE_HZ, codec)
        for n, half in enumerate((whole[:cut], whole[cut:]))
    ]


@pytest.mark.parametrize(
    ("ending", "codec"), [(".wav", "pcm_f32le"), (".flac", "flac"), (".m4a", "alac")]
)
def test_two_halves_of_a_sine_join_without_a_gap(tmp_path: Path, ending: str, codec: str) -> None:
    deck = OfflineDeck(crossfade_s=0)
    for path in halves(tmp_path, ending, codec):
        deck.play(order(path))
    deck.advance(4.3)
    expected = sine(4, TONE_HZ, LEVEL, RATE_HZ)
    # Between the fades in and out, every sample is the one of the unbroken tone.
    np.testing.assert_allclose(
        deck.sound[4000 : 4 * RATE_HZ - 4000], expected[4000:-4000], atol=1e-4
    )
    assert kinds(deck) == [
        "Started", "Ended finished", "Started", "NearsEnd", "Ended finished",
    ]  # fmt: skip
    assert np.all(deck.sound[4 * RATE_HZ :] == 0)


def test_two_halves_of_an_mp3_join_without_a_click(tmp_path: Path) -> None:
    deck = OfflineDeck(crossfade_s=0)
    for path in halves(tmp_path, ".mp3"):
        deck.play(order(path))
    deck.advance(4.3)
    joint = deck.sound[2 * RATE_HZ - 500 : 2 * RATE_HZ + 1500]
    # The codec itself blurs the cut tone: at a gap of 0 the step would be 8 times as large.
    assert largest_step(joint) < 5 * STEEPEST
    # And its length is that of the original: no padding was played.
    loud = np.flatnonzero(np.abs(deck.sound[:, 0]) > 0.01)
    assert loud[-1] - loud[0] == pytest.approx(4 * RATE_HZ, abs=700)


@pytest.mark.parametrize(("ending", "slack"), [(".mp3", 0.2), (".opus", 0.2), (".m4a", 44.1)])
def test_a_joint_of_lossy_files_keeps_the_beat(tmp_path: Path, ending: str, slack: float) -> None:
    """The tone after the joint has the phase that it would have without one.

    MP4 without Apple's tag states lengths in ms: up to one is lost in the file itself.
    """
    rate_hz = 48_000 if ending == ".opus" else RATE_HZ
    whole, cut = sine(4, TONE_HZ, LEVEL, rate_hz), 2 * rate_hz + 137
    deck = OfflineDeck(crossfade_s=0)
    for number, half in enumerate((whole[:cut], whole[cut:])):
        deck.play(order(write_sound(tmp_path / f"{number}{ending}", half, rate_hz)))
    deck.advance(4.3)
    turning = np.exp(-2j * np.pi * TONE_HZ / RATE_HZ * np.arange(len(deck.sound)))
    phases = (deck.sound[:, 0] * turning)[: 4 * RATE_HZ].reshape(8, -1).mean(axis=1)
    turned = np.angle(phases[5] / phases[2])
    assert abs(turned) / (2 * np.pi * TONE_HZ) * RATE_HZ < slack


def test_the_level_holds_through_a_crossfade(tmp_path: Path) -> None:
    paths = [
        write_sound(tmp_path / f"{n}.wav", white_noise(9, 0.1, n), RATE_HZ, "pcm_f32le")
        for n in range(2)
    ]
    deck = OfflineDeck(crossfade_s=4)
    for path in paths:
        deck.play(order(path))
    deck.advance(14.2)
    window = RATE_HZ // 2
    powers = [
        np.mean(deck.sound[at : at + window].astype(np.float64) ** 2)
        for at in range(RATE_HZ, 13 * RATE_HZ, window)
    ]
    levels_db = 10 * np.log10(powers)
    assert np.abs(levels_db - 20 * np.log10(0.1)).max() < 0.5
    assert kinds(deck)[:3] == ["Started", "Ended finished", "Started"]


def white_noise(seconds: float, level: float, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((round(seconds * RATE_HZ), 2)) * level


def test_ten_unlike_tracks_are_equally_loud(tmp_path: Path) -> None:
    heard = []
    for number, sound in enumerate(unlike_sounds()):
        path = write_sound(tmp_path / f"{number}.flac", sound, RATE_HZ)
        found = measure(path)
        gain_db = loudness_gain_db(
            found.integrated_loudness_lufs, found.true_peak_dbtp, -16.0, -1.0
        )
        deck = OfflineDeck()
        deck.play(order(path, gain_db=gain_db))
        deck.advance(len(sound) / RATE_HZ)
        lufs, peak_dbtp = loudness_lufs(deck.sound)
        heard.append(lufs)
        assert peak_dbtp < -0.8
    assert np.abs(np.asarray(heard) + 16.0).max() < 0.5, heard


def unlike_sounds() -> list[NDArray[np.float64]]:
    """Loud, quiet, mono, bass, bright, bursts, slow swells, with a peak, in the left only."""
    seconds = 6
    time_s = np.arange(seconds * RATE_HZ) / RATE_HZ
    pink = noise(seconds, 0.1, 7, RATE_HZ)
    beats = pink * (0.4 + (time_s % 0.5 < 0.12))[:, None]
    peak = pink.copy()
    peak[RATE_HZ : RATE_HZ + 20] = 0.98
    left = pink.copy()
    left[:, 1] = 0
    return [
        pink * 3,
        pink * 0.3,
        sine(seconds, 1000, 0.9, RATE_HZ),
        sine(seconds, 80, 0.3, RATE_HZ),
        sine(seconds, 6000, 0.1, RATE_HZ),
        beats,
        pink * np.sin(np.pi * time_s / seconds)[:, None],
        peak * 0.9,
        left,
        sine(seconds, 440, 0.06, RATE_HZ, channels=1),
    ]


def test_pause_skip_stop_volume_and_ducking_do_not_click(tone: Path) -> None:
    deck = OfflineDeck(crossfade_s=1)
    acts: list[Callable[[], None]] = [
        lambda: deck.play(order(tone, now=True)),
        deck.pause,
        deck.resume,
        lambda: deck.set_volume(30),
        lambda: deck.set_volume(100),
        lambda: deck.duck(True),
        lambda: deck.duck(False),
        lambda: deck.play(order(tone, now=True, start_s=0.31)),
        lambda: deck.play(order(tone, now=True, start_s=0.77)),
        deck.pause,
        lambda: deck.play(order(tone, now=True)),
        lambda: deck.stop(0.5),
        lambda: deck.play(order(tone, now=True)),
    ]
    for act in acts:
        act()
        deck.advance(0.4)
    # Two tones in a crossfade add up to 1.42 of one at most, three to less than 2.
    assert largest_step(deck.sound) < 2 * STEEPEST


@pytest.mark.parametrize("act", ["pause", "stop", "volume", "duck"])
def test_each_fade_alone_is_as_smooth_as_the_tone(tone: Path, act: str) -> None:
    deck = OfflineDeck()
    deck.play(order(tone))
    deck.advance(0.7)
    acts: dict[str, Callable[[], None]] = {
        "pause": deck.pause,
        "stop": lambda: deck.stop(0.3),
        "volume": lambda: deck.set_volume(0),
        "duck": lambda: deck.duck(True),
    }
    acts[act]()
    deck.advance(0.7)
    assert largest_step(deck.sound) < 1.05 * STEEPEST
    if act != "duck":
        assert np.all(deck.sound[-1000:] == 0)


def test_a_pause_holds_the_position_to_the_sample(tone: Path) -> None:
    deck = OfflineDeck()
    deck.play(order(tone))
    deck.advance(1)
    deck.pause()
    deck.advance(1)
    voice = deck.voice
    assert voice is not None
    held_s = voice.position_s
    assert deck.status == "paused"
    deck.advance(3)
    assert voice.position_s == held_s
    deck.resume()
    deck.advance(1)
    assert voice.position_s > held_s
    assert deck.status == "playing"


def test_a_wave_that_ends_in_its_middle_is_faded(tmp_path: Path) -> None:
    quarter = round(RATE_HZ / TONE_HZ / 4)
    cut = sine(1, TONE_HZ, LEVEL, RATE_HZ)[: RATE_HZ // 2 + quarter]
    deck = OfflineDeck()
    deck.play(order(write_sound(tmp_path / "a.wav", cut, RATE_HZ)))
    deck.advance(0.8)
    assert largest_step(deck.sound) < 1.2 * STEEPEST


def test_an_unplayable_next_is_told_and_the_music_goes_on(tone: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_text("no music")
    deck = OfflineDeck()
    deck.play(order(tone))
    deck.advance(1)
    deck.play(order(bad, now=True))
    deck.advance(1)
    assert kinds(deck) == ["Started", "Ended failed"]
    assert isinstance(deck.log[1], Ended)
    assert "bad.mp3" in deck.log[1].message
    assert deck.status == "playing"


def test_a_skip_forgets_what_was_queued(tone: Path) -> None:
    deck = OfflineDeck(crossfade_s=0.5)
    first, queued, wanted = (order(tone), order(tone), order(tone, now=True))
    for one in (first, queued):
        deck.play(one)
        deck.advance(0.2)
    deck.play(wanted)
    deck.advance(2)
    assert [event.voice for event in deck.log if isinstance(event, Started)] == [
        first.voice, wanted.voice,
    ]  # fmt: skip
    replaced = [e.voice for e in deck.log if isinstance(e, Ended) and e.why == "replaced"]
    assert replaced == [queued.voice, first.voice]


def test_near_the_end_it_asks_once(tone: Path) -> None:
    deck = OfflineDeck(crossfade_s=1)
    deck.play(order(tone))
    deck.advance(0.5)
    assert not any(isinstance(event, NearsEnd) for event in deck.log)
    deck.advance(5)
    assert sum(isinstance(event, NearsEnd) for event in deck.log) == 1


def test_many_quick_skips_end_in_one_voice(tone: Path) -> None:
    deck = OfflineDeck(crossfade_s=2)
    for _ in range(12):
        deck.play(order(tone, now=True))
        deck.advance(BLOCK_FRAMES / RATE_HZ)
    deck.advance(3)
    starts = sum(isinstance(event, Started) for event in deck.log)
    ends = sum(isinstance(event, Ended) for event in deck.log)
    assert (starts, ends) == (12, 11)
    assert np.sqrt(np.mean(deck.sound[-RATE_HZ:, 0] ** 2)) == pytest.approx(
        LEVEL / np.sqrt(2), rel=0.01
    )


def test_another_sample_rate_goes_on_from_the_position(tone: Path) -> None:
    deck = OfflineDeck()
    deck.play(order(tone))
    deck.advance(2)
    voice = deck.voice
    assert voice is not None
    before_s = voice.position_s
    deck.change_rate(48_000)
    assert voice.position_s == pytest.approx(before_s)
    deck.advance(1)
    assert voice.position_s == pytest.approx(before_s + 1, abs=0.15)


def test_after_another_sample_rate_what_waits_still_fades_in(tmp_path: Path) -> None:
    """A card that comes back at another rate must not bring the next track in at full level."""
    silence = write_sound(tmp_path / "0.wav", np.zeros((6 * RATE_HZ, 2)), RATE_HZ)
    loud = write_sound(tmp_path / "1.wav", sine(6, TONE_HZ, LEVEL, RATE_HZ), RATE_HZ)
    deck = OfflineDeck(crossfade_s=2)
    deck.play(order(silence))
    deck.play(order(loud))
    deck.advance(1)
    deck.change_rate(48_000)
    deck.blocks.clear()
    deck.advance(7)
    heard = np.abs(deck.sound[:, 0])
    begins = int(np.flatnonzero(heard > 0.01)[0])
    assert heard[begins : begins + 4_800].max() < LEVEL / 4
    assert heard[begins + 96_000 :].max() == pytest.approx(LEVEL, rel=0.05)


@pytest.mark.parametrize("act", ["stop", "pause", "skip"])
def test_a_card_that_comes_back_brings_no_sound_of_before(
    tone: Path, tmp_path: Path, act: str
) -> None:
    """However late it comes: neither the rest of a fade nor what the limiter still held."""
    deck = OfflineDeck(crossfade_s=2)
    silence = write_sound(tmp_path / "0.wav", np.zeros((6 * RATE_HZ, 2)), RATE_HZ)
    deck.play(order(tone))
    deck.advance(1)
    acts: dict[str, Callable[[], None]] = {
        "stop": lambda: deck.stop(1.5),
        "pause": deck.pause,
        "skip": lambda: deck.play(order(silence, now=True)),
    }
    acts[act]()
    if act == "skip":
        deck.advance(0.5)
    deck.blocks.clear()
    deck.interrupt()
    deck.advance(2)
    assert not np.concatenate(deck.blocks).any()
    ended = [event.why for event in deck.log if isinstance(event, Ended)]
    assert ended == {"stop": ["stopped"], "pause": [], "skip": ["replaced"]}[act]


def test_what_goes_on_after_a_card_came_back_fades_in(tone: Path) -> None:
    deck = OfflineDeck()
    deck.play(order(tone))
    deck.advance(1)
    deck.blocks.clear()
    deck.interrupt()
    deck.advance(1)
    sound = np.concatenate(deck.blocks)
    assert largest_step(sound) < 1.05 * STEEPEST
    assert np.abs(sound[:500]).max() < LEVEL / 8
    assert np.abs(sound[-RATE_HZ // 2 :]).max() == pytest.approx(LEVEL, rel=0.01)


def test_a_pause_that_a_lost_card_cut_short_ends_as_any_other(tone: Path) -> None:
    deck = OfflineDeck()
    deck.play(order(tone))
    deck.advance(1)
    deck.pause()
    deck.interrupt()
    deck.advance(0.5)
    deck.blocks.clear()
    deck.resume()
    deck.advance(1)
    assert largest_step(np.concatenate(deck.blocks)) < 1.05 * STEEPEST
    assert deck.status == "playing"
    assert np.abs(deck.blocks[-1]).max() == pytest.approx(LEVEL, rel=0.01)
