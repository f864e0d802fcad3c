"""``attune play``: files to the loudspeaker by the kiosk's own player, by hand."""

from __future__ import annotations

import argparse
import logging
import queue
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.folders import from_home
from catalog.plain import cut, plain
from device.commands.errors import CommandError

if TYPE_CHECKING:
    from catalog.track import Track
    from device.playback.messages import PlayerEvent
    from device.readings import PlayerState

log = logging.getLogger(__name__)

FADE_S = 0.4
LONGEST_CROSSFADE_S = 15.0


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "play",
        help="play music files",
        description="Play files one after the other through the kiosk's player, at equal loudness.",
        epilog="example: attune play --output null --crossfade 2 one.flac two.mp3"
        "    (outputs: attune devices). Ctrl-C fades out and ends.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="music file")
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument(
        "--output", metavar="NAME", help="auto, a name of `attune devices`, null or a .wav file"
    )
    parser.add_argument("--volume", type=float, metavar="PERCENT", help="0..100")
    parser.add_argument("--crossfade", type=float, metavar="SECONDS", help="0..15; 0 is gapless")
    parser.add_argument(
        "--as-is", action="store_true", help="do not measure the files and level their loudness"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play all files; 1 when one of them could not be played."""
    missing = [str(path) for path in args.files if not path.exists()]
    if missing:
        raise CommandError(f"no such file: {', '.join(missing)}")
    settings = _settings(args)
    out = from_home(settings.output)
    for path in args.files:
        if out.suffix.lower() == ".wav" and out.exists() and out.samefile(path):
            raise CommandError(f"the output is {path} itself: choose another name", exit_code=2)
    failures = Playing(settings, Ahead(args.files, args.as_is)).play()
    for failure in failures:
        print(f"attune: {plain(failure)}", file=sys.stderr)
    return 1 if failures else 0


def _settings(args: argparse.Namespace) -> Any:
    from device.commands.run import load_settings

    for name, value, highest in (
        ("--volume", args.volume, 100.0),
        ("--crossfade", args.crossfade, LONGEST_CROSSFADE_S),
    ):
        if value is not None and not 0 <= value <= highest:
            raise CommandError(f"{name} must be 0..{highest:g}, not {value:g}", exit_code=2)
    given = {
        "output": args.output,
        "volume_percent": args.volume,
        "crossfade_s": args.crossfade,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    return load_settings(args.config).playback.model_copy(update=changes)


def _track(number: int, path: Path, as_is: bool) -> Track:
    from catalog.emotions import neutral_point
    from catalog.track import Track
    from device.commands.measured import measured_track

    if as_is:
        return Track(number, path, path.stem, "", "", "", 0.0, neutral_point())
    return measured_track(number, path)


class Ahead:
    """Measures each file while the one before plays: an album would else begin in a minute."""

    def __init__(self, files: list[Path], as_is: bool) -> None:
        self.count = self.left = len(files)
        self._ready: queue.Queue[Track] = queue.Queue(1)
        threading.Thread(
            target=self._work, args=(files, as_is), name="measure", daemon=True
        ).start()

    def next(self) -> Track | None:
        """Return the next track; None while there is none."""
        try:
            track = self._ready.get_nowait()
        except queue.Empty:
            return None
        self.left -= 1
        return track

    def _work(self, files: list[Path], as_is: bool) -> None:
        for number, path in enumerate(files, 1):
            try:
                track = _track(number, path, as_is)
            except Exception:
                log.exception("%s cannot be measured", path)
                track = _track(number, path, as_is=True)
            self._ready.put(track)


class Playing:
    """Plays a list to its end and shows where it is."""

    def __init__(self, settings: Any, ahead: Ahead) -> None:
        from device.channels import BoundedQueue, LatestSlot
        from device.playback.messages import PlayerOrder
        from device.playback.player import PlayerWorker

        self._ahead = ahead
        self._wanted = True
        """The player waits for a track."""
        self._handed = 0
        """The number of the track that the player has and has not begun."""
        self._orders: BoundedQueue[PlayerOrder] = BoundedQueue(16, drop="oldest")
        self._states: LatestSlot[PlayerState] = LatestSlot()
        self._events: BoundedQueue[PlayerEvent] = BoundedQueue(64, drop="oldest")
        self._worker = PlayerWorker(
            settings, self._orders, self._states, self._events, time.monotonic
        )
        self._failures: list[str] = []
        self._in_a_row = 0
        self._ended = 0

    def play(self) -> list[str]:
        """Play; return what went wrong, one line per file."""
        from device.playback.messages import StopPlayback

        stop = threading.Event()
        thread = threading.Thread(target=self._serve, args=(stop,), name="player")
        thread.start()
        try:
            while self._goes_on() and thread.is_alive():
                self._hand_over()
                self._follow()
                self._show()
        except KeyboardInterrupt:
            self._orders.put(StopPlayback(FADE_S))
            time.sleep(FADE_S + 0.5)
        finally:
            time.sleep(0.3)  # What is still in the card is heard.
            stop.set()
            thread.join(3)
            self._clear_line()
        return self._failures

    def _serve(self, stop: threading.Event) -> None:
        from device.playback.player import EngineLostError

        try:
            self._worker.run(stop, lambda: None)
        except (EngineLostError, OSError) as error:  # No supervisor starts it anew here.
            self._failures.append(f"the player has stopped: {error}")

    def _goes_on(self) -> bool:
        from device.playback.program import MOST_FAILURES

        return self._ended < self._ahead.count and self._in_a_row < MOST_FAILURES

    def _hand_over(self) -> None:
        from device.playback.messages import QueueNext

        if self._wanted and (track := self._ahead.next()) is not None:
            self._wanted, self._handed = False, track.track_id
            self._orders.put(QueueNext(track))

    def _follow(self) -> None:
        from device.playback.messages import TrackEnded, TrackStarted, WantsNext

        event = self._events.get(0.2)
        if isinstance(event, TrackStarted | TrackEnded) and event.track_id == self._handed:
            self._handed = 0
        if isinstance(event, TrackEnded):
            self._ended += 1
            failed = event.why == "failed"
            self._in_a_row = self._in_a_row + 1 if failed else 0
            if failed:
                self._failures.append(event.message)
        if isinstance(event, WantsNext):
            # It may have asked once more before it met what it was handed.
            self._wanted = self._handed == 0

    def _show(self) -> None:
        state = self._states.latest()
        if state is None or not sys.stdout.isatty():
            return
        title = state.track.path.name if state.track else ""
        if not title and self._wanted and self._ahead.left:
            title = "measuring the next file (--as-is does not)"
        minutes, seconds = divmod(int(state.position_s), 60)
        line = plain(f"{minutes}:{seconds:02d}  {title}  [{state.output}]  {state.message}")
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\033[K{cut(line, width)}", end="", flush=True)

    @staticmethod
    def _clear_line() -> None:
        if sys.stdout.isatty():
            print("\r\033[K", end="", flush=True)
