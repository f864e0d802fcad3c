"""The player's worker: hands the conductor's orders to the sound engine and reports back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catalog.track import Track
from device.channels import BoundedQueue, LatestSlot
from device.config import PlaybackSettings
from device.playback import messages as m
from device.readings import Clock, PlayerState

ORDER_WAIT_S = 0.05
REPORTS_KEPT = 1000
SILENCE_S = 8.0
"""The engine reports four times a second; one that is silent so long hangs."""
TRACKS_KNOWN = 50


class PlayerWorker:
    """Owns the engine's process; one that dies is started again and plays on."""

    name = "player"
    critical = True

    def __init__(
        self,
        settings: PlaybackSettings,
        orders: BoundedQueue[m.PlayerOrder],
        states: LatestSlot[PlayerState],
        events: BoundedQueue[m.PlayerEvent],
        clock: Clock = time.monotonic,
    ) -> None:
        self._settings = settings
        self._orders = orders
        self._states = states
        self._events = events
        self._clock = clock
        self._known: dict[int, Track] = {}
        self._playing: tuple[Track, float] | None = None
        """What sounds and where, to go on with after the engine had to be started again."""
        self._volume_percent = settings.volume_percent
        self.note = ""

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Serve until stopped; raises when the engine dies or hangs."""
        with Engine(
            self._settings.model_copy(update={"volume_percent": self._volume_percent})
        ) as engine:
            self._resume(engine)
            heard_at = self._clock()
            while not stop.is_set():
                order = self._orders.get(ORDER_WAIT_S)
                if order is not None:
                    engine.send(self._translate(order))
                while (report := engine.reports.get(0)) is not None:
                    heard_at = self._clock()
                    self._hear(report)
                    beat()
                if not engine.is_alive:
                    raise RuntimeError(f"the sound engine ended: {engine.last_words()}")
                if self._clock() - heard_at > SILENCE_S:
                    raise RuntimeError(f"the sound engine was silent for {SILENCE_S:.0f} s")
            self._fade_away(engine)

    def _resume(self, engine: Engine) -> None:
        if self._playing is not None:
            track, position_s = self._playing
            engine.send({"order": "play", "track": describe(track), "start_s": position_s})

    def _fade_away(self, engine: Engine) -> None:
        """Let the last orders (a fade-out) be heard before the end."""
        while (order := self._orders.get(0)) is not None:
            engine.send(self._translate(order))
        engine.send({"order": "stop", "fade_s": 0.3})
        time.sleep(0.4)

    def _translate(self, order: m.PlayerOrder) -> dict[str, Any]:
        match order:
            case m.PlayNow() | m.QueueNext():
                kind = "play" if isinstance(order, m.PlayNow) else "queue"
                return {"order": kind, "track": self._remember(order.track)}
            case m.StopPlayback():
                return {"order": "stop", "fade_s": order.fade_s}
            case m.SetPlaybackVolume():
                self._volume_percent = order.percent
                return {"order": "volume", "percent": order.percent}
            case m.SetDucking():
                return {"order": "duck", "on": order.on}
            case m.PausePlayback() | m.ResumePlayback():
                pausing = isinstance(order, m.PausePlayback)
                return {"order": "pause" if pausing else "resume"}

    def _remember(self, track: Track) -> dict[str, Any]:
        self._known[track.track_id] = track
        while len(self._known) > TRACKS_KNOWN:
            del self._known[next(iter(self._known))]
        return describe(track)

    def _hear(self, report: dict[str, Any]) -> None:
        now = self._clock()
        match report["event"]:
            case "state":
                self._note_state(report)
            case "started":
                self._put(m.TrackStarted(report["track_id"], now))
            case "ended":
                self._put(
                    m.TrackEnded(
                        report["track_id"], now, report["why"], report["played_s"],
                        report["message"],
                    )
                )  # fmt: skip
            case "wants_next":
                self._put(m.WantsNext(now))

    def _put(self, event: m.PlayerEvent) -> None:
        self._events.put(event)

    def _note_state(self, report: dict[str, Any]) -> None:
        track = self._known.get(report["track_id"]) if report["track_id"] is not None else None
        self._playing = (track, report["position_s"]) if track else None
        self._states.put(
            PlayerState(
                status=report["status"],
                track=track,
                position_s=report["position_s"],
                volume_percent=report["volume_percent"],
                ducked=report["ducked"],
                output=report["output"],
                message=report["message"],
            )
        )


class Engine:
    """The engine's process and the two pipes to it."""

    def __init__(self, settings: PlaybackSettings) -> None:
        self.reports: BoundedQueue[dict[str, Any]] = BoundedQueue(REPORTS_KEPT, drop="oldest")
        # A session of its own, so that Ctrl-C at the terminal ends the daemon first.
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "device.playback.engine", settings.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        self._errors: list[str] = []
        for name, target in (("reports", self._read_reports), ("errors", self._read_errors)):
            threading.Thread(target=target, name=f"engine-{name}", daemon=True).start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the orders, which ends the engine."""
        if self._process.stdin:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                self._process.kill()
        try:
            self._process.wait(1.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, order: dict[str, Any]) -> None:
        """Give an order; raises RuntimeError when the engine is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(f"the sound engine ended: {self.last_words()}") from None

    def last_words(self) -> str:
        """Return the last line the engine wrote to its errors."""
        return self._errors[-1] if self._errors else f"exit code {self._process.poll()}"

    def _read_reports(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.reports.put(json.loads(line))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            # ALSA writes whole pages there when a card is missing.
            self._errors = [*self._errors[-20:], line.strip()] if line.strip() else self._errors


def describe(track: Track) -> dict[str, Any]:
    """Return what the engine needs to know of a track."""
    return {
        "track_id": track.track_id,
        "path": str(track.path),
        "duration_s": track.duration_s,
        "integrated_loudness_lufs": track.integrated_loudness_lufs,
        "true_peak_dbtp": track.true_peak_dbtp,
        "lead_silence_s": track.lead_silence_s,
        "tail_silence_s": track.tail_silence_s,
    }
