"""Songs that fade out by themselves, and the crossfade that follows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.playback.endings import EARLIER_S, ENTRY_S, FADED, STEP_S, Ending
from device.playback.mix import EqualPowerFade
from tests.device.playback.offline_deck import RATE_HZ, OfflineDeck, order
from tests.fakes.sounds import write_sound

WHOLE_S, FADE_S = 20, 4


def noise(envelope: NDArray[np.float64], seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (0.1 * envelope[:, None] * rng.standard_normal((len(envelope), 2))).astype(np.float32)


def fading(over_s: float, drop_db: float) -> NDArray[np.float64]:
    """Return the envelope of 20 s that lose ``drop_db`` in their last seconds."""
    left_s = WHOLE_S - np.arange(WHOLE_S * RATE_HZ) / RATE_HZ
    return np.asarray(10 ** (-drop_db / 20 * np.clip(1 - left_s / over_s, 0, 1)))


def crossed(tmp_path: Path, envelope: NDArray[np.float64]) -> OfflineDeck:
    """Return the deck after a song of that envelope was followed by an even one."""
    deck = OfflineDeck(crossfade_s=FADE_S)
    for number, shape in enumerate((envelope, np.ones(12 * RATE_HZ))):
        path = tmp_path / f"{number}.wav"
        deck.play(order(write_sound(path, noise(shape, number), RATE_HZ, "pcm_f32le")))
    deck.advance(WHOLE_S + 4)
    return deck


def levels_db(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the level of each half second over that of the even song."""
    half = RATE_HZ // 2
    whole = sound[: len(sound) // half * half].astype(np.float64)
    power = np.square(whole).mean(axis=1).reshape(-1, half).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-9)) + 20)


@pytest.mark.parametrize(("over_s", "drop_db"), [(3, 40), (5, 40), (8, 50), (10, 30)])
def test_a_song_that_fades_by_itself_leaves_no_hole(
    tmp_path: Path, over_s: float, drop_db: float
) -> None:
    """The usual crossfade, begun 4 s before the end, left up to 23 dB less for up to 4.5 s."""
    levels = levels_db(crossed(tmp_path, fading(over_s, drop_db)).sound)[WHOLE_S:]
    assert levels.min() > -12
    assert np.count_nonzero(levels < -6) <= 4
    assert levels.max() < 0.5


def test_an_even_song_is_crossed_as_ever(tmp_path: Path) -> None:
    deck = crossed(tmp_path, np.ones(WHOLE_S * RATE_HZ))
    ended = next(event for event in deck.log if hasattr(event, "played_s"))
    assert ended.played_s == pytest.approx(WHOLE_S - FADE_S, abs=0.1)
    assert np.abs(levels_db(deck.sound)[2:]).max() < 0.5


def test_a_pause_in_the_music_is_no_end() -> None:
    envelope = np.ones(10 * RATE_HZ)
    envelope[2 * RATE_HZ : 8 * RATE_HZ] = 0.01
    assert Ending.of(noise(envelope), RATE_HZ).crossfade_frames(4 * RATE_HZ, RATE_HZ) == 4 * RATE_HZ


def test_the_next_song_begins_where_the_last_has_faded_but_not_much_too_early() -> None:
    for quiet_s, begins_s in ((2, 4), (6, 6), (9.5, 8)):
        envelope = np.ones(10 * RATE_HZ)
        envelope[round((10 - quiet_s) * RATE_HZ) :] = FADED / 2
        ending = Ending.of(noise(envelope), RATE_HZ)
        frames = ending.crossfade_frames(FADE_S * RATE_HZ, RATE_HZ)
        assert frames / RATE_HZ == pytest.approx(begins_s, abs=0.5)
        assert frames <= (FADE_S + EARLIER_S) * RATE_HZ


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=100),
    st.integers(1, 10 * RATE_HZ),
)
def test_the_two_have_the_power_of_one(shares: list[float], frames: int) -> None:
    step = round(STEP_S * RATE_HZ)
    falling = np.array([1.0, *sorted(shares, reverse=True)])
    ends, begins = Ending(falling, step).course(frames, RATE_HZ)
    for levels, last in ((ends, 0.0), (begins, 1.0)):
        assert np.all((levels >= 0) & (levels <= 1))
        assert levels[-1] == last
    at = frames / len(ends) * np.arange(1, len(ends) + 1)
    left = np.interp(at, frames - step * np.arange(len(falling) - 1, -1, -1), falling)
    power = np.square(left * np.sin(ends * np.pi / 2)) + np.square(np.sin(begins * np.pi / 2))
    assert np.all(power < 1 + 1e-9)
    assert power[at > ENTRY_S * RATE_HZ] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("frames", [0, 1, 100, 4409, 4410, 4411])
def test_little_or_nothing_in_hand_is_no_fade(frames: int) -> None:
    for sound in (np.zeros((frames, 2), np.float32), np.ones((frames, 2), np.float32)):
        ending = Ending.of(sound, RATE_HZ)
        assert ending.crossfade_frames(882, RATE_HZ) == 882
        assert ending.course(max(1, frames), RATE_HZ)[0][-1] == 0


def test_a_tail_too_faint_for_float32_to_square_is_no_noise_at_the_card() -> None:
    """Reverberations in float fade for ever: a share of 0 / 0 gave four seconds of NaN."""
    sound = np.full((10 * RATE_HZ, 2), 1e-25, np.float32)
    assert np.isfinite(Ending.of(sound, RATE_HZ).shares).all()


def test_a_fade_through_many_levels_has_no_step_and_ends_where_it_should() -> None:
    fade = EqualPowerFade(1.0)
    fade.along(np.array([0.9, 0.9, 0.2, 0.0]), 5000)
    parts = [fade.gains(size) for size in (1024, 3000, 2000)]
    path = np.concatenate([np.broadcast_to(part, (len(part), 1)) for part in parts])  # type: ignore[arg-type]
    assert np.abs(np.diff(path[:, 0])).max() < 0.7 * np.pi / 2 / 1250 * 1.01
    assert path[4999] == 0
    assert fade.silent
    assert fade.gains(64) == 0.0
