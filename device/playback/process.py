"""The daemon's end of the audio process: starts it, talks to it, sees when it is unwell."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from types import TracebackType

from device.channels import BoundedQueue
from device.config import PlaybackSettings
from device.playback.wire import LINE_MAX_BYTES, Event, Order, WireError, decode, encode
from device.readings import Clock

log = logging.getLogger(__name__)

EVENTS_KEPT = 256
SILENT_MAX_S = 5.0
"""Without a sign of life for so long the process hangs: a write to a card that was unplugged
may never return."""

STARTING_MAX_S = 20.0
"""A cold start from a slow card reads PyAV's 60 MB first."""

END_TIMEOUT_S = 0.95
"""For the fade (0.15 s) and what the card still holds (0.5 s) to be heard."""

KILLED_S = 1.0
"""For the kernel to end it."""

CRASH_SIGNALS = (
    signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL,
)  # fmt: skip


class EngineProcess:
    """One run of the audio process; use as a context manager."""

    def __init__(self, settings: PlaybackSettings, volume_percent: float, clock: Clock) -> None:
        self._clock = clock
        self._command = [
            sys.executable, "-m", "device.playback.engine",
            f"--output={settings.output}", f"--volume={volume_percent}",
            f"--crossfade={settings.crossfade_s}", f"--duck={settings.duck_db}",
            f"--limit={settings.true_peak_limit_dbtp}",
            f"--microphone={settings.microphone}",
            f"--threshold={settings.microphone_threshold_dbfs}",
        ]  # fmt: skip
        self._events: BoundedQueue[Event] = BoundedQueue(EVENTS_KEPT, drop="oldest")

    def __enter__(self) -> EngineProcess:
        self._process = subprocess.Popen(  # noqa: S603 - our own module, arguments as a list
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._heard_at = self._clock()
        self._patience_s = STARTING_MAX_S
        self._reader = threading.Thread(target=self._read, name="player-events", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        assert process.stdin is not None
        try:
            process.stdin.close()
        except OSError:
            log.debug("the audio process had closed its end")
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            self._wait_for_end()
        self._reader.join(END_TIMEOUT_S)

    def _wait_for_end(self) -> None:
        try:
            self._process.wait(KILLED_S)
        except subprocess.TimeoutExpired:
            # One that waits in the kernel, for a disk perhaps, ends when that lets it go.
            log.error("the audio process %d does not end; going on without it", self.pid)

    def send(self, order: Order) -> None:
        """Send an order; one to a process that is gone is lost, see :meth:`fault`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(order))
            self._process.stdin.flush()
        except OSError:
            log.debug("an order to an audio process that is gone")

    def receive(self, timeout_s: float) -> Event | None:
        """Return the next event, waiting at most so long."""
        return self._events.get(timeout_s)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def crashed(self) -> bool:
        """True when a fault of its own code ended it, as a broken decoder's would."""
        return -(self._process.poll() or 0) in CRASH_SIGNALS

    def fault(self) -> str:
        """Return why the process is of no more use; empty while it is well."""
        code = self._process.poll()
        if code is not None:
            return f"the audio process ended ({'signal' if code < 0 else 'code'} {abs(code)})"
        if self._clock() - self._heard_at > self._patience_s:
            return f"the audio process has said nothing for {self._patience_s:.0f} s"
        return ""

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            while line := lines.readline(LINE_MAX_BYTES + 1):
                try:
                    record = decode(line)
                except WireError as error:
                    log.error("an event that is none: %s", error)
                    continue
                self._heard_at, self._patience_s = self._clock(), SILENT_MAX_S
                if isinstance(record, Event):
                    self._events.put(record)
