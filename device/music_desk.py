"""The conductor's music desk: choices, the queue and feedback of the present visit."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import takewhile

from device import readings as r
from device.channels import BoundedQueue
from device.config import Settings
from device.mood.strategies import MoodPath
from device.phrases import PHRASES
from device.playback.messages import (
    PausePlayback,
    PlayerEvent,
    PlayerOrder,
    PlayNow,
    QueueNext,
    ResumePlayback,
    SetDucking,
    SetPlaybackVolume,
    StopPlayback,
    TrackEnded,
    TrackStarted,
    WantsNext,
)
from device.recommender.ranking import Recommender
from device.storage.kiosk_store import FeedbackKind, KioskStore
from device.visit import Visit

log = logging.getLogger(__name__)


class MusicDesk:
    """Turns moods into orders for the player; works in the conductor's thread."""

    def __init__(
        self,
        settings: Settings,
        recommender: Recommender,
        store: KioskStore,
        orders: BoundedQueue[PlayerOrder],
    ) -> None:
        self._settings = settings
        self._recommender = recommender
        self._store = store
        self._orders = orders
        self._phrases = PHRASES[settings.kiosk.language]

    @property
    def track_count(self) -> int:
        """How many tracks there are to choose from."""
        return self._recommender.track_count

    def play_now(self, visit: Visit, mood: r.Mood) -> bool:
        """Choose for the mood and start at once; False when there is nothing to play."""
        choice = self._choose(visit, mood)
        if choice is None:
            visit.tell(self._no_music())
            return False
        visit.starting = choice
        visit.handed_over.append(choice)
        self._orders.put(PlayNow(choice.track))
        return True

    def _no_music(self) -> str:
        """Return why there is none; what exactly is wrong is said in English, as in the log."""
        is_english = self._settings.kiosk.language == "en"
        return (self._recommender.fault if is_english else "") or self._phrases.no_music

    def stop(self) -> None:
        """Fade the music out."""
        self._orders.put(StopPlayback())

    def set_strategy(self, visit: Visit, strategy: r.Strategy, mood: r.Mood | None) -> None:
        """Change how the music answers; the track that plays ends in peace."""
        visit.strategy = strategy
        self.restart_path(visit)
        visit.asks_for_mood = visit.lacks_word
        if visit.state is r.VisitState.PLAYING and mood is not None:
            self._queue_next(visit, mood)

    def restart_path(self, visit: Visit) -> None:
        """Begin the strategy's path anew, at the mood of the next track."""
        visit.path = MoodPath(visit.strategy, self._settings.strategy)

    def obey(self, command: r.Command, visit: Visit, mood: r.Mood | None) -> None:
        """Carry out a command that concerns the music alone."""
        match command:
            case r.Play():
                self._orders.put(ResumePlayback())
            case r.Pause():
                self._orders.put(PausePlayback())
            case r.SetVolume():
                self._orders.put(SetPlaybackVolume(min(100.0, max(0.0, command.percent))))
            case r.Duck():
                self._orders.put(SetDucking(command.on))
            case r.Like():
                self._give_feedback(visit, "like")
            case r.Dislike():
                self._go_on(visit, mood, "dislike")
            case r.Skip():
                self._go_on(visit, mood, "skip")
            case r.Stop():
                self.stop()  # Between two visits: whatever still sounds.
            case _:
                log.debug("nothing to do for %s now", type(command).__name__)

    def hear_player(
        self, visit: Visit, mood: r.Mood | None, events: BoundedQueue[PlayerEvent]
    ) -> None:
        """Follow what the player reports: starts, ends, and the wish for a next track."""
        while (event := events.get(0)) is not None:
            if isinstance(event, TrackEnded) and is_track(visit.choice, event.track_id):
                visit.has_ended = True
            match event:
                case TrackStarted():
                    self._note_started(visit, mood, event.track_id)
                case TrackEnded(why="failed"):
                    log.warning("track left out: %s", event.message)
                    self._recommender.note_unplayable(event.track_id)
                    if visit.state is r.VisitState.PLAYING:
                        visit.tell(self._phrases.left_out)
                    if is_track(visit.starting, event.track_id):
                        visit.starting = None
                case WantsNext():
                    if visit.state is r.VisitState.PLAYING and mood is not None:
                        self._queue_next(visit, mood)
                case _:
                    pass

    def _note_started(self, visit: Visit, mood: r.Mood | None, track_id: int) -> None:
        started = next((c for c in reversed(visit.handed_over) if is_track(c, track_id)), None)
        if started is None:
            return  # A track of a visit that has just ended.
        newer = takewhile(lambda choice: choice is not started, reversed(visit.handed_over))
        if not any(choice is visit.starting for choice in newer):
            visit.starting = None  # It has begun, or was overtaken.
        visit.choice, visit.liked = started, None
        visit.has_ended = visit.is_judged = False
        visit.tell("")
        visit.tracks_played += 1
        log.info("playing track %d", track_id)
        if mood is not None:
            visit.path.advance(mood)
        self._recommender.note_started(started)

    def _queue_next(self, visit: Visit, mood: r.Mood) -> None:
        choice = self._choose(visit, mood)
        if choice is None:
            visit.tell(self._no_music())
            return
        visit.handed_over.append(choice)
        self._orders.put(QueueNext(choice.track))

    def _choose(self, visit: Visit, mood: r.Mood) -> r.TrackChoice | None:
        target = visit.path.target(mood, visit.said)
        current = [c.track.track_id for c in (visit.choice, visit.starting) if c is not None]
        # Who chose to name the mood and has not named it yet has asked for nothing.
        strategy = r.Strategy.MATCH if visit.lacks_word else visit.strategy
        told = replace(mood, point=visit.path.start(mood))  # A reason speaks of the same start.
        return self._recommender.choose(target, told, strategy, exclude=current)

    def _go_on(self, visit: Visit, mood: r.Mood | None, kind: FeedbackKind) -> None:
        """Play another track; what is left was judged once, however often the finger taps."""
        is_left_already = visit.starting is not None
        if visit.state is r.VisitState.PLAYING and mood is not None:
            self.play_now(visit, mood)
        # Last, because a full disk may keep it from being remembered.
        if not is_left_already:
            self._give_feedback(visit, kind)

    def _give_feedback(self, visit: Visit, kind: FeedbackKind) -> None:
        if visit.choice is None or (kind == "like" and visit.liked):
            return
        # Who wants music again has nothing against the track that played to its end.
        if (kind != "like" and visit.is_judged) or (kind == "skip" and visit.has_ended):
            return
        visit.is_judged = kind != "like"
        self._store.add_feedback(visit.choice.track, kind)
        if kind != "skip":
            visit.liked = kind == "like"


def is_track(choice: r.TrackChoice | None, track_id: int) -> bool:
    """Return whether ``choice`` is of that track."""
    return choice is not None and choice.track.track_id == track_id
