"""Sound that runs out under way: taken away and brought back without a step, and counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from device.playback import prefetch
from device.playback.deck import BLOCK_FRAMES, Deck, DeckSettings
from device.playback.decode import SoundFile
from device.playback.limiter import Limiter
from device.playback.prefetch import Prefetch
from device.playback.voice import STARVED_FADE, Source
from tests.device.playback.offline_deck import RATE_HZ, order
from tests.fakes.sounds import sine, write_sound

LEVEL = 0.5
STEEPEST = LEVEL * 2 * np.pi * 440 / RATE_HZ
BLOCKS = 100


class Trickle:
    """A tone that is there only as far as the disk has come."""

    error = ""

    def __init__(self, there: int) -> None:
        self.sound = sine(BLOCKS * BLOCK_FRAMES / RATE_HZ, 440, LEVEL, RATE_HZ).astype(np.float32)
        self.there = there
        self.at = 0

    @property
    def available(self) -> int:
        return self.there - self.at

    @property
    def ended(self) -> bool:
        return self.there == len(self.sound)

    @property
    def remaining(self) -> int:
        return len(self.sound) - self.at

    def read(self, frames: int) -> NDArray[np.float32]:
        taken = self.sound[self.at : min(self.at + frames, self.there)]
        self.at += len(taken)
        return taken

    def in_hand(self) -> NDArray[np.float32]:
        return self.sound[self.at : self.there]

    def close(self) -> None:
        pass


def playing(source: Source) -> Deck:
    deck = Deck(DeckSettings(volume_percent=100), lambda *_: source, RATE_HZ)
    deck.play(order(Path("tone")))
    return deck


def rendered(deck: Deck, blocks: int) -> NDArray[np.float32]:
    return np.concatenate([deck.render() for _ in range(blocks)])


def largest_step(sound: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(sound, axis=0)).max())


@pytest.mark.parametrize("beyond_edge", [0, 1, 100, 500, BLOCK_FRAMES - 1])
def test_sound_that_runs_out_goes_and_comes_back_without_a_step(beyond_edge: int) -> None:
    source = Trickle(20 * BLOCK_FRAMES + beyond_edge)
    deck = playing(source)
    before = rendered(deck, 40)
    source.there = len(source.sound)
    whole = np.concatenate([before, rendered(deck, 20)])[Limiter.delay_frames :]
    assert largest_step(whole) < 1.05 * STEEPEST
    assert deck.starved == 1
    gone = source.sound[: 20 * BLOCK_FRAMES + beyond_edge]
    heard = slice(RATE_HZ // 10, len(gone) - STARVED_FADE)
    np.testing.assert_array_equal(whole[heard], gone[heard])
    assert not whole[len(gone) + STARVED_FADE : 40 * BLOCK_FRAMES - Limiter.delay_frames].any()
    assert np.abs(whole[-RATE_HZ // 10 :]).max() == pytest.approx(LEVEL, rel=0.01)


def test_sound_that_comes_just_in_time_is_left_as_it_is() -> None:
    """The store is empty after every block, and filled before the next one is asked for."""
    early, late = Trickle(BLOCKS * BLOCK_FRAMES), Trickle(15 * BLOCK_FRAMES)
    decks = playing(early), playing(late)
    for _ in range(BLOCKS):
        blocks = [deck.render() for deck in decks]
        np.testing.assert_array_equal(blocks[0], blocks[1])
        late.there = min(len(late.sound), max(late.there, late.at + BLOCK_FRAMES))
    assert decks[1].starved == 0
    assert late.ended


def test_a_fade_that_the_disk_cuts_short_is_over() -> None:
    source = Trickle(20 * BLOCK_FRAMES)
    deck = playing(source)
    rendered(deck, 18)
    deck.stop(10.0)
    rendered(deck, 10)
    source.there = len(source.sound)
    assert not rendered(deck, 10).any()
    assert deck.starved == 1


def test_opening_anew_for_another_rate_is_no_stall() -> None:
    source = Trickle(BLOCKS * BLOCK_FRAMES)
    deck = playing(source)
    rendered(deck, 20)
    source.there = source.at
    deck.change_rate(48_000)
    deck.interrupt()
    assert not rendered(deck, 20).any()
    assert deck.starved == 0


@pytest.mark.parametrize("ending", [".wav", ".flac", ".mp3"])
@pytest.mark.parametrize("stall_after", [24, 26, 28])
def test_a_disk_that_stalls_does_not_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, stall_after: int
) -> None:
    """Blocks of WAV and FLAC are parts of ours: the store runs empty just where one ends."""
    stalled, goes_on = threading.Event(), threading.Event()

    class StallingFile(SoundFile):
        def blocks(self) -> Iterator[NDArray[np.float32]]:
            for number, block in enumerate(super().blocks()):
                if number == stall_after:
                    stalled.set()
                    assert goes_on.wait(20)
                yield block

    monkeypatch.setattr(prefetch, "SoundFile", StallingFile)
    path = write_sound(tmp_path / f"tone{ending}", sine(8, 440, LEVEL, RATE_HZ), RATE_HZ)
    source = Prefetch(path, RATE_HZ, 0.0, None, 10**9)
    deck = playing(source)
    assert stalled.wait(20)
    before = rendered(deck, 100)
    goes_on.set()
    assert source.wait(10**9, 20)
    whole = np.concatenate([before, rendered(deck, 20)])
    assert largest_step(whole) < 1.05 * STEEPEST
    assert deck.starved == 1
    assert np.abs(whole[-BLOCK_FRAMES:]).max() == pytest.approx(LEVEL, rel=0.05)
