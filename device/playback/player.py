"""The player worker: the conductor's orders in, state and events out, music kept alive.

The sound itself is made by the audio process (``engine.py``). When that dies or hangs this
worker starts another, which goes on where the music was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from device.channels import BoundedQueue, LatestSlot
from device.config import PlaybackSettings
from device.playback import wire
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
)
from device.playback.process import EngineProcess
from device.playback.program import Program
from device.readings import Clock, PlayerState, PlayerStatus

log = logging.getLogger(__name__)

TURN_S = 0.05
STATE_INTERVAL_S = 0.25
MOST_ENGINE_DEATHS = 5
ENGINE_DEATHS_WINDOW_S = 60.0


class EngineLostError(Exception):
    """The audio process ended or hangs."""

    def __init__(self, message: str, crashed: bool) -> None:
        super().__init__(message)
        self.crashed = crashed


class PlayerWorker:
    """Plays what the conductor orders; the only owner of the sound output.

    Publishes a ``PlayerState`` on every change and four times a second while playing, and the
    events of ``messages.py``. Music goes on through a lost sound card and a dead audio process.
    """

    name = "player"
    critical = True

    def __init__(
        self,
        settings: PlaybackSettings,
        orders: BoundedQueue[PlayerOrder],
        states: LatestSlot[PlayerState],
        events: BoundedQueue[PlayerEvent],
        clock: Clock = time.monotonic,
    ) -> None:
        self._settings = settings
        self._orders = orders
        self._states = states
        self._events = events
        self._clock = clock
        self._program = Program(settings, clock)
        self._deaths: deque[float] = deque(maxlen=MOST_ENGINE_DEATHS)
        self._published_at = float("-inf")
        self._state = PlayerState(
            "idle", volume_percent=settings.volume_percent, output=settings.output
        )
        self._paused = False
        self.note = ""
        """What is amiss with the output; empty when all is well."""
        self.underruns = 0
        """How often the output ran dry, as the audio process counts it."""

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Serve until ``stop``.

        Raises:
            EngineLostError: the audio process died too often; the supervisor decides.
        """
        while not stop.is_set():
            try:
                self._serve(stop, beat)
            except EngineLostError as lost:
                self._bear_loss(lost)

    def _serve(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Run one audio process until ``stop`` or its end."""
        with EngineProcess(self._settings, self._state.volume_percent, self._clock) as engine:
            self._take_up(engine)
            while not stop.is_set():
                beat()
                order = self._orders.get(TURN_S)
                while order is not None:
                    self._obey(engine, order)
                    order = self._orders.get(0)
                while (event := engine.receive(0)) is not None:
                    self._hear(event)
                # systemd ends the audio process together with us: that is no fault.
                if (fault := engine.fault()) and not stop.is_set():
                    raise EngineLostError(fault, engine.crashed)
                self._publish(self._state)

    def _obey(self, engine: EngineProcess, order: PlayerOrder) -> None:
        match order:
            case PlayNow():
                self._paused = False
                engine.send(self._program.play_now(order.track))
            case QueueNext():
                engine.send(self._program.queue(order.track))
            case PausePlayback():
                self._paused = True
                engine.send(wire.PauseOrder())
            case ResumePlayback():
                self._paused = False
                engine.send(wire.ResumeOrder())
            case StopPlayback():
                self._paused = False
                self._program.forget()
                engine.send(wire.StopOrder(order.fade_s))
            case SetPlaybackVolume():
                engine.send(wire.VolumeOrder(order.percent))
                self._publish(replace(self._state, volume_percent=order.percent))
            case SetDucking():
                engine.send(wire.DuckOrder(order.on))
                self._publish(replace(self._state, duck_wanted=order.on))

    def _hear(self, event: wire.Event) -> None:
        if not isinstance(event, wire.Report):
            self._pass_on(self._program.hear(event))
            return
        self.note = event.message or event.microphone_fault
        self.underruns = event.underruns
        self._publish(
            replace(
                self._state,
                status=cast(PlayerStatus, event.status),
                track=self._program.track_of(event.voice),
                position_s=event.position_s,
                ducked=event.ducked,
                output=event.output,
                message=event.message or self._program.trouble,
            )
        )

    def _pass_on(self, events: list[PlayerEvent]) -> None:
        for event in events:
            self._events.put(event)

    def _publish(self, state: PlayerState) -> None:
        """Publish a change at once, the mere passing of time four times a second."""
        if (state.status, state.output) != (self._state.status, self._state.output):
            log.info("player: %s, output %s", state.status, state.output or "none")
        changed = replace(state, position_s=0.0) != replace(self._state, position_s=0.0)
        self._state = state
        now = self._clock()
        due = now - self._published_at >= STATE_INTERVAL_S
        if changed or due:
            self._published_at = now
            self._states.put(state)

    # --- when the audio process is lost ---------------------------------------------------

    def _take_up(self, engine: EngineProcess) -> None:
        """Let a new audio process go on where the old one was."""
        for order in self._program.taken_up(self._state.position_s):
            engine.send(order)
        if self._state.duck_wanted:
            engine.send(wire.DuckOrder(True))
        if self._paused:
            engine.send(wire.PauseOrder())

    def _bear_loss(self, lost: EngineLostError) -> None:
        """Count the death; too many within a minute end this worker."""
        now = self._clock()
        log.error("%s; starting it again", lost)
        self._pass_on(self._program.lose_engine(self._state.position_s, lost.crashed))
        self._deaths.append(now)
        if (
            len(self._deaths) == MOST_ENGINE_DEATHS
            and now - self._deaths[0] <= ENGINE_DEATHS_WINDOW_S
        ):
            raise lost
