"""Several processes that analyse files, each given one file at a time."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self, cast

from catalog.analysis import CatalogError
from catalog.builder.wire import READY, Job, Outcome, decode_outcome, encode_job

JOB_TIMEOUT_S = 30 * 60.0
"""A file that keeps a worker longer (two hours of music take about two minutes) is given up."""

_STOP_S = 2.0
"""Time a worker has to end by itself when the build stops."""

MEMORY_BYTES = 2 << 30
"""Address space of a worker; it takes 0.6 GB, of which 0.36 are resident. A file that wants more
fails alone instead of making the whole machine swap."""

_LOST_STARTS = 3
"""So many fresh workers in a row may die (no memory) before the build gives up."""


class LostStartError(Exception):
    """A worker ended before it was ready; the message says how."""


class _Worker:
    """One process and the job it has."""

    def __init__(self, command: list[str]) -> None:
        self.job: Job | None = None
        self.since = 0.0
        self.is_ready = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for the build, which ends the workers in order.
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[2],
        )

    @property
    def answers(self) -> IO[bytes]:
        return cast("IO[bytes]", self.process.stdout)

    def give(self, job: Job) -> None:
        """Give the worker its next job; one that is still starting gets it when it is ready.

        So there is never more than one line under way, and none hides in a buffer from select.
        """
        self.job, self.since = job, time.monotonic()
        if self.is_ready:
            self._send(job)

    def _send(self, job: Job) -> None:
        jobs = cast("IO[bytes]", self.process.stdin)
        with suppress(BrokenPipeError):  # It has died: its answer will say so.
            jobs.write(encode_job(job))
            jobs.flush()

    def take(self) -> Outcome | None:
        """Return the outcome that is ready; a dead or confused worker is an outcome, too.

        None when the worker has only said that it is ready. Raises LostStartError when it could
        not even start: no file is to blame then.
        """
        line = self.answers.readline()
        if not self.is_ready:
            if line != READY:
                ending = self._ending()
                raise LostStartError(self._last_words() or f"its process {ending}")
            self.is_ready = True
            self._send(cast("Job", self.job))
            return None
        if line.endswith(b"\n"):
            try:
                return decode_outcome(line)
            except (ValueError, KeyError, TypeError) as error:
                self.stop()
                return Outcome(None, f"its analysis gave no usable answer ({error})")
        ending = self._ending()
        if self.process.returncode > 0:
            ending += f" ({self._last_words()})"
        # Only the kernel, short of memory, kills a worker so; and a file has no way to end one
        # with a code: the code does that, out of memory where it minds none. Both may pass.
        passing = self.process.returncode > 0 or self.process.returncode == -signal.SIGKILL
        return Outcome(None, f"the process that analysed it {ending}", passing=passing)

    def _last_words(self) -> str:
        """Return the last thing that the process, which has ended, said of itself."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _ending(self) -> str:
        """Return how the process, whose pipe has ended, came to its end."""
        try:
            code = self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "closed its pipe and hung"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process; returns when it has ended."""
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        if self.job is not None and self.is_alive:
            self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._errors.close()


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What every worker is told once."""

    fingerprint: str
    dlut: Path | None = None
    memory_bytes: int = MEMORY_BYTES

    def command(self) -> list[str]:
        """Return the command that starts a worker."""
        dlut = str(self.dlut.resolve()) if self.dlut else ""
        worker = [sys.executable, "-m", "catalog.builder.worker"]
        return [*worker, self.fingerprint, dlut, str(self.memory_bytes)]


class WorkerPool:
    """A number of worker processes; a context manager that leaves none behind."""

    def __init__(self, count: int, setup: WorkerSetup, timeout_s: float = JOB_TIMEOUT_S) -> None:
        self._count = count
        self._command = setup.command()
        self._timeout_s = timeout_s
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._lost_starts = _LOST_STARTS - 1
        """In a row. The first worker of all is given no second try: that fault would stay."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in list(self._workers):
            self._drop(worker)
        self._selector.close()

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Yield each job with what became of it, as they get done."""
        waiting = iter(jobs)
        for _ in range(self._count):
            self._feed(None, waiting)
        while self._workers:
            ready = [cast("_Worker", key.data) for key, _ in self._selector.select(timeout=1.0)]
            late = [one for one in self._workers if one not in ready and self._is_late(one)]
            for worker in ready + late:
                job = cast("Job", worker.job)
                outcome = self._take(worker) if worker in ready else self._give_up(worker)
                if outcome is None:
                    continue
                worker.job = None
                self._feed(worker, waiting)
                yield job, outcome

    def _take(self, worker: _Worker) -> Outcome | None:
        try:
            outcome = worker.take()
        except LostStartError as error:
            self._lost_starts += 1
            if self._lost_starts >= _LOST_STARTS:
                raise CatalogError(f"the analysis cannot start: {error}") from error
            return Outcome(None, f"a process to analyse it could not start: {error}", passing=True)
        self._lost_starts = 0
        return outcome

    def _is_late(self, worker: _Worker) -> bool:
        return time.monotonic() - worker.since > self._timeout_s

    def _give_up(self, worker: _Worker) -> Outcome:
        worker.stop()
        return Outcome(None, f"took longer than {self._timeout_s:g} s to analyse")

    def _feed(self, worker: _Worker | None, waiting: Iterator[Job]) -> None:
        """Give a worker (a fresh one for None or in place of a dead one) its next job."""
        job = next(waiting, None)
        if worker is not None and (job is None or not worker.is_alive):
            self._drop(worker)
            worker = None
        if job is None:
            return
        if worker is None:
            worker = self._start()
        worker.give(job)

    def _start(self) -> _Worker:
        with _uninterrupted():  # Between its birth and its entry in the list it had no owner.
            worker = _Worker(self._command)
            self._workers.append(worker)
            self._selector.register(worker.answers, selectors.EVENT_READ, worker)
        return worker

    def _drop(self, worker: _Worker) -> None:
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        worker.stop()
        worker.answers.close()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put a Ctrl-C off until the block is done."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread is interrupted.
        return
    came: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came and callable(before):
            before(*came[0])
