"""The audio process's microphone: starts the listening process, reads levels, runs the gate."""

from __future__ import annotations

import logging
import select
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from device.playback.listener import SILENT_DBFS
from device.playback.voice_gate import VoiceGate

log = logging.getLogger(__name__)

RETRY_S = 5.0
LINE_MAX_BYTES = 64
REVERBERATION_S = 0.4
"""Sound stays in a living room for about so long (reverberation time, ISO 3382-2)."""

LATE_S = 0.2
"""What the microphone's own buffers add."""

HANGS_S = 20.0
"""Without a level for so long its process hangs, as a card may: longer than a start takes."""

MUTE_AFTER_S = 1.0
"""Without a level for so long nothing is known any more: the music is not lowered."""


class Ears:
    """Says whether somebody speaks near the microphone; never blocks who asks."""

    def __init__(
        self,
        microphone: str,
        threshold_dbfs: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fault = ""
        """Why nothing is heard, and what to do; empty when all is well."""
        self._clock = clock
        self._microphone = microphone
        self._gate = VoiceGate(threshold_dbfs)
        self._lock = threading.Lock()
        self._played: deque[tuple[float, float]] = deque(maxlen=64)
        self._heard_at = float("-inf")
        threading.Thread(target=self._listen, name="ears", daemon=True).start()

    @property
    def speaking(self) -> bool:
        """True while somebody speaks and shortly after."""
        return self._gate.speaking and self._clock() - self._heard_at < MUTE_AFTER_S

    def note_played(self, level_dbfs: float, latency_s: float) -> None:
        """Tell the level of a block that sounds ``latency_s`` from now."""
        with self._lock:
            self._played.append((self._clock() + latency_s, level_dbfs))

    def _music_dbfs(self, now: float) -> float:
        """Return the loudest music that the microphone may hear now."""
        with self._lock:
            return max(
                (level for at, level in self._played if -REVERBERATION_S - LATE_S < at - now < 0.1),
                default=SILENT_DBFS,
            )

    def _listen(self) -> None:
        """Keep a listening process going, whatever becomes of the microphone."""
        while True:
            command = [sys.executable, "-m", "device.playback.listener", self._microphone]
            try:
                with subprocess.Popen(  # noqa: S603 - our own module, arguments as a list
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,  # What lay in a buffer would hide from select.
                ) as process:
                    self._note_fault(self._follow(process))
            except OSError as error:  # Too little memory, too many processes.
                self._note_fault(f"the listening process cannot be started: {error.strerror}")
            time.sleep(RETRY_S)

    def _follow(self, process: subprocess.Popen[bytes]) -> str:
        """Hear what it says until it ends; return why it did."""
        assert process.stdout is not None
        assert process.stderr is not None
        while True:
            if not select.select([process.stdout], [], [], HANGS_S)[0]:
                process.kill()
                return f"microphone {self._microphone} says nothing: unplug it and plug it in again"
            if not (line := process.stdout.readline(LINE_MAX_BYTES)):
                break
            try:
                level_dbfs = float(line)
            except ValueError:
                log.warning("no level: %r", line)
                continue
            self.fault = ""
            now = self._clock()
            self._heard_at = now
            self._gate.update(level_dbfs, self._music_dbfs(now))
        said = process.stderr.read(4096).decode("utf-8", "replace").strip()
        return said.splitlines()[-1] if said else "the listening process ended"

    def _note_fault(self, fault: str) -> None:
        if fault != self.fault:
            log.warning("%s", fault)
        self.fault = fault
