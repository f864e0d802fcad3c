"""Tells a voice from the kiosk's own music in the level of a microphone.

The microphone hears the loudspeaker too. How loud is learnt: the usual difference between what
it hears and what is played. Only what is clearly louder than that, and than the noise of the
room, is somebody speaking. Levels alone cannot tell a voice from a slammed door; a bark of 0.1 s
is ignored, a vacuum cleaner becomes part of the room within a minute.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

WINDOW_S = 0.05
MEMORY_S = 30.0
LEARNT_AFTER_S = 2.0
"""The music is not lowered before it is known how loud the microphone hears it."""

NOISE_QUANTILE = 0.2
ECHO_QUANTILE = 0.75
"""Of what the microphone hears per music played: voices are there for less of the time."""

MARGIN_DB = 8.0
"""Above what is expected: a voice at one metre (60 dB(A), ISO 9921) over quiet music."""

ATTACK_WINDOWS, ATTACK_NEEDED = 4, 3
HOLD_S = 1.5
"""Pauses inside speech are mostly shorter than a second (Goldman-Eisler 1968)."""

LONGEST_VOICE_S = 45.0
"""What stays loud for so long without a pause is no voice: it is learnt as part of the room."""

MUSIC_SILENT_DB = -70.0


class VoiceGate:
    """Takes a microphone's level twenty times a second; says whether somebody speaks."""

    def __init__(self, threshold_dbfs: float) -> None:
        self._threshold_dbfs = threshold_dbfs
        windows = round(MEMORY_S / WINDOW_S)
        self._noise: deque[float] = deque(maxlen=windows)
        self._echo: deque[float] = deque(maxlen=windows)
        self._lately: deque[bool] = deque(maxlen=ATTACK_WINDOWS)
        self._hold = 0
        self._held = 0

    @property
    def speaking(self) -> bool:
        """True while somebody speaks and shortly after."""
        return self._hold > 0

    def update(self, microphone_dbfs: float, music_dbfs: float) -> bool:
        """Take the level of 50 ms and the loudest level of the music that it may hold."""
        music_sounds = music_dbfs > MUSIC_SILENT_DB
        self._held = self._held + 1 if self.speaking else 0
        if not self.speaking or self._held * WINDOW_S > LONGEST_VOICE_S:
            self._learn(microphone_dbfs, music_dbfs, music_sounds)
        expected = self._expected_dbfs(music_dbfs, music_sounds)
        loud = microphone_dbfs > max(self._threshold_dbfs, expected + MARGIN_DB)
        self._lately.append(loud)
        if sum(self._lately) >= ATTACK_NEEDED or (loud and self._hold):
            self._hold = round(HOLD_S / WINDOW_S)
        else:
            self._hold = max(0, self._hold - 1)
        return self.speaking

    def _learn(self, microphone_dbfs: float, music_dbfs: float, music_sounds: bool) -> None:
        if music_sounds:
            self._echo.append(microphone_dbfs - music_dbfs)
        else:
            self._noise.append(microphone_dbfs)

    def _expected_dbfs(self, music_dbfs: float, music_sounds: bool) -> float:
        """Return what the microphone would hear if nobody spoke."""
        noise = float(np.quantile(self._noise, NOISE_QUANTILE)) if self._noise else -120.0
        if not music_sounds:
            return noise
        if len(self._echo) < LEARNT_AFTER_S / WINDOW_S:
            return 0.0
        echo = music_dbfs + float(np.quantile(self._echo, ECHO_QUANTILE))
        return 10.0 * math.log10(10.0 ** (noise / 10.0) + 10.0 ** (echo / 10.0))
