"""What plays and what follows: tracks on one side, voices of the audio process on the other.

Pure bookkeeping: orders become records for the audio process, its events become the events
the conductor knows; failures are counted, so that broken files never make an endless loop.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, cast

from catalog.track import Track
from device.config import PlaybackSettings
from device.playback import wire
from device.playback.messages import PlayerEvent, TrackEnded, TrackStarted, WantsNext
from device.playback.mix import loudness_gain_db
from device.readings import Clock

log = logging.getLogger(__name__)

MOST_FAILURES = 5
"""So many tracks in a row that cannot be played, and the player stops asking for more."""

COUNTS_AS_PLAYED_S = 5.0
"""A track that sounded for less before it failed does not end a row of failures."""

CRASHED_AT_ONCE_S = 3.0
"""When the audio process crashes so soon after a track began, the track is the cause."""

CUT_OFF_S = 5.0
"""An end so much before its time is told; crossfade and estimates of VBR files come on top."""

TAIL_SILENCE_KEPT_S = 0.2
"""A shorter silence at the end is left as it is."""

EndReason = Literal["finished", "replaced", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Item:
    """A track that was handed to the audio process."""

    voice: int
    track: Track
    now: bool
    """It was to start at once."""


class Program:
    """Keeps the track that sounds and the one that waits."""

    def __init__(self, settings: PlaybackSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._voices = count(1)
        self._items: dict[int, Item] = {}
        self.sounding: Item | None = None
        self.waiting: Item | None = None
        """Handed over, not heard yet: the next one, or one that is just being opened."""
        self._waits_since = 0.0
        """When what waits was handed to the present audio process, which opens it at once."""
        self._due = 0
        """The voice that was to start at once and has not; another may wait behind it by now."""
        self._heard: set[int] = set()
        """The voices whose start was told: their end is told too."""
        self._stopped_up_to = 0
        """Up to this voice all was stopped: it may still report, but does not come back."""
        self.trouble = ""
        """What went wrong last, for a person; empty again once music plays."""
        self._failures = 0
        self._hurry = False
        self._suspect = 0
        self._spared = 0
        """The voice in whose stead the one that waited was blamed last."""
        self._taken_up: tuple[int, float] = (0, 0.0)
        """The voice that went on in a new audio process, and how much of it was heard before."""
        self._out: list[PlayerEvent] = []

    def play_now(self, track: Track) -> wire.PlayOrder:
        """A person or the conductor wants this track at once; earlier failures are forgiven."""
        self._failures = 0
        self.trouble = ""
        return self._hand_over(track, now=True)

    def queue(self, track: Track) -> wire.PlayOrder:
        """Let this track follow (or start at once in the place of one that could not)."""
        return self._hand_over(track, now=self._hurry)

    def forget(self) -> None:
        """Music was stopped on purpose."""
        self.sounding = self.waiting = None
        self._stopped_up_to = max(self._items, default=0)
        self._due = 0
        self._hurry = False
        self._failures = 0
        self.trouble = ""

    def hear(self, event: wire.Started | wire.Ended | wire.NearsEnd) -> list[PlayerEvent]:
        """Return what the conductor is to be told of an event."""
        self._out = []
        match event:
            case wire.Started():
                self._started(event)
            case wire.Ended():
                self._ended(event)
            case wire.NearsEnd():
                self._ask()
        return self._out

    def track_of(self, voice: int | None) -> Track | None:
        """Return the track of a voice; None for none."""
        item = self._items.get(voice) if voice is not None else None
        return item.track if item else None

    def lose_engine(self, position_s: float, crashed: bool) -> list[PlayerEvent]:
        """The audio process ended: tell what ended with it, and the culprit if it is a track.

        It likely is when the process crashed soon after the track was opened or began, or ended
        twice with it.
        """
        self._out = []
        self._taken_up = 0, 0.0  # ``position_s`` counts what was heard before, too.
        if (item := self._suspected(crashed)) is not None:
            played_s = self._played_s(item, position_s)
            again, self._suspect = self._suspect == item.voice, item.voice
            if again or (crashed and played_s < CRASHED_AT_ONCE_S):
                how = "played" if item == self.sounding else "opened"
                message = f"{item.track.path}: ended the audio process when it was {how}"
                self._ended(wire.Ended(item.voice, "failed", played_s, message))
        self._settle(position_s)
        return self._out

    def taken_up(self, position_s: float) -> list[wire.PlayOrder]:
        """Return the orders that make a new audio process go on where the old one was."""
        orders = []
        if (item := self.sounding) is not None:
            orders.append(self._order(item, True, position_s))
            self._taken_up = item.voice, max(0.0, position_s - item.track.lead_silence_s)
        if self.waiting is not None:
            orders.append(self._order(self.waiting, self.sounding is None))
            self._waits_since = self._clock()
        return orders

    def _suspected(self, crashed: bool) -> Item | None:
        """Return the track that most likely ended the process: of two the one just opened.

        But not twice for the same one that sounds: then that one is what all have in common.
        """
        sounding, waiting = self.sounding, self.waiting
        if sounding is None or waiting is None:
            return sounding or waiting
        just_opened = self._clock() - self._waits_since < CRASHED_AT_ONCE_S
        if crashed and just_opened and self._spared != sounding.voice:
            self._spared = sounding.voice
            return waiting
        return sounding

    def _settle(self, position_s: float) -> None:
        """Let go of what an order had ended before the process could: it does not come back."""
        goes_on = None if self._due else self.sounding
        for item in [one for one in self._items.values() if one not in (goes_on, self.waiting)]:
            why = "replaced" if item == self.sounding else "stopped"
            self._ended(wire.Ended(item.voice, why, self._played_s(item, position_s), ""))

    def _played_s(self, item: Item, position_s: float) -> float:
        """Return how much was heard of a track that was at ``position_s`` in its file."""
        heard = item.voice in self._heard
        return max(0.0, position_s - item.track.lead_silence_s) if heard else 0.0

    def _hand_over(self, track: Track, now: bool) -> wire.PlayOrder:
        item = Item(next(self._voices), track, now)
        self._items[item.voice] = item
        self._hurry = False
        self._due = item.voice if now else self._due
        self.waiting = item
        self._waits_since = self._clock()
        return self._order(item, now)

    def _order(self, item: Item, now: bool, start_s: float | None = None) -> wire.PlayOrder:
        track, settings = item.track, self._settings
        gain_db = loudness_gain_db(
            track.integrated_loudness_lufs, track.true_peak_dbtp,
            settings.target_lufs, settings.true_peak_limit_dbtp,
        )  # fmt: skip
        end_s = None
        if track.tail_silence_s > TAIL_SILENCE_KEPT_S and track.duration_s > track.tail_silence_s:
            end_s = track.duration_s - track.tail_silence_s
        return wire.PlayOrder(
            voice=item.voice,
            path=str(track.path),
            start_s=track.lead_silence_s if start_s is None else start_s,
            end_s=end_s,
            gain_db=gain_db,
            now=now,
            within=[str(folder) for folder in track.within],
        )

    def _started(self, event: wire.Started) -> None:
        item = self._items.get(event.voice)
        if item is None or item.voice in self._heard:
            return  # Taken up again after the audio process was lost: not a new start.
        if self.waiting == item:
            self.waiting = None
        if self._due == item.voice:
            self._due = 0
        if item.voice > self._stopped_up_to:
            self.sounding = item
        self._heard.add(item.voice)
        self.trouble = ""
        self._out.append(TrackStarted(item.track.track_id, self._clock()))

    def _ended(self, event: wire.Ended) -> None:
        item = self._items.pop(event.voice, None)
        if item is None:
            return
        if event.voice == self._taken_up[0]:
            event = replace(event, played_s=event.played_s + self._taken_up[1])
        was_heard = item.voice in self._heard
        self._heard.discard(item.voice)
        if self.sounding == item:
            self.sounding = None
        if self.waiting == item:
            self.waiting = None
        if self._due == item.voice:
            self._due = 0
        if event.why == "failed":
            self._failed(item, event)
        elif was_heard:
            if event.played_s > COUNTS_AS_PLAYED_S or event.why == "finished":
                self._failures = 0
            if event.why == "finished":
                event = replace(event, message=self._cut_off(item.track, event.played_s))
                self.trouble = event.message
            self._tell_ended(item, event)
            if event.why == "finished":
                self._ask()

    def _failed(self, item: Item, event: wire.Ended) -> None:
        self._failures = 1 if event.played_s > COUNTS_AS_PLAYED_S else self._failures + 1
        self.trouble = event.message
        self._tell_ended(item, event)
        if self._failures >= MOST_FAILURES:
            self.trouble = (
                f"{self._failures} tracks in a row cannot be played (the last: {event.message});"
                " check the disk with the music, then choose again"
            )
            log.error("%s", self.trouble)
        else:
            # What was to play at once and could not: its substitute plays at once too.
            self._hurry = item.now and self.waiting is None and event.played_s == 0
            self._ask()

    def _cut_off(self, track: Track, played_s: float) -> str:
        """Return a message when a track ended long before the catalogue says it does.

        Formats such as MP3 do not say how long they are: only the catalogue knows.
        """
        whole_s = track.duration_s - track.lead_silence_s - track.tail_silence_s
        slack_s = max(CUT_OFF_S, 0.02 * track.duration_s) + self._settings.crossfade_s
        if played_s >= whole_s - slack_s:
            return ""
        message = (
            f"{track.path}: ended {whole_s - played_s:.0f} s early: it was cut off"
            " since the catalogue was built"
        )
        log.warning("%s", message)
        return message

    def _ask(self) -> None:
        if self.waiting is None and self._failures < MOST_FAILURES:
            self._out.append(WantsNext(self._clock()))

    def _tell_ended(self, item: Item, event: wire.Ended) -> None:
        why = cast(EndReason, event.why)
        self._out.append(
            TrackEnded(item.track.track_id, self._clock(), why, event.played_s, event.message)
        )
