"""The workers of the build on other machines: a Dask cluster, for libraries past one machine.

Dask moves the jobs and starts lost ones anew; what a job is, is the same as in a local worker.
The music must lie under the same path on every machine (a network file system does that), and
one thread per Dask worker is best: `dask worker ADDRESS --nthreads 1 --nworkers auto`.
"""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from catalog.analysis import CatalogError
from catalog.builder.analyse import do_job
from catalog.builder.evidence import EvidenceFinder, analysis_fingerprint
from catalog.builder.wire import (
    Job,
    Outcome,
    decode_job,
    decode_outcome,
    encode_job,
    encode_outcome,
)

CONNECT_S = 10
LOOK_EVERY_S = 0.05
JOBS_PER_THREAD = 3
"""Jobs handed out ahead, so that no worker waits for the network."""

_of_thread = threading.local()


def analyse_line(line: bytes, fingerprint: str, dlut: str) -> bytes:
    """Do one job on a Dask worker; its models are loaded once per thread."""
    finder: EvidenceFinder | None = getattr(_of_thread, "finder", None)
    if finder is None:
        finder = _of_thread.finder = EvidenceFinder(Path(dlut) if dlut else None)
    return encode_outcome(do_job(decode_job(line), fingerprint, finder))


def fingerprint_there(dlut: str) -> str:
    """Return how a Dask worker would analyse: version, models, ontology."""
    return analysis_fingerprint(Path(dlut) if dlut else None)


class ClusterPool:
    """Dask workers with the face of :class:`catalog.builder.workers.WorkerPool`."""

    def __init__(self, address: str, fingerprint: str, dlut: Path | None = None) -> None:
        """Connect to a scheduler such as ``tcp://192.168.1.5:8786``.

        Raises:
            CatalogError: Dask is missing, nobody answers, the connection is closed, or the
                workers are another version.
        """
        try:
            self._dask: Any = importlib.import_module("distributed")
        except ImportError as error:
            raise CatalogError(
                "building on a cluster needs Dask: pip install distributed"
            ) from error
        # What it logs of a connection that is lost, tracebacks among it, is told here in one line.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        self._address = address
        self._fingerprint = fingerprint
        self._dlut = str(dlut.resolve()) if dlut else ""
        try:
            self._client: Any = self._dask.Client(address, timeout=CONNECT_S)
        except Exception as error:  # whatever listens there, and whatever Dask makes of it
            raise CatalogError(
                f"no Dask scheduler answers at {address}: {error}; give the address that"
                " `dask scheduler` shows when it starts, and see that it still runs"
            ) from error
        try:
            self._check_workers(address)
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Yield each job with what became of it, as they get done."""
        waiting = iter(jobs)
        threads = self._threads()
        given: dict[Any, Job] = {}
        first = [self._give(job, given) for job in islice(waiting, JOBS_PER_THREAD * threads)]
        done = self._dask.as_completed(first)
        while not done.is_empty():
            self._wait(done)
            future = next(done)
            self._check_not_lost(future)
            job = given.pop(future.key)
            outcome = self._outcome(future)
            future.release()
            for following in islice(waiting, 1):
                done.add(self._give(following, given))
            yield job, outcome

    def _wait(self, done: Any) -> None:
        """Wait until a job is done; of a scheduler that is gone Dask would wait for it for ever."""
        while not done.has_ready():
            for future in list(done.futures):
                self._check_not_lost(future)
            time.sleep(LOOK_EVERY_S)

    def _threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except OSError as error:
            raise self._lost() from error

    def _check_not_lost(self, future: Any) -> None:
        if future.status in ("cancelled", "lost"):
            raise self._lost()

    def _lost(self) -> CatalogError:
        return CatalogError(
            f"the Dask scheduler at {self._address} went away; what was done is kept, and the"
            " next build goes on from there"
        )

    def _give(self, job: Job, given: dict[Any, Job]) -> Any:
        line = encode_job(job)
        future = self._client.submit(
            analyse_line, line, self._fingerprint, self._dlut, pure=False, retries=0
        )
        given[future.key] = job
        return future

    def _outcome(self, future: Any) -> Outcome:
        if future.status == "finished":
            return decode_outcome(future.result())
        # A file that ends its process again and again; Dask has tried it on several workers.
        return Outcome(None, f"could not be analysed on the cluster: {future.exception()}")

    def _check_workers(self, address: str) -> None:
        try:
            found = self._client.run(fingerprint_there, self._dlut, on_error="return")
        except OSError as error:  # Dask's CommClosedError is one.
            raise CatalogError(
                f"the Dask scheduler at {address} closed the connection before it said what its"
                " workers are; look into its log, start it and build again"
            ) from error
        if not found:
            raise CatalogError(f"the Dask scheduler at {address} has no workers")
        for name, answer in found.items():
            if isinstance(answer, Exception):
                raise CatalogError(
                    f"the Dask worker {name} cannot say how it would analyse: {answer}; start it"
                    " again, with the same Attune and ontology as here"
                )
        others = [name for name, other in found.items() if other != self._fingerprint]
        if others:
            raise CatalogError(
                f"the Dask worker {others[0]} has another version of Attune, its models or the"
                " ontology; install the same everywhere"
            )
