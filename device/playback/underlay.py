"""Music under a recorded voice: the kiosk's own deck, ducked where somebody speaks.

The voice is brought to the target loudness, the music starts before it, gives way shortly
before each stretch of speech, comes back in the pauses and fades out after the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.playback.deck import BLOCK_FRAMES, DUCK_S, Deck, DeckSettings
from device.playback.decode import SoundFile
from device.playback.encode import RATE_HZ, SoundWriter
from device.playback.limiter import Limiter
from device.playback.mix import amplitude
from device.playback.prefetch import Prefetch
from device.playback.speech import Stretch
from device.playback.wire import Ended, NearsEnd, PlayOrder, Started

DECODE_TIMEOUT_S = 30.0
BLOCK_S = BLOCK_FRAMES / RATE_HZ
SETTLE_S = 0.2
"""The music has given way so long before the first word."""


class UnderlayError(Exception):
    """Voice and music cannot be put together; one line for a person."""


@dataclass(frozen=True, slots=True)
class Bed:
    """A piece of music to lie under the voice."""

    path: Path
    start_s: float
    end_s: float | None
    gain_db: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is put together, and how."""

    voice: Path
    voice_gain_db: float
    voice_s: float
    speech: tuple[Stretch, ...]
    beds: tuple[Bed, ...]
    """In the order in which they follow each other; begun anew when all have played."""
    duck_db: float = -18.0
    crossfade_s: float = 4.0
    lead_s: float = 2.0
    tail_s: float = 4.0
    true_peak_limit_dbtp: float = -1.0

    @property
    def length_s(self) -> float:
        """Of the whole."""
        return self.lead_s + self.voice_s + self.tail_s


@dataclass(frozen=True, slots=True)
class Underlay:
    """What came out; levels in dB of power (RMS) over the speech."""

    length_s: float
    used: tuple[Path, ...]
    voice_over_music_db: float | None
    """While somebody speaks; None where nobody does."""


def lay_under(plan: Plan, out: Path) -> Underlay:
    """Write voice and music to ``out``, as fast as it goes.

    Raises:
        UnderlayError: none of the music can be played.
        device.playback.decode.DecodeError: the voice cannot be read.
        device.playback.encode.EncodeError: ``out`` cannot be written.
    """
    music = _Music(plan)
    limiter = Limiter(plan.true_peak_limit_dbtp, RATE_HZ)
    balance = _Balance()
    frames = round(plan.length_s * RATE_HZ)
    skip = limiter.delay_frames
    try:
        with SoundFile(plan.voice, RATE_HZ) as sound, SoundWriter(out) as writer:
            voice = _Blocks(sound, round(plan.lead_s * RATE_HZ), amplitude(plan.voice_gain_db))
            for at in range(0, frames + skip, BLOCK_FRAMES):
                under, speaks = music.block(at / RATE_HZ)
                over = voice.next()
                if speaks:
                    balance.add(over, under)
                mixed = limiter.process(over + under)[skip:]
                skip = max(0, skip - BLOCK_FRAMES)
                writer.write(mixed[: frames + limiter.delay_frames - at])
    finally:
        music.close()
    return Underlay(plan.length_s, tuple(music.used), balance.difference_db)


class _Music:
    """The deck, fed with one bed after the other and ducked by the plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sources: list[Prefetch] = []
        settings = DeckSettings(
            crossfade_s=plan.crossfade_s, duck_db=plan.duck_db,
            true_peak_limit_dbtp=plan.true_peak_limit_dbtp, volume_percent=100.0,
        )  # fmt: skip
        self._deck = Deck(settings, self._open, RATE_HZ)
        self._beds: dict[int, Bed] = {}
        self._faults: dict[Bed, str] = {}
        self._stopped = False
        self.used: list[Path] = []
        self._queue()

    def block(self, at_s: float) -> tuple[NDArray[np.float32], bool]:
        """Return the music of a block and whether somebody speaks in all of it."""
        plan, voice_s = self._plan, at_s - self._plan.lead_s
        early_s = voice_s + DUCK_S + SETTLE_S
        ducked = any(one.start_s <= early_s and voice_s < one.end_s for one in plan.speech)
        if ducked != self._deck.ducked:
            self._deck.duck(ducked)
        if not self._stopped and at_s >= plan.length_s - plan.tail_s:
            self._stopped = True
            self._deck.stop(max(BLOCK_S, plan.tail_s - 2 * BLOCK_S))
        self._wait()
        block = self._deck.render()
        self._hear()
        speaks = any(one.start_s <= voice_s < one.end_s - BLOCK_S for one in plan.speech)
        return block, speaks

    def close(self) -> None:
        """Stop all decoding."""
        for source in self._sources:
            source.close()

    def _open(self, order: PlayOrder, rate_hz: int, start_s: float) -> Prefetch:
        ahead = round((self._plan.crossfade_s + 2.0) * rate_hz)
        source = Prefetch(Path(order.path), rate_hz, start_s, order.end_s, ahead)
        self._sources = [*(one for one in self._sources if not one.closed), source]
        return source

    def _wait(self) -> None:
        """Let decoding get ahead: here nothing is bound to real time."""
        wanted = round((self._plan.crossfade_s + 1.0) * RATE_HZ)
        for source in self._sources:
            if not source.closed and not source.wait(wanted, DECODE_TIMEOUT_S):
                raise UnderlayError("the music is decoded too slowly: is the disk still there?")

    def _queue(self) -> None:
        """Have the next bed follow, leaving out those that cannot be played."""
        playable = [bed for bed in self._plan.beds if bed not in self._faults]
        if not playable:
            raise UnderlayError("; ".join(self._faults.values()) or "there is no music")
        number = len(self._beds)
        bed = playable[number % len(playable)]
        self._beds[number] = bed
        self._deck.play(
            PlayOrder(number, str(bed.path), bed.start_s, bed.end_s, bed.gain_db, now=False)
        )

    def _hear(self) -> None:
        for event in self._deck.take_events():
            match event:
                case Started():
                    self.used.append(self._beds[event.voice].path)
                case NearsEnd() if not self._stopped:
                    self._queue()
                case Ended(why="failed") if not self._stopped:
                    self._faults[self._beds[event.voice]] = event.message
                    self._queue()


class _Blocks:
    """The voice in blocks, silence before and after it."""

    def __init__(self, sound: SoundFile, lead_frames: int, gain: float) -> None:
        self._blocks: Iterator[NDArray[np.float32]] = sound.blocks()
        self._held = np.zeros((lead_frames, 2), np.float32)
        self._gain = np.float32(gain)

    def next(self) -> NDArray[np.float32]:
        """Return the next ``BLOCK_FRAMES`` frames."""
        parts = [self._held]
        have = len(self._held)
        while have < BLOCK_FRAMES:
            block = next(self._blocks, None)
            if block is None:
                block = np.zeros((BLOCK_FRAMES - have, 2), np.float32)
            parts.append(block * self._gain)
            have += len(block)
        joined = np.concatenate(parts)
        self._held = joined[BLOCK_FRAMES:]
        return joined[:BLOCK_FRAMES]


class _Balance:
    """Power of voice and music while somebody speaks."""

    def __init__(self) -> None:
        self._voice = 0.0
        self._music = 0.0

    def add(self, voice: NDArray[np.float32], music: NDArray[np.float32]) -> None:
        self._voice += float(np.square(voice, dtype=np.float64).sum())
        self._music += float(np.square(music, dtype=np.float64).sum())

    @property
    def difference_db(self) -> float | None:
        """Voice over music; None without either."""
        if self._voice == 0.0 or self._music == 0.0:
            return None
        return float(10.0 * np.log10(self._voice / self._music))
