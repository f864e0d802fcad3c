"""One person's visit: what it knows while it lasts, and nothing after it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from device.config import Settings
from device.mood.fusion import SaidMood
from device.mood.strategies import MoodPath
from device.readings import ChartPoint, Mood, PulseReading, Strategy, TrackChoice, VisitState
from device.storage.kiosk_store import VisitSummary

CHART_INTERVAL_S = 2.0
CHART_POINTS = 900
"""Half an hour at full detail; later points thin out the earlier ones."""

HANDED_OVER = 8

SURE_CONFIDENCE = 0.6
SHORTEST_LOOK_S = 4.0
"""A mood this sure is believed after this long; an unsure one gets the whole sensing time."""

PRESENCE_HOLD_S = 3.0
"""A person who turns the head for a moment has not left."""


@dataclass
class Visit:
    """State of the visit; touched by the conductor's thread alone."""

    state: VisitState
    since: float
    strategy: Strategy
    path: MoodPath
    began_at: float = 0.0
    consented_at: float | None = None
    """When the person agreed to be measured (pulse, and the camera if ``camera``); whatever was
    measured before has no voice. None: not agreed."""
    camera: bool = False
    said: SaidMood | None = None
    choice: TrackChoice | None = None
    """What plays."""
    starting: TrackChoice | None = None
    """What the player was told to play now and has not begun yet."""
    handed_over: deque[TrackChoice] = field(default_factory=lambda: deque(maxlen=HANDED_OVER))
    """What the player was given of late: any of it may begin, for orders and starts cross."""
    liked: bool | None = None
    has_ended: bool = False
    """What is in ``choice`` has played to its end, or broke off."""
    is_judged: bool = False
    """It was skipped or disliked, which counts once however often the finger taps."""
    tracks_played: int = 0
    last_interaction_at: float = 0.0
    last_present_at: float = 0.0
    seeing_since: float | None = None
    """Since when camera or finger can tell, without a break, whether somebody is there."""
    finger_since: float | None = None
    asks_for_mood: bool = False
    message: str = ""
    message_until: float = math.inf
    chart: list[ChartPoint] = field(default_factory=list)

    def enter(self, state: VisitState, now: float) -> None:
        """Go to ``state``; the message of the last one goes with it."""
        self.state = state
        self.since = now
        self.tell("")

    def tell(self, message: str, until: float = math.inf) -> None:
        """Put ``message`` on the screen, at the longest until the state or the music changes."""
        self.message = message
        self.message_until = until

    def in_state_s(self, now: float) -> float:
        """Return how long the visit has been in its present state, in s."""
        return now - self.since

    def note_chart(self, now: float, mood: Mood | None, pulse: PulseReading | None) -> None:
        """Add a point to the visit's chart, at most one per :data:`CHART_INTERVAL_S`."""
        at_s = now - self.began_at
        if self.chart and at_s - self.chart[-1].at_s < CHART_INTERVAL_S:
            return
        if len(self.chart) >= CHART_POINTS:
            self.chart = self.chart[::2]
        self.chart.append(
            ChartPoint(
                at_s=at_s,
                valence=mood.point.valence if mood and mood.confidence > 0 else None,
                arousal=mood.point.arousal if mood and mood.confidence > 0 else None,
                stress=pulse.stress if pulse else None,
                track_id=self.choice.track.track_id if self.choice else None,
            )
        )

    def note_sight(self, now: float, can_see: bool) -> None:
        """Note whether camera or finger can tell if somebody is there."""
        if not can_see:
            self.seeing_since = None
        elif self.seeing_since is None:
            self.seeing_since = now

    def is_over(self, now: float, settings: Settings) -> str:
        """Return why the visit ends now, or an empty string while it goes on."""
        limits = settings.visit
        if now - self.began_at > limits.max_visit_s:
            return "the longest visit is over"
        here_at = max(self.last_present_at, self.last_interaction_at)
        # In the light of a lamp just lit nobody has been missed for long yet.
        missed_s = 0.0 if self.seeing_since is None else now - max(here_at, self.seeing_since)
        if missed_s > limits.absence_s or now - here_at > limits.unseen_s:
            return "nobody is here any more"
        return ""

    @property
    def lacks_word(self) -> bool:
        """Whether the person chose to name the mood and has not named it yet."""
        return self.strategy is Strategy.MANUAL and self.said is None

    def summary(self, now: float, wall_now: float) -> VisitSummary:
        """Return the numbers that a history keeps of the visit.

        It began as long ago as it lasted: a box without a clock of its own may have heard the
        time only since.
        """
        valences = [point.valence for point in self.chart if point.valence is not None]
        stresses = [point.stress for point in self.chart if point.stress is not None]
        return VisitSummary(
            started_at=wall_now - (now - self.began_at),
            ended_at=wall_now,
            tracks=self.tracks_played,
            strategy=self.strategy.value,
            valence_first=valences[0] if valences else None,
            valence_last=valences[-1] if valences else None,
            stress_first=stresses[0] if stresses else None,
            stress_last=stresses[-1] if stresses else None,
        )


def new_visit(settings: Settings, now: float, strategy: Strategy) -> Visit:
    """Return the idle state between two visits."""
    return Visit(
        state=VisitState.IDLE,
        since=now,
        strategy=strategy,
        path=MoodPath(strategy, settings.strategy),
    )
