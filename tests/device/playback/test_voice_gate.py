"""A simulated room: loudspeaker, reverberation, a microphone, somebody who speaks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from device.playback.listener import level_dbfs
from device.playback.voice_gate import HOLD_S, WINDOW_S, VoiceGate
from tests.fakes.sounds import noise
from tests.fakes.spoken import RATE_HZ, speech

FRAMES = round(WINDOW_S * RATE_HZ)
DUCK = 10 ** (-18 / 20)
REVERBERATION_S = 0.5
LATENCY_WINDOWS = 5


def decibel(sound: NDArray[np.floating]) -> float:
    return float(10 * np.log10(max(1e-12, np.mean(np.square(sound, dtype=np.float64)))))


def music(seconds: float) -> NDArray[np.float64]:
    """Something with beats, breaks and a swell."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beats = 0.5 + 0.5 * (time_s % 0.5 < 0.15)
    swell = 0.4 + 0.6 * np.abs(np.sin(2 * np.pi * time_s / 11))
    mono: NDArray[np.float64] = noise(seconds, 0.1, 5)[:, 0] * beats * swell
    return mono


@dataclass
class Room:
    """Plays music, lets the gate listen and lowers the music as the kiosk does."""

    music_sounds: bool = True
    echo_db: float = -10.0
    noise_dbfs: float = -60.0
    gate: VoiceGate = field(default_factory=lambda: VoiceGate(-45.0))

    def hear(self, voice: NDArray[np.floating], seconds: float) -> list[bool]:
        """Return for every window whether the gate says that somebody speaks."""
        rng = np.random.default_rng(3)
        played = music(seconds) if self.music_sounds else np.zeros(round(seconds * RATE_HZ))
        tail = np.exp(-6.9 * np.arange(round(REVERBERATION_S * RATE_HZ)) / RATE_HZ / 0.5)
        room = rng.standard_normal(len(tail)) * tail
        room *= 10 ** (self.echo_db / 20) / np.sqrt(np.sum(room**2))
        coming = np.zeros(len(played) + len(room) + 10 * FRAMES)
        gain, levels, said = 1.0, [-120.0] * 12, []
        for at in range(0, len(played) - FRAMES, FRAMES):
            goal = DUCK if self.gate.speaking else 1.0
            gain += (goal - gain) * (0.3 if goal < gain else 0.1)
            part = played[at : at + FRAMES] * gain
            levels = [*levels[1:], decibel(part)]
            size = 2 ** int(np.ceil(np.log2(FRAMES + len(room))))
            heard = np.fft.irfft(np.fft.rfft(part, size) * np.fft.rfft(room, size), size)
            later = at + LATENCY_WINDOWS * FRAMES
            coming[later : later + FRAMES + len(room)] += heard[: FRAMES + len(room)]
            ambient = rng.standard_normal(FRAMES) * 10 ** (self.noise_dbfs / 20)
            at_microphone = coming[at : at + FRAMES] + ambient + voice[at : at + FRAMES]
            samples = np.clip(at_microphone * 32768, -32768, 32767).astype(np.int16)
            level = level_dbfs(memoryview(samples.tobytes()).cast("h"))
            said.append(self.gate.update(level, max(levels)))
        return said


def talk(seconds: float, start_s: float, length_s: float, level: float) -> NDArray[np.float64]:
    """Return silence with somebody speaking in it."""
    voice = np.zeros(round(seconds * RATE_HZ))
    start, frames = round(start_s * RATE_HZ), round(length_s * RATE_HZ)
    voice[start : start + frames] = speech(length_s, level)[:, 0][:frames]
    return voice


def share(said: list[bool], start_s: float, end_s: float) -> float:
    part = said[round(start_s / WINDOW_S) : round(end_s / WINDOW_S)]
    return sum(part) / len(part)


@pytest.mark.parametrize("echo_db", [-30.0, -10.0, 3.0])
def test_music_alone_is_never_taken_for_a_voice(echo_db: float) -> None:
    room = Room(echo_db=echo_db)
    assert not any(room.hear(np.zeros(25 * RATE_HZ), 25))


def test_somebody_who_speaks_over_the_music_is_heard_all_the_time() -> None:
    room = Room()
    said = room.hear(talk(26, 10, 10, level=0.15), 26)
    assert share(said, 0, 10) == 0
    assert share(said, 10.6, 20) == 1
    assert share(said, 20 + HOLD_S + 0.3, 26) == 0


def test_without_music_a_voice_is_heard_too_and_a_whisper_is_not() -> None:
    said = Room(music_sounds=False).hear(talk(20, 8, 4, level=0.05), 20)
    assert share(said, 0, 8) == 0
    assert share(said, 8.6, 12) == 1
    assert not any(Room(music_sounds=False).hear(talk(12, 8, 3, level=0.002), 12))


def test_a_bang_is_ignored() -> None:
    bang = np.zeros(20 * RATE_HZ)
    bang[10 * RATE_HZ : 10 * RATE_HZ + RATE_HZ // 10] = 0.9 * np.sign(
        np.sin(np.arange(RATE_HZ // 10))
    )
    assert not any(Room().hear(bang, 20))


@pytest.mark.slow
def test_a_vacuum_cleaner_becomes_part_of_the_room() -> None:
    cleaner = np.zeros(100 * RATE_HZ)
    cleaner[10 * RATE_HZ :] = np.random.default_rng(1).standard_normal(90 * RATE_HZ) * 0.15
    said = Room().hear(cleaner, 100)
    assert share(said, 11, 40) == 1
    assert share(said, 75, 99) == 0
