"""The deck: which files sound now, how one follows the other, and the sum of them all.

Pure: takes orders, gives blocks and events; knows no device, no thread and no clock. Joins
are exact to the sample: without a crossfade the next file begins in the very frame after the
last one of the file before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.playback.limiter import SUB_BLOCK, Limiter
from device.playback.mix import MUTE_DB, DecibelRamp, volume_db
from device.playback.voice import OpenSource, Voice
from device.playback.wire import Ended, Event, NearsEnd, PlayOrder, Started

BLOCK_FRAMES = 2048
"""46 ms at 44.1 kHz: one turn of the audio loop. A multiple of the limiter's sub-block."""

READY_S = 0.5
"""Sound in hand before a file starts, so that it does not stumble at once."""

SHORT_FADE_S = 0.02
"""Fade where sound begins or ends in the middle of a wave; too short to be heard as one."""

PAUSE_FADE_S = 0.15
VOLUME_RAMP_S = 0.12
DUCK_S = 0.3
UNDUCK_S = 0.9
"""Attack and release of ducking: EBU Tech 3343 speaks of 0.3 s and about 1 s as unobtrusive."""

NEARS_END_S = 10.0
MOST_VOICES = 4
"""More skips in a row than this and the oldest fading voice is let go quickly."""

assert BLOCK_FRAMES % SUB_BLOCK == 0


@dataclass(frozen=True, slots=True)
class DeckSettings:
    """What of the configuration concerns the mix."""

    crossfade_s: float = 4.0
    duck_db: float = -18.0
    true_peak_limit_dbtp: float = -1.0
    volume_percent: float = 70.0


class Deck:
    """Two and more voices, a transport and a limiter.

    ``render`` is called for block after block; ``take_events`` gives what happened.
    """

    def __init__(self, settings: DeckSettings, open_source: OpenSource, rate_hz: int) -> None:
        self._settings = settings
        self._open_source = open_source
        self.rate_hz = rate_hz
        self._current: Voice | None = None
        self._leaving: list[Voice] = []
        self._pending: Voice | None = None
        self._next: Voice | None = None
        self._nears_end_told = False
        self._paused = False
        self._ducked_for: set[str] = set()
        self._starved = 0
        self._events: list[Event] = []
        self._transport = DecibelRamp(0.0)
        self._volume = DecibelRamp(volume_db(settings.volume_percent))
        self._duck = DecibelRamp(0.0)
        self._limiter = self._new_limiter()

    # --- orders -------------------------------------------------------------------------

    def play(self, order: PlayOrder) -> None:
        """Start a file now (crossfading) or have it follow the one that plays."""
        voice = Voice(order, self._open_source, self.rate_hz)
        if order.now or (self._current is None and self._pending is None):
            self._drop(self._pending, "replaced")
            if order.now:
                self._drop(self._next, "replaced")
                self._next = None
            self._pending = voice
            self._leave_pause()
        else:
            self._drop(self._next, "replaced")
            self._next = voice

    def pause(self) -> None:
        """Fade out and hold the position."""
        self._paused = True
        self._transport.to(MUTE_DB, self._frames(PAUSE_FADE_S))

    def resume(self) -> None:
        """Go on from the position held."""
        self._paused = False
        self._transport.to(0.0, self._frames(PAUSE_FADE_S))

    def stop(self, fade_s: float) -> None:
        """Fade everything out within ``fade_s`` and forget what is queued."""
        for waiting in (self._pending, self._next):
            self._drop(waiting, "stopped")
        self._pending = self._next = None
        self._let_go(self._current, "stopped", fade_s)
        self._current = None
        for voice in self._leaving:
            voice.fade.to(0.0, self._frames(fade_s))
        if self._transport.silent:
            self._forget_leaving()
        self._leave_pause()

    def set_volume(self, percent: float) -> None:
        """Glide to a volume 0..100."""
        self._volume.to(volume_db(percent), self._frames(VOLUME_RAMP_S))

    def duck(self, on: bool, why: str = "order") -> None:
        """Lower the music under something that matters more; raise it when no reason is left."""
        before = self.ducked
        if on:
            self._ducked_for.add(why)
        else:
            self._ducked_for.discard(why)
        if self.ducked != before:
            gain_db, time_s = (self._settings.duck_db, DUCK_S) if self.ducked else (0.0, UNDUCK_S)
            self._duck.to(gain_db, self._frames(time_s))

    @property
    def ducked(self) -> bool:
        """True while the music gives way to something."""
        return bool(self._ducked_for)

    def fade_away(self) -> None:
        """Fade everything out for good: the process ends. See :attr:`faded_away`."""
        self._paused = False
        self._transport.to(MUTE_DB, self._frames(PAUSE_FADE_S))

    @property
    def faded_away(self) -> bool:
        """True when nothing sounds any more after :meth:`fade_away`."""
        return self._transport.silent

    def interrupt(self) -> None:
        """The output went away: what goes on fades in from silence, the rest is over."""
        self._forget_leaving()
        self._limiter = self._new_limiter()
        self._transport.jump(MUTE_DB)
        if not self._paused:
            self._transport.to(0.0, self._frames(PAUSE_FADE_S))

    def change_rate(self, rate_hz: int) -> None:
        """Go on at another sample rate, every voice from its position."""
        if rate_hz == self.rate_hz:
            return
        self.rate_hz = rate_hz
        self._forget_leaving()
        self._limiter = self._new_limiter()
        for voice in (self._current, self._pending, self._next):
            if voice is not None:
                voice.change_rate(rate_hz)

    # --- what it does -------------------------------------------------------------------

    @property
    def status(self) -> str:
        """``playing``, ``paused`` or ``idle``."""
        if self._current is None and self._pending is None:
            return "idle"
        return "paused" if self._paused else "playing"

    @property
    def voice(self) -> Voice | None:
        """The voice that counts: the one that plays, else the one about to."""
        return self._current or self._pending

    @property
    def starved(self) -> int:
        """How often the decoder did not keep up."""
        voices = [self._current, *self._leaving]
        return self._starved + sum(voice.starved for voice in voices if voice is not None)

    def take_events(self) -> list[Event]:
        """Return what happened since the last call."""
        events, self._events = self._events, []
        return events

    def render(self) -> NDArray[np.float32]:
        """Return the next ``BLOCK_FRAMES`` frames (n, 2), peaks below the limit."""
        frames = BLOCK_FRAMES
        if self._paused:
            frames = min(frames, self._transport.frames_left)
        mixed = np.zeros((BLOCK_FRAMES, 2), np.float32)
        if frames:
            self._advance(frames)
            self._sum_into(mixed[:frames])
            mixed[:frames] *= self._transport.gains(frames)
        mixed *= self._volume.gains(BLOCK_FRAMES)
        mixed *= self._duck.gains(BLOCK_FRAMES)
        return self._limiter.process(mixed)

    def _sum_into(self, mixed: NDArray[np.float32]) -> None:
        for voice in self._leaving:
            sound = voice.render(len(mixed))
            mixed[: len(sound)] += sound
        self._leaving = [voice for voice in self._leaving if not self._is_over(voice)]
        at = 0
        while self._current is not None and at < len(mixed):
            sound = self._current.render(len(mixed) - at)
            mixed[at : at + len(sound)] += sound
            at += len(sound)
            if not self._current.exhausted:
                break
            self._end_current()

    def _is_over(self, voice: Voice) -> bool:
        if not (voice.exhausted or voice.fade.silent):
            return False
        self._starved += voice.starved
        voice.source.close()
        return True

    def _end_current(self) -> None:
        """The voice that played is at its end: the next one goes on in the same frame."""
        ended, self._current = self._current, None
        assert ended is not None
        self._starved += ended.starved
        self._tell_ended(ended, "failed" if ended.source.error else "finished")
        following = self._next
        if following is not None and following.ready(self._frames(SHORT_FADE_S)):
            self._next = None
            self._start(following, fade_frames=0)

    # --- from one file to the next -------------------------------------------------------

    def _advance(self, frames: int) -> None:
        """Decide before a block whether another voice begins in it."""
        self._pending = self._without_failed(self._pending)
        self._next = self._without_failed(self._next)
        if self._pending is None and self._current is None:
            self._pending, self._next = self._next, None
        if self._pending is not None and self._pending.ready(self._frames(READY_S)):
            voice, self._pending = self._pending, None
            fade_s = self._crossfade_s(voice) if self._current else SHORT_FADE_S
            self._let_go(self._current, "replaced", fade_s)
            self._start(voice, self._frames(fade_s))
        self._watch_end(frames)

    def _watch_end(self, frames: int) -> None:
        current = self._current
        remaining = current.source.remaining if current else None
        if current is None or remaining is None:
            return
        crossfade = self._frames(self._settings.crossfade_s)
        follower = self._next
        if follower is not None:
            if (
                current.source.ended
                and self._frames(SHORT_FADE_S) < remaining
                and remaining <= self._crossfade_frames(current, follower)
                and follower.ready(min(self._frames(READY_S), remaining))
            ):
                self._cross(current, follower, remaining)
        elif not self._nears_end_told and remaining <= crossfade + self._frames(NEARS_END_S):
            self._nears_end_told = True
            self._events.append(NearsEnd(current.order.voice))
        self._soften_end(frames)

    def _crossfade_frames(self, current: Voice, follower: Voice) -> int:
        """How many frames before its end a track begins to make way for the next."""
        fade_s = min(self._crossfade_s(follower), self._crossfade_s(current))
        usual, ending = self._frames(fade_s), current.ending
        if ending is None or not self._settings.crossfade_s:
            return usual
        return ending.crossfade_frames(usual, self.rate_hz)

    def _cross(self, current: Voice, follower: Voice, remaining: int) -> None:
        """Let the next track in as the one that ends makes room."""
        ending = current.ending if current.fade.full else None
        self._next = None
        self._let_go(current, "finished", remaining / self.rate_hz)
        self._start(follower, remaining)
        if ending is not None:
            ends, begins = ending.course(remaining, self.rate_hz)
            current.fade.along(ends, remaining)
            follower.fade.along(begins, remaining)

    def _soften_end(self, frames: int) -> None:
        """Where nothing follows, a wave that ends in its middle is faded."""
        current, short = self._current, self._frames(SHORT_FADE_S)
        if current is None or not current.source.ended:
            return
        if self._next is not None and self._next.ready(short):
            return
        remaining = current.source.available
        if 0 < remaining <= frames + short and not current.fade.fading_out:
            current.fade.to(0.0, remaining)

    def _start(self, voice: Voice, fade_frames: int) -> None:
        voice.fade.to(1.0, fade_frames)
        if fade_frames == 0:
            voice.fade = type(voice.fade)(1.0)
        voice.started = True
        self._current = voice
        self._nears_end_told = False
        self._events.append(Started(voice.order.voice))

    def _let_go(self, voice: Voice | None, why: str, fade_s: float) -> None:
        """Fade a voice out; what it was is told now, while it still sounds."""
        if voice is None:
            return
        if voice.source.ended and voice.source.error and why == "finished":
            why = "failed"
        voice.fade.to(0.0, self._frames(fade_s))
        self._tell_ended(voice, why)
        self._leaving.append(voice)
        if len(self._leaving) > MOST_VOICES:
            self._leaving[0].fade.to(0.0, self._frames(SHORT_FADE_S))

    def _tell_ended(self, voice: Voice, why: str) -> None:
        message = voice.source.error if why == "failed" else ""
        self._events.append(Ended(voice.order.voice, why, voice.played_s, message))

    def _without_failed(self, voice: Voice | None) -> Voice | None:
        """Drop a waiting voice that turned out to hold no sound."""
        if voice is None or not voice.exhausted:
            return voice
        message = voice.source.error or f"{voice.order.path}: holds no sound"
        self._events.append(Ended(voice.order.voice, "failed", 0.0, message))
        voice.source.close()
        return None

    def _drop(self, voice: Voice | None, why: str) -> None:
        """Forget a voice that never sounded."""
        if voice is not None:
            self._events.append(Ended(voice.order.voice, why, 0.0, ""))
            voice.source.close()

    def _forget_leaving(self) -> None:
        for voice in self._leaving:
            self._starved += voice.starved
            voice.source.close()
        self._leaving = []

    def _leave_pause(self) -> None:
        """A new order to sound ends the pause; what was held silent does not come back."""
        if not self._paused:
            return
        self._paused = False
        if self._transport.silent:
            self._let_go(self._current, "replaced", 0.0)
            self._current = None
            self._forget_leaving()
        self._transport.to(0.0, self._frames(SHORT_FADE_S))

    def _crossfade_s(self, voice: Voice) -> float:
        """The crossfade of the configuration, at most half of a short file."""
        total = voice.source.remaining
        crossfade_s = self._settings.crossfade_s
        if total is None:
            return crossfade_s
        whole_s = total / self.rate_hz + voice.played_s
        return max(SHORT_FADE_S, min(crossfade_s, whole_s / 2))

    def _new_limiter(self) -> Limiter:
        """Return one that holds no sound of before."""
        return Limiter(self._settings.true_peak_limit_dbtp, self.rate_hz)

    def _frames(self, seconds: float) -> int:
        return round(seconds * self.rate_hz)
