"""The audio process: ``python -m device.playback.engine``; orders on stdin, events on stdout.

Why a process of its own. Measured by ``benchmarks/bench_playback.py`` on 2 shared x86 cores, with
PortAudio on a PulseAudio null sink and 0.25 s of device buffer:

- Two spinning Python threads slow decoding down 7 times in their process (MP3 from 409 to 59 times
  real time) and not at all in another. A thread with this buffer still kept up with that; what
  breaks it is one call that keeps the interpreter lock longer than the buffer lasts.
- This process: no underrun and no hole in the recorded sink in 200 s, with two spinning threads
  and a lock-keeping call every 3 s in the parent; 1.7 % of a core; first report 0.15 s after start.
- PortAudio aborts the whole process on some ALSA configurations, looks for devices only once, and
  a write to an unplugged card may hang. A process can be ended and started anew; a thread
  cannot. The same holds for a decoder that crashes on a file.

It shares no memory with the daemon and ends with it.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import math
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.journal import set_up_logging
from device.memory import keep_memory_small
from device.playback.clocked import DEFAULT_RATE_HZ
from device.playback.deck import Deck, DeckSettings
from device.playback.ears import Ears
from device.playback.output import Output, OutputError, open_output
from device.playback.prefetch import Prefetch
from device.playback.wire import (
    LINE_MAX_BYTES,
    MESSAGE_MAX,
    DuckOrder,
    Ended,
    Event,
    Order,
    PauseOrder,
    PlayOrder,
    Report,
    ResumeOrder,
    StopOrder,
    VolumeOrder,
    WireError,
    decode,
    encode,
)

log = logging.getLogger("device.playback.engine")  # It runs as __main__.

REPORT_INTERVAL_S = 0.2
GAPS_LOGGED_EVERY_S = 60.0
RETRY_S = 1.0
"""How often a missing card is looked for."""

AHEAD_S = 6.0
"""Decoded beyond the longest crossfade: hides a disk that has to spin up."""

END_AT_LATEST_S = 2.0
"""After the end of the pipe; the fade and what the card still holds take 0.5 s."""

ORDERS_KEPT = 64
EVENTS_KEPT = 256
PR_SET_PDEATHSIG = 1
PRIORITY = -11
"""The nice level that sound servers ask for (PulseAudio, PipeWire)."""


class Engine:
    """Renders the deck into the output, block after block, and reports."""

    def __init__(
        self,
        output_name: str,
        settings: DeckSettings,
        orders: OrderReader,
        reporter: Reporter,
        ears: Ears | None = None,
    ) -> None:
        self._output_name = output_name
        self._orders = orders
        self._ahead_s = settings.crossfade_s + AHEAD_S
        self._deck = Deck(settings, self._open_source, DEFAULT_RATE_HZ)
        self._reporter = reporter
        self._ears = ears
        self._output: Output | None = None
        self._fault = ""
        self._try_at = 0.0
        self._was_open = False
        self._underruns = self._gaps_said = 0
        self._gap_said_at = float("-inf")
        self._wrote_at = 0.0

    def run(self) -> None:
        """Work until the parent closes the pipe."""
        while not self._orders.closed:
            self._obey()
            if self._output is None:
                self._seek_output()
            if self._output is None:
                self._orders.wait(0.05)
            else:
                self._play_block(self._output)
            self._report()
        if self._output is not None:
            self._end(self._output)

    def _open_source(self, order: PlayOrder, rate_hz: int, start_s: float) -> Prefetch:
        ahead = round(self._ahead_s * rate_hz)
        within = [Path(folder) for folder in order.within]
        return Prefetch(Path(order.path), rate_hz, start_s, order.end_s, ahead, within)

    def _obey(self) -> None:
        while (order := self._orders.take()) is not None:
            match order:
                case PlayOrder():
                    self._deck.play(order)
                case PauseOrder():
                    self._deck.pause()
                case ResumeOrder():
                    self._deck.resume()
                case StopOrder():
                    self._deck.stop(order.fade_s)
                case VolumeOrder():
                    self._deck.set_volume(order.percent)
                case DuckOrder():
                    self._deck.duck(order.on)

    def _seek_output(self) -> None:
        if time.monotonic() < self._try_at:
            return
        try:
            self._output = open_output(self._output_name)
        except OutputError as error:
            self._fail(str(error))
            return
        self._fault = ""
        self._deck.change_rate(self._output.rate_hz)
        if self._was_open:
            self._deck.interrupt()
        self._was_open = True

    def _play_block(self, output: Output) -> None:
        began = time.monotonic()
        block = self._deck.render()
        mixed = time.monotonic()
        try:
            if not output.write(block):
                self._note_gap(
                    f"{output.name} ran dry (mixing took {mixed - began:.2f} s, the write"
                    f" {time.monotonic() - mixed:.2f} s, the rest {began - self._wrote_at:.2f} s)"
                )
            self._wrote_at = time.monotonic()
            self._listen(block, output.latency_s)
        except OutputError as error:
            self._lose(output, str(error))
        except OSError as error:
            self._lose(output, f"{output.name} cannot be written: {error.strerror}")

    def _note_gap(self, how: str) -> None:
        """Count a gap in the sound; on a box that is too busy they would fill the log."""
        self._underruns += 1
        now = time.monotonic()
        if now - self._gap_said_at >= GAPS_LOGGED_EVERY_S:
            gaps = self._underruns - self._gaps_said
            log.warning("%d gap%s in the sound: %s", gaps, "s" if gaps > 1 else "", how)
            self._gap_said_at, self._gaps_said = now, self._underruns

    def _listen(self, block: NDArray[np.float32], latency_s: float) -> None:
        """Lower the music while somebody speaks."""
        if self._ears is None:
            return
        power = float(np.square(block).mean())
        self._ears.note_played(10.0 * math.log10(max(power, 1e-12)), latency_s)
        self._deck.duck(self._ears.speaking, "voice")

    def _end(self, output: Output) -> None:
        """Fade out, so that the end does not click, and wait until it was heard."""
        self._deck.fade_away()
        while self._output is not None and not self._deck.faded_away:
            self._play_block(output)
        if self._output is not None:
            self._play_block(output)  # What the limiter still holds back.
            output.finish()

    def _lose(self, output: Output, message: str) -> None:
        output.close()
        self._output = None
        self._fail(message)

    def _fail(self, message: str) -> None:
        if not self._fault:
            log.warning("%s", message)
        self._fault = message
        self._try_at = time.monotonic() + RETRY_S

    def _report(self) -> None:
        deck, output = self._deck, self._output
        voice = deck.voice
        latency_s = output.latency_s if output else 0.0
        heard_s = max(voice.order.start_s, voice.position_s - latency_s) if voice else 0.0
        self._reporter.tell(
            deck.take_events(),
            Report(
                status=deck.status if output else "no_output",
                voice=voice.order.voice if voice else None,
                position_s=round(heard_s, 3),
                output=output.name if output else self._output_name,
                message=self._fault[:MESSAGE_MAX],
                ducked=deck.ducked,
                underruns=self._underruns,
                starved=deck.starved,
                microphone_fault=self._ears.fault[:MESSAGE_MAX] if self._ears else "",
            ),
        )


class OrderReader:
    """Reads orders from a descriptor in a thread; the end of the pipe ends the process.

    Also where a card hangs: then without a fade.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._queue: queue.Queue[Order] = queue.Queue(ORDERS_KEPT)
        self._peeked: Order | None = None
        self.closed = False
        """The process is to end; a signal handler may set it too."""
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def take(self) -> Order | None:
        """Return the next order, or None when there is none now."""
        if self._peeked is not None:
            order, self._peeked = self._peeked, None
            return order
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return None

    def wait(self, timeout_s: float) -> None:
        """Wait for an order, at most so long."""
        try:
            self._peeked = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            self._peeked = None

    def _read(self) -> None:
        with os.fdopen(self._fd, "rb") as lines:
            while line := lines.readline(LINE_MAX_BYTES + 1):
                try:
                    record = decode(line)
                except WireError as error:
                    log.error("an order that is none: %s", error)
                    continue
                if isinstance(record, Order):
                    self._queue.put(record)
        self.closed = True
        time.sleep(END_AT_LATEST_S)
        os._exit(1)  # A write to a card that was unplugged may never return.


class Reporter:
    """Writes events and reports without ever waiting for the reader."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._reported_at = float("-inf")
        self._last: Report | None = None

    def tell(self, events: list[Event], report: Report) -> None:
        """Send all events, and the report when it is due or something changed."""
        self._events.extend(events)
        while self._events and self._write(_cut(self._events[0])):
            self._events.popleft()
        now = time.monotonic()
        if self._changed(report) or now - self._reported_at >= REPORT_INTERVAL_S:
            self._reported_at = now
            self._last = report
            self._write(report)

    def _changed(self, report: Report) -> bool:
        last = self._last
        return last is None or (last.status, last.voice, last.message, last.ducked) != (
            report.status, report.voice, report.message, report.ducked,
        )  # fmt: skip

    def _write(self, event: Event) -> bool:
        try:
            # A line is shorter than PIPE_BUF (4096 bytes), so it is written whole or not at all.
            os.write(self._fd, encode(event))
        except BlockingIOError:
            return False
        except BrokenPipeError:
            return False  # The parent is gone: the end of its orders says so too.
        return True


def _cut(event: Event) -> Event:
    if isinstance(event, Ended) and len(event.message) > MESSAGE_MAX:
        shorter = "…" + event.message[-MESSAGE_MAX:]
        return Ended(event.voice, event.why, event.played_s, shorter)
    return event


def main() -> int:
    """Run the audio process."""
    parser = argparse.ArgumentParser(prog="python -m device.playback.engine")
    parser.add_argument("--output", required=True)
    parser.add_argument("--volume", type=float, required=True)
    parser.add_argument("--crossfade", type=float, required=True)
    parser.add_argument("--duck", type=float, required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--microphone", default="")
    parser.add_argument("--threshold", type=float, default=-45.0)
    args = parser.parse_args()
    set_up_logging("info")
    keep_memory_small()
    _die_with_parent()
    _ask_for_priority()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer.
    # The decoders may hold the lock for so long at most before the audio loop gets it.
    sys.setswitchinterval(0.001)
    settings = DeckSettings(args.crossfade, args.duck, args.limit, args.volume)
    reporter = Reporter(_own_stdout())
    orders = OrderReader(sys.stdin.fileno())
    # systemd ends all processes of the unit at once, and the kernel this one with its parent.
    signal.signal(signal.SIGTERM, lambda *_: setattr(orders, "closed", True))
    ears = Ears(args.microphone, args.threshold) if args.microphone else None
    Engine(args.output, settings, orders, reporter, ears).run()
    return 0


def _ask_for_priority() -> None:
    """Ask to be let run before other work; where that is not granted, sound may still do.

    Before any thread is started: they inherit it, and a decoder that waits for its turn must not
    keep the interpreter lock from the mixer.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    except OSError:
        log.debug("no priority: LimitNICE does not allow it")


def _own_stdout() -> int:
    """Take stdout for ourselves; what a library prints goes to stderr."""
    fd = os.dup(1)
    os.dup2(2, 1)
    return fd


def _die_with_parent() -> None:
    """Ask the kernel to end us with the thread that started us; the pipe's end does it too."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
