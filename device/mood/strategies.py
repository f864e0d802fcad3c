"""A mood and a strategy -> the place in the emotion space where the next track should lie.

``match`` answers the mood as it is. ``lift``, ``calm`` and ``energise`` are paths: the first
track meets the person near their mood and each next one goes a step toward the goal (the
iso principle of music therapy: Altshuler 1948; Heiderscheit & Madson 2015). ``manual``
plays the mood the person named.
"""

from __future__ import annotations

from catalog.emotions import EmotionPoint, blend, point_from_va
from device.config import StrategySettings
from device.mood.fusion import SaidMood
from device.readings import Mood, Strategy

GOALS_VA: dict[Strategy, tuple[float, float]] = {
    Strategy.LIFT: (0.7, 0.35),
    Strategy.CALM: (0.45, -0.6),
    Strategy.ENERGISE: (0.5, 0.75),
}
"""Valence and arousal of 'happy', 'calm' and 'excited' on Russell's circumplex (1980, fig. 4),
drawn in a little so that a library has music there."""


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
        goal = GOALS_VA.get(self.strategy)
        if goal is None:
            return mood.point
        start = self._start or mood.point
        return blend([start, point_from_va(*goal)], [1 - self.progress, self.progress])

    def advance(self, mood: Mood) -> None:
        """Note that a track for the present target was started."""
        if self._start is None:
            self._start = mood.point
        self._steps += 1

    @property
    def progress(self) -> float:
        """Share 0..1 of the way done: a step of what is left each time, all of it at the end."""
        if self.strategy not in GOALS_VA:
            return 0.0
        if self._steps >= self._settings.path_tracks:
            return 1.0
        return float(1 - (1 - self._settings.step) ** self._steps)
