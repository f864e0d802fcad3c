"""``attune play``: hands-on sound, through the same engine as the kiosk."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from pathlib import Path

from catalog.emotions import neutral_point
from catalog.track import Track
from device.channels import BoundedQueue, LatestSlot
from device.commands.errors import CommandError
from device.playback import messages as m
from device.readings import PlayerState


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "play",
        help="play music files, crossfaded",
        description="Play files one after the other through the kiosk's sound engine.",
        epilog="example: attune play --output null --crossfade 2 a.flac b.mp3",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--output", default="auto", help="auto, a card's name, null or a .wav path")
    parser.add_argument("--volume", type=float, default=70.0, metavar="PERCENT")
    parser.add_argument("--crossfade", type=float, default=4.0, metavar="S")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the files; exit code 1 when one of them could not be played."""
    from device.commands.run import validated
    from device.config import PlaybackSettings
    from device.playback.player import PlayerWorker

    missing = [str(path) for path in args.files if not path.is_file()]
    if missing:
        raise CommandError(f"no such file: {', '.join(missing)}")
    settings = validated(
        PlaybackSettings,
        output=args.output, volume_percent=args.volume, crossfade_s=args.crossfade,
    )  # fmt: skip
    orders: BoundedQueue[m.PlayerOrder] = BoundedQueue(16, drop="oldest")
    states: LatestSlot[PlayerState] = LatestSlot()
    events: BoundedQueue[m.PlayerEvent] = BoundedQueue(256, drop="oldest")
    stop = threading.Event()
    worker = PlayerWorker(settings, orders, states, events)
    thread = threading.Thread(target=worker.run, args=(stop, lambda: None), daemon=True)
    thread.start()
    try:
        return _play_all(
            [_track(n, path) for n, path in enumerate(args.files)], orders, states, events
        )
    finally:
        stop.set()
        thread.join(3)


def _play_all(
    tracks: list[Track],
    orders: BoundedQueue[m.PlayerOrder],
    states: LatestSlot[PlayerState],
    events: BoundedQueue[m.PlayerEvent],
) -> int:
    waiting = list(tracks)
    orders.put(m.PlayNow(waiting.pop(0)))
    ended = failed = 0
    while ended < len(tracks):
        event = events.get(0.2)
        if isinstance(event, m.TrackEnded):
            ended += 1
            if event.why == "failed":
                failed += 1
                print(f"\n{event.message}", file=sys.stderr)
        elif isinstance(event, m.WantsNext) and waiting:
            orders.put(m.QueueNext(waiting.pop(0)))
        _show(states.latest())
    print()
    return 1 if failed else 0


def _show(state: PlayerState | None) -> None:
    if state is None or not sys.stdout.isatty():
        return
    if state.status == "no_output":
        line = state.message
    else:
        track = state.track
        name, length_s = (track.title, track.duration_s) if track else ("", 0.0)
        line = f"{name}  {_clock(state.position_s)} / {_clock(length_s)}  {state.status}"
    print(f"\r\x1b[K{line[:110]}", end="", flush=True)


def _clock(seconds: float) -> str:
    return time.strftime("%M:%S", time.gmtime(seconds))


def _track(number: int, path: Path) -> Track:
    import av

    duration_s = 0.0
    # What is wrong with a file is the engine's to say.
    with contextlib.suppress(av.FFmpegError, OSError), av.open(str(path)) as container:
        duration_s = (container.duration or 0) / 1e6
    return Track(number, path.resolve(), path.stem, "", "", "", duration_s, neutral_point())
