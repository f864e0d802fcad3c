"""A mood and a strategy -> the place in the emotion space where the next track should lie.

``match`` answers the mood as it is. ``lift``, ``calm`` and ``energise`` are paths: the first
track meets the person near their mood and each next one goes a step toward the goal (the
iso principle of music therapy: Altshuler 1948; Heiderscheit & Madson 2015). ``manual``
plays the mood the person named.
"""

from __future__ import annotations

from catalog.emotions import CODES, EmotionPoint, blend, make_point
from device.config import StrategySettings
from device.mood.fusion import SaidMood
from device.readings import Mood, Strategy


def _goal(shares: dict[str, float], valence: float, arousal: float) -> EmotionPoint:
    return make_point([shares.get(code, 0.0) for code in CODES], (valence, arousal, 0.2))


GOALS: dict[Strategy, EmotionPoint] = {
    Strategy.LIFT: _goal({"PA": 0.6, "PE": 0.2, "PB": 0.2}, 0.7, 0.35),
    Strategy.CALM: _goal({"PE": 0.8, "PG": 0.1, "PB": 0.1}, 0.45, -0.6),
    Strategy.ENERGISE: _goal({"PA": 0.6, "PH": 0.4}, 0.5, 0.75),
}
"""Valence and arousal of 'happy', 'calm' and 'excited' on Russell's circumplex (1980, fig. 4),
drawn in a little so that a library has music there; emotions by the families of the same."""


class MoodPath:
    """Walks from the mood at its start toward the goal of a strategy, a track at a time."""

    def __init__(self, strategy: Strategy, settings: StrategySettings) -> None:
        self.strategy = strategy
        self._settings = settings
        self._start: EmotionPoint | None = None
        self._steps = 0

    def target(self, mood: Mood, said: SaidMood | None) -> EmotionPoint:
        """Return where the next track should lie, without taking the step."""
        if self.strategy is Strategy.MANUAL and said is not None:
            return said.point
        goal = GOALS.get(self.strategy)
        if goal is None:
            return mood.point
        return blend([self.start(mood), goal], [1 - self.progress, self.progress])

    def start(self, mood: Mood) -> EmotionPoint:
        """Return where the next step is counted from: the mood, or where the path began."""
        return mood.point if self._start is None or self.strategy not in GOALS else self._start

    def advance(self, mood: Mood) -> None:
        """Note that a track for the present target was started."""
        if self._start is None:
            self._start = mood.point
        self._steps += 1

    @property
    def progress(self) -> float:
        """Share 0..1 of the way done: a step of what is left each time, all of it at the end."""
        if self.strategy not in GOALS:
            return 0.0
        if self._steps >= self._settings.path_tracks:
            return 1.0
        return float(1 - (1 - self._settings.step) ** self._steps)
