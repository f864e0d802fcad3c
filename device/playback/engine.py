"""The sound engine: a process of its own that decodes, mixes and plays.

It shares no interpreter lock with the daemon, so nothing the daemon does can make the music
stutter. Orders come in on stdin and reports go out on stdout, a JSON object a line; when stdin
ends, the daemon is gone and so is the engine.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from device.playback.decode import Deck, DecodeError
from device.playback.mix import Fade, Limiter, Ramp, Sound, db_to_gain, track_gain, volume_gain
from device.playback.output import BLOCK_FRAMES, RATE_HZ, Output, OutputError, open_output

ASK_NEXT_S = 10.0
"""The next track is asked for this long before the crossfade begins."""
LOOK_AHEAD_S = 1.0
REPORT_S = 0.25
VOLUME_RAMP_S = 0.08
PAUSE_FADE_S = 0.15
DUCK_RAMP_S = 0.35
OUTPUT_RETRY_S = 1.0
MAX_FAILURES = 5
"""So many tracks failing in a row end the asking: something is wrong with all of them."""


def frames(seconds: float) -> int:
    return round(seconds * RATE_HZ)


@dataclass
class Voice:
    """A track that sounds."""

    track: dict[str, Any]
    deck: Deck
    gain: float
    start_s: float
    fade: Fade | None = None
    ends_why: str = ""
    """Set while it fades out: why it will have ended."""
    played: int = 0
    fault: str = ""
    """Set when its file failed in mid-play."""

    @property
    def position_s(self) -> float:
        return self.start_s + self.played / RATE_HZ


@dataclass
class Engine:
    """Decks, mixer and output; one thread turns it block by block."""

    settings: dict[str, Any]
    current: Voice | None = None
    fading: list[Voice] = field(default_factory=list)
    queued: dict[str, Any] | None = None
    paused: bool = False
    asked: bool = False
    failures: int = 0
    message: str = ""

    def __post_init__(self) -> None:
        self.volume_percent = float(self.settings["volume_percent"])
        self.volume = Ramp(volume_gain(self.volume_percent))
        self.duck = Ramp(1.0)
        self.pausing = Ramp(1.0)
        ceiling = db_to_gain(self.settings["true_peak_limit_dbtp"])
        self.limiter = Limiter(ceiling, BLOCK_FRAMES)
        self.crossfade_s = float(self.settings["crossfade_s"])

    # --- orders -----------------------------------------------------------------------

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out one order of the daemon."""
        match order["order"]:
            case "play":
                self.failures, self.queued = 0, None
                self._start(order["track"], order.get("start_s"))
            case "queue":
                self.queued = order["track"]
                self.asked = True
                if self.current is None and not self.paused:
                    self._follow()
            case "pause":
                self.paused = True
                self.pausing.to(0.0, frames(PAUSE_FADE_S))
            case "resume":
                self.paused = False
                self.pausing.to(1.0, frames(PAUSE_FADE_S))
            case "stop":
                self._stop(float(order["fade_s"]))
            case "volume":
                self.volume_percent = float(order["percent"])
                self.volume.to(volume_gain(self.volume_percent), frames(VOLUME_RAMP_S))
            case "duck":
                goal = db_to_gain(self.settings["duck_db"]) if order["on"] else 1.0
                self.duck.to(goal, frames(DUCK_RAMP_S))

    def _start(
        self, track: dict[str, Any], start_s: float | None = None, crossfade_s: float | None = None
    ) -> None:
        """Let ``track`` sound now; what sounds fades out under it."""
        crossfade_s = self.crossfade_s if crossfade_s is None else crossfade_s
        start_s = float(track["lead_silence_s"]) if start_s is None else start_s
        deck = Deck(
            Path(track["path"]), RATE_HZ, start_s, float(track["tail_silence_s"]),
            self.crossfade_s + LOOK_AHEAD_S,
        )  # fmt: skip
        try:
            deck.fill()
        except DecodeError as error:
            self._fail(track, str(error))
            return
        if self.paused:  # What is heard next begins at full level.
            self.paused = False
            self.pausing.to(1.0, frames(PAUSE_FADE_S))
        old = self.current
        if old is not None:
            self._fade_out(old, crossfade_s, old.ends_why or "replaced")
        gain = track_gain(
            track["integrated_loudness_lufs"], track["true_peak_dbtp"],
            self.settings["target_lufs"], self.settings["true_peak_limit_dbtp"],
        )  # fmt: skip
        fade = Fade(frames(crossfade_s), out=False) if old and crossfade_s > 0 else None
        self.current = Voice(track, deck, gain, start_s, fade)
        self.asked, self.failures, self.message = False, 0, ""
        tell({"event": "started", "track_id": track["track_id"]})

    def _fade_out(self, voice: Voice, seconds: float, why: str) -> None:
        # A voice still fading in turns round at the level it has reached.
        reached = voice.fade.share if voice.fade else 1.0
        voice.fade = Fade(frames(max(seconds, 0.01)), out=True, start=1.0 - reached)
        voice.ends_why = why
        self.fading.append(voice)

    def _stop(self, fade_s: float) -> None:
        self.queued, self.asked = None, False
        if self.current is not None:
            self._fade_out(self.current, fade_s, "stopped")
            self.current = None
        if self.paused:
            for voice in self.fading:
                self._end(voice, "stopped")
            self.fading.clear()
            self.paused = False
            self.pausing.to(1.0, 0)

    def _follow(self) -> bool:
        """Start the queued track, if there is one."""
        if self.queued is None:
            return False
        track, self.queued = self.queued, None
        self._start(track)
        return True

    def _fail(self, track: dict[str, Any], message: str) -> None:
        self.failures += 1
        self.message = message
        tell(
            {"event": "ended", "track_id": track["track_id"], "why": "failed",
             "played_s": 0.0, "message": message}
        )  # fmt: skip
        if self.failures >= MAX_FAILURES:
            self.message = f"{self.failures} tracks in a row cannot be played; the last: {message}"
        elif self.queued is None:
            self.asked = True
            tell({"event": "wants_next"})

    def _end(self, voice: Voice, why: str) -> None:
        voice.deck.close()
        tell(
            {
                "event": "ended",
                "track_id": voice.track["track_id"],
                "why": "failed" if voice.fault else why,
                "played_s": voice.played / RATE_HZ,
                "message": voice.fault,
            }
        )

    # --- sound ------------------------------------------------------------------------

    def render(self) -> Sound:
        """Return the next block of what is to be heard."""
        block = np.zeros((BLOCK_FRAMES, 2), np.float32)
        if not (self.paused and self.pausing.is_still):
            self._mix_current(block)
            for voice in list(self.fading):
                self._mix_fading(voice, block)
        gains = self.volume.take(BLOCK_FRAMES) * self.duck.take(BLOCK_FRAMES)
        return self.limiter.push(block * gains * self.pausing.take(BLOCK_FRAMES))

    def _mix_current(self, block: Sound) -> None:
        at = 0
        while at < BLOCK_FRAMES and self.current is not None:
            voice = self.current
            got = self._add(voice, block, at)
            at += got
            if at < BLOCK_FRAMES:  # It ended within this block: the next follows on the sample.
                self._end(voice, "finished")
                self.current = None
                if not self._follow():
                    self._ask()
            elif self._is_time_to_cross(voice):
                voice.ends_why = "finished"
                self._follow()
            elif self._remaining_s(voice) <= self.crossfade_s + ASK_NEXT_S:
                self._ask()

    def _mix_fading(self, voice: Voice, block: Sound) -> None:
        got = self._add(voice, block, 0)
        if got < BLOCK_FRAMES or (voice.fade and voice.fade.is_over):
            self.fading.remove(voice)
            self._end(voice, voice.ends_why)

    def _add(self, voice: Voice, block: Sound, at: int) -> int:
        """Add the voice's next frames to ``block`` from ``at``; return how many there were."""
        try:
            sound = voice.deck.take(BLOCK_FRAMES - at)
        except DecodeError as error:
            self.message = voice.fault = str(error)
            return 0
        if len(sound) == 0:
            return 0
        sound = sound * voice.gain
        if voice.fade is not None:
            sound = sound * voice.fade.take(len(sound))
            if voice is self.current and voice.fade.is_over:
                voice.fade = None
        block[at : at + len(sound)] += sound
        voice.played += len(sound)
        return len(sound)

    def _is_time_to_cross(self, voice: Voice) -> bool:
        left = voice.deck.frames_left
        return (
            self.crossfade_s > 0
            and self.queued is not None
            and left is not None
            and left <= frames(self.crossfade_s)
        )

    def _remaining_s(self, voice: Voice) -> float:
        left = voice.deck.frames_left
        if left is not None:
            return left / RATE_HZ
        return float(voice.track["duration_s"]) - voice.position_s

    def _ask(self) -> None:
        if not self.asked and self.queued is None:
            self.asked = True
            tell({"event": "wants_next"})

    def state(self, output: Output | None, fault: str) -> dict[str, Any]:
        """Return the report of this moment."""
        voice = self.current
        status = "idle"
        if voice is not None:
            status = "paused" if self.paused else "playing"
        if output is None:
            status = "no_output"
        return {
            "event": "state",
            "status": status,
            "track_id": voice.track["track_id"] if voice else None,
            "position_s": round(voice.position_s, 2) if voice else 0.0,
            "volume_percent": self.volume_percent,
            "ducked": self.duck.value < 1 or not self.duck.is_still,
            "output": output.name if output else "",
            "message": fault or self.message,
        }


def tell(report: dict[str, Any]) -> None:
    """Report to the daemon; a daemon that is gone ends the engine."""
    try:
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise SystemExit(0) from None


def serve(engine: Engine, orders: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Turn the engine until the orders end; an output that is gone is tried again."""
    output: Output | None = None
    fault, retry_at, report_at = "", 0.0, 0.0
    last: dict[str, Any] = {}
    while True:
        while not orders.empty():
            order = orders.get()
            if order is None:
                if output is not None:
                    output.close()
                return
            engine.obey(order)
        now = time.monotonic()
        try:
            if output is None and now >= retry_at:
                output = open_output(engine.settings["output"])
                fault = ""
            if output is not None:
                output.write(engine.render())
        except OutputError as error:
            fault, retry_at = str(error), now + OUTPUT_RETRY_S
            if output is not None:
                output.close()
                output = None
        if output is None:
            time.sleep(0.05)
        state = engine.state(output, fault)
        still = {key: value for key, value in state.items() if key != "position_s"}
        if still != last or now >= report_at:
            tell(state)
            last, report_at = still, now + REPORT_S


def main() -> int:
    """Run the engine with the settings given as JSON in the first argument."""
    engine = Engine(json.loads(sys.argv[1]))
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)

    threading.Thread(target=listen, name="orders", daemon=True).start()
    serve(engine, orders)
    return 0


if __name__ == "__main__":
    sys.exit(main())
