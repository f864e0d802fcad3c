"""Candidates from the index -> one choice with its reason.

Closeness to the target leads; a track heard lately, an artist just played, and what was
disliked or skipped stand back; what was liked steps forward. All in units of distance in
the emotion space, so the weights can be read as 'worth this much closeness'.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.emotions import EmotionPoint, describe
from catalog.library import Match
from device.config import RecommenderSettings
from device.phrases import PHRASES, join_voices
from device.readings import Mood, Strategy, TrackChoice
from device.recommender.shelf import Shelf
from device.storage.kiosk_store import KioskStore, TrackMemory

HEARD_LATELY = 0.6
SAME_ARTIST = 0.15
LIKED = 0.06
DISLIKED = 0.5
SKIPPED = 0.05
"""Penalties (or bonus) as distance. Half of the tracks of a library lie within about 0.5 of a
typical target, so a track heard a minute ago practically stands out of the running."""

MORE_CANDIDATES, MOST_CANDIDATES = 2, 400
"""So many times as many, and at most, where all those near have been heard lately: in four hours
some 70 tracks. A candidate costs 0.2 ms."""

OPINIONS_THAT_COUNT = 3
"""Likes and skips beyond this many change nothing more: one fan does not own the kiosk."""


BARRED_S, SECOND_CHANCE_S = 600.0, 30.0
"""A track that could not be played is left out for so long, and where nothing else is left, for so
long at least: a stick that was away is back."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with what moved it, for the reason and for tests."""

    match: Match
    score: float
    memory: TrackMemory


def rank(
    matches: Sequence[Match],
    memories: Mapping[Path, TrackMemory],
    recent_artists: Sequence[str],
    wall_now: float,
    settings: RecommenderSettings,
) -> list[Ranked]:
    """Return the candidates best first."""

    def score(match: Match) -> float:
        memory = memories[match.track.path]
        value = match.distance + HEARD_LATELY * _recency(memory, wall_now, settings)
        if match.track.artist and match.track.artist in recent_artists:
            value += SAME_ARTIST
        value -= LIKED * min(memory.likes, OPINIONS_THAT_COUNT)
        value += DISLIKED * min(memory.dislikes, OPINIONS_THAT_COUNT)
        return value + SKIPPED * min(memory.skips, OPINIONS_THAT_COUNT)

    ranked = [Ranked(match, score(match), memories[match.track.path]) for match in matches]
    return sorted(ranked, key=lambda entry: (entry.score, entry.match.track.track_id))


class Recommender:
    """Chooses tracks for one kiosk; remembers what it gave in this run."""

    def __init__(
        self,
        shelf: Shelf,
        store: KioskStore,
        settings: RecommenderSettings,
        wall_clock: Callable[[], float] = time.time,
        language: str = "en",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._language = language
        self._shelf = shelf
        self._store = store
        shelf.tell(store.follow)
        self._settings = settings
        self._wall_clock = wall_clock
        self._artists: deque[str] = deque(maxlen=settings.artist_spacing)
        self._clock = clock
        self._unplayable: dict[int, float] = {}
        """When each was found to be so."""

    @property
    def track_count(self) -> int:
        """How many tracks the library offers."""
        return self._shelf.count

    @property
    def fault(self) -> str:
        """Why there is nothing to choose from, in one line; empty when there is."""
        return self._shelf.fault

    def choose(
        self, target: EmotionPoint, mood: Mood, strategy: Strategy, exclude: Sequence[int] = ()
    ) -> TrackChoice | None:
        """Return the best track for ``target``, or None when the library has none to play."""
        best = self._best(target, exclude)
        if best is None:
            return None
        return TrackChoice(
            track=best.match.track,
            distance=best.match.distance,
            reason=explain(best, target, mood, strategy, self._language),
            target=target,
            strategy=strategy,
        )

    def _best(self, target: EmotionPoint, exclude: Sequence[int]) -> Ranked | None:
        """Return the best that may be played; a library of one track may repeat it."""
        barred = [self._barred(bar_s) for bar_s in (BARRED_S, SECOND_CHANCE_S)]
        # Mostly nothing is barred, and all of these are the same.
        for left_out in dict.fromkeys(bar | now for bar in barred for now in (set(exclude), set())):
            if ranked := self._ranked(target, left_out):
                return ranked[0]
        return None

    def _barred(self, for_s: float) -> frozenset[int]:
        """Return what could not be played in the last ``for_s`` seconds."""
        since = self._clock() - for_s
        return frozenset(track for track, at in self._unplayable.items() if at > since)

    def _ranked(self, target: EmotionPoint, excluded: Collection[int]) -> list[Ranked]:
        """Return the candidates best first; more of them where one beyond might be better.

        A day in one mood would else hear the nearest few again and again.
        """
        asked = self._settings.candidates
        while True:
            matches = self._shelf.nearest(target, asked, exclude=excluded)
            memories = self._store.memories(match.track for match in matches)
            ranked = rank(matches, memories, self._artists, self._wall_clock(), self._settings)
            if len(matches) < asked or asked >= MOST_CANDIDATES:
                return ranked
            if ranked[0].score <= matches[-1].distance:
                return ranked
            asked = min(MORE_CANDIDATES * asked, MOST_CANDIDATES)

    def note_started(self, choice: TrackChoice) -> None:
        """Remember that the choice is being played."""
        if choice.track.artist:
            self._artists.append(choice.track.artist)
        self._store.note_played(choice.track)  # Last: a full disk may keep it from that.

    def note_unplayable(self, track_id: int) -> None:
        """Leave a track out for a while: its file could not be played."""
        self._unplayable[track_id] = self._clock()


def explain(
    best: Ranked, target: EmotionPoint, mood: Mood, strategy: Strategy, language: str = "en"
) -> str:
    """Return why this track, in sentences a person understands.

    The number is the distance in the emotion space, where 0 is the same mood.
    """
    phrases = PHRASES[language]
    felt = describe(mood.point, language)
    if strategy is Strategy.MANUAL:
        opening = phrases.wished.format(mood=describe(target, language))
    elif strategy in phrases.goals:
        opening = phrases.stepped.format(mood=felt, goal=phrases.goals[strategy])
    elif mood.sources:
        heard = [source.name for source in sorted(mood.sources, key=lambda s: -s.weight)]
        opening = phrases.matched.format(who=join_voices(phrases, heard), mood=felt)
    else:
        opening = phrases.unsure.format(mood=felt)
    music = describe(best.match.track.point, language)
    distance = phrases.number(best.match.distance)
    sentences = [opening, phrases.music.format(music=music, distance=distance)]
    if best.memory.likes > best.memory.dislikes:
        sentences.append(phrases.liked)
    return ("" if language == "zh" else " ").join(sentences)


def _recency(memory: TrackMemory, wall_now: float, settings: RecommenderSettings) -> float:
    """Return 1 for a track heard just now, fading to 0 over ``repeat_after_s``."""
    if memory.last_played_at is None or settings.repeat_after_s == 0:
        return 0.0
    # A clock that jumped back must not bar a track for a year: the age counts either way.
    age_s = abs(wall_now - memory.last_played_at)
    return max(0.0, 1 - age_s / settings.repeat_after_s)
