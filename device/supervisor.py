"""Workers, their heartbeats and their restarts; the notices to systemd.

A worker owns one device and one thread. When it dies it is logged and restarted with
backoff; after too many deaths a non-critical worker stays down, visibly, and a critical
one ends the process so that systemd starts it afresh.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from device.readings import Clock, WorkerHealth

log = logging.getLogger(__name__)

MAX_RESTARTS = 5
RESTART_WINDOW_S = 60.0
FIRST_BACKOFF_S = 0.5
HEARTBEAT_MAX_AGE_S = 10.0
"""A critical worker that has not beaten for this long starves the systemd watchdog."""
HANGING_S = 60.0
"""A non-critical worker that has not beaten for this long is given up: a thread cannot be ended
from outside. Longer than FFmpeg and V4L2 wait for a picture (30 s and 10 s in OpenCV)."""
_RESTART = "unplug its device and plug it in again, or restart the kiosk"


class Worker(Protocol):
    """A loop that owns one device.

    ``run`` opens the device inside, calls ``beat`` at least every few seconds and returns
    soon (well under a second) after ``stop`` is set. Raising means: restart me. An optional
    attribute ``note`` says what is amiss while the worker itself is well.
    """

    @property
    def name(self) -> str: ...

    @property
    def critical(self) -> bool: ...

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None: ...


@dataclass
class _Post:
    """One worker's place in the house; touched under the supervisor's lock."""

    worker: Worker
    thread: threading.Thread | None = None
    status: str = "starting"
    restarts: int = 0
    message: str = ""
    last_beat: float = 0.0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_RESTARTS + 1))
    runs_elsewhere: bool = False
    """In a thread that is not ours: it is watched and never restarted."""


class Supervisor:
    """Runs workers until told to stop; see the module text for what happens to the dead."""

    def __init__(self, workers: Sequence[Worker], clock: Clock = time.monotonic) -> None:
        """``workers`` in starting order: consumers before producers."""
        self._posts = [_Post(worker) for worker in workers]
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.fatal = threading.Event()
        """Set when a critical worker cannot be kept alive."""

    def watch(self, worker: Worker) -> Callable[[], None]:
        """Return the beat of a worker that its caller runs; to be called before the start."""
        post = _Post(worker, runs_elsewhere=True)
        self._posts.append(post)
        return partial(self._beat, post)

    def start(self) -> None:
        """Start every worker in its own named thread."""
        for post in self._posts:
            post.last_beat = self._clock()
            if post.runs_elsewhere:
                continue
            post.thread = threading.Thread(
                target=self._keep_alive, args=(post,), name=post.worker.name, daemon=True
            )
            post.thread.start()

    def stop(self, deadline_s: float = 4.0) -> list[str]:
        """Stop all workers, producers joined first; return the names that did not end."""
        self._stop.set()
        end = self._clock() + deadline_s
        stuck = []
        for post in reversed(self._posts):
            if post.thread is None:
                continue
            post.thread.join(max(0.0, end - self._clock()))
            if post.thread.is_alive():
                stuck.append(post.worker.name)
        for name in stuck:
            log.error("worker %s did not end within %.1f s", name, deadline_s)
        return stuck

    def health(self) -> tuple[WorkerHealth, ...]:
        """Return one line of health per worker."""
        with self._lock:
            return tuple(
                WorkerHealth(
                    name=post.worker.name,
                    status=post.status,  # type: ignore[arg-type]
                    critical=post.worker.critical,
                    restarts=post.restarts,
                    message=post.message or getattr(post.worker, "note", ""),
                )
                for post in self._posts
            )

    def critical_are_fresh(self, max_age_s: float = HEARTBEAT_MAX_AGE_S) -> bool:
        """True while every critical worker has beaten lately; feeds the watchdog."""
        now = self._clock()
        with self._lock:
            return all(
                now - post.last_beat <= max_age_s for post in self._posts if post.worker.critical
            )

    def find_hanging(self) -> None:
        """Mark and log the non-critical workers that hang; to be called about once a second."""
        now = self._clock()
        with self._lock:
            hanging = [
                post
                for post in self._posts
                if post.status == "running"
                and not post.worker.critical
                and now - post.last_beat > HANGING_S
            ]
            for post in hanging:
                post.status = "failed"
                post.message = f"hangs, it has said nothing for {HANGING_S:.0f} s; {_RESTART}"
        for post in hanging:
            log.error("worker %s %s", post.worker.name, post.message)

    def _beat(self, post: _Post) -> None:
        with self._lock:
            post.last_beat = self._clock()
            if post.status == "failed":
                log.info("worker %s goes on", post.worker.name)
            if post.status != "running":
                post.status = "running"
                post.message = ""

    def _keep_alive(self, post: _Post) -> None:
        while not self._stop.is_set():
            try:
                post.worker.run(self._stop, partial(self._beat, post))
                if self._stop.is_set():
                    break
                error: Exception = RuntimeError("ended without being asked to")
            except Exception as raised:  # noqa: BLE001 - whatever kills a worker is handled here
                error = raised
            if not self._may_restart(post, error):
                return
        self._set(post, "stopped", "")

    def _may_restart(self, post: _Post, error: Exception) -> bool:
        now = self._clock()
        post.deaths.append(now)
        recent = [died for died in post.deaths if now - died <= RESTART_WINDOW_S]
        message = f"{type(error).__name__}: {error}"
        if len(recent) > MAX_RESTARTS:
            log.error("worker %s failed for good: %s", post.worker.name, message, exc_info=error)
            self._set(post, "failed", message)
            if post.worker.critical:
                self.fatal.set()
            return False
        backoff_s = FIRST_BACKOFF_S * 2 ** (len(recent) - 1)
        log.warning(
            "worker %s died, again in %.1f s: %s", post.worker.name, backoff_s, message,
            exc_info=error,
        )  # fmt: skip
        with self._lock:
            post.restarts += 1
        self._set(post, "restarting", message)
        return not self._stop.wait(backoff_s)

    def _set(self, post: _Post, status: str, message: str) -> None:
        with self._lock:
            post.status = status
            post.message = message


def sd_notify(message: str) -> None:
    """Tell systemd (``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``); nothing without systemd.

    Source: sd_notify(3); an address beginning with ``@`` is an abstract socket.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notice,
    ):
        notice.connect(address)
        notice.sendall(message.encode())
