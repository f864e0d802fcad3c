"""Builds a catalogue: finds what changed, has it analysed, stores it, renews the index."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from catalog.analysis import CatalogError, Failure, FileStamp, KnownFile
from catalog.builder.evidence import analysis_fingerprint
from catalog.builder.moves import take_moved, take_retagged
from catalog.builder.progress import Progress
from catalog.builder.roots import present, roots
from catalog.builder.scan import BARE, FoundFile, Scan, scan
from catalog.builder.wire import Job, Outcome
from catalog.builder.worker_count import default_workers
from catalog.builder.workers import WorkerPool, WorkerSetup
from catalog.folders import is_below
from catalog.indexing import renew_index
from catalog.store import RIGHTS
from catalog.store_writer import UNSEEN, StoreWriter

LOCK_FILE = ".build.lock"

_BATCH_TRACKS = 40
_BATCH_S = 2.0
"""At most so much is lost, and done again, when the build is broken off."""

_INDEX_EVERY_S, _INDEX_SHARE = 60.0, 0.05
"""So often, and at most for such a share of the time, the index is made anew while a build goes
on: the first one of a large library takes hours, and the kiosk shall play what is done."""


@dataclass(slots=True)
class BuildReport:
    """What a build did and what the catalogue holds after it."""

    found: int = 0
    unchanged: int = 0
    analysed: int = 0
    moved: int = 0
    removed: int = 0
    in_index: int = 0
    interrupted: bool = False
    failures: list[Failure] = field(default_factory=list)
    """Of this build and of earlier ones, as long as the files stay as they are."""
    not_taken: dict[str, int] = field(default_factory=dict)
    """Ending -> number of files of kinds that are not read, most frequent first."""
    without_evidence: dict[str, int] = field(default_factory=dict)
    """Reason -> number of tracks that are not in the index for it."""
    notices: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build."""

    workers: int = 0
    """Processes; 0 takes one per core, or as many as the memory holds."""
    dlut: Path | None = None
    """The Chinese emotion ontology, where the owner has it."""
    retry_failures: bool = False
    only_these: bool = False
    """Forget the music outside the folders of this build."""
    scheduler: str = ""
    """Address of a Dask scheduler: its workers analyse instead of processes here."""
    may_be_away: bool = False
    """The folders are remembered ones, not typed just now: a stick that is not plugged in keeps
    its tracks and does not stop the others."""


def build(folders: Sequence[Path], folder: Path, options: BuildOptions) -> BuildReport:
    """Bring the catalogue in ``folder`` up to date with the music below ``folders``.

    Without ``folders`` those of earlier builds are taken (and may be away). What was analysed
    before and has not changed is not touched. Broken off (KeyboardInterrupt) it returns a report
    that says so; what was done is kept and the next build goes on from there.

    Raises:
        CatalogError: a folder is missing, another build is running, the disk is full ...
    """
    began = time.monotonic()
    if not folders:
        options = replace(options, may_be_away=True)
    given = present(folders, may_be_away=options.may_be_away)
    with alone(folder), StoreWriter(folder) as store:
        report = BuildReport()
        try:
            tops, told = roots(
                store, given, only_these=options.only_these, may_be_away=options.may_be_away
            )
            report.notices += told
            _Build(store, folder, tops, options, report).run()
        except KeyboardInterrupt:
            report.interrupted = True
        else:
            report.in_index = renew_index(store, folder, announce=store.has_changed)
        report.failures = sorted(store.failures().values(), key=lambda one: one.path)
        report.without_evidence = store.without_evidence()
    report.seconds = time.monotonic() - began
    return report


class Pool(Protocol):
    """What analyses: processes here, or a cluster."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]: ...


class _Build:
    """One run over the folders."""

    def __init__(
        self,
        store: StoreWriter,
        folder: Path,
        roots: Sequence[Path],
        options: BuildOptions,
        report: BuildReport,
    ) -> None:
        self._store = store
        self._folder = folder
        self._index_due_at = time.monotonic() + _INDEX_EVERY_S
        self._roots = roots
        self._options = options
        self._report = report
        self._fingerprint = analysis_fingerprint(options.dlut)
        self._with_track: Collection[Path] = ()
        """The files that stay playable, whatever befalls the machine that analyses them."""

    def run(self) -> None:
        found = scan(self._roots)
        self._report.found = len(found.files)
        self._report.not_taken = dict(found.not_taken.most_common())
        self._note_problems(found)
        todo = self._todo(found.files)
        if todo:
            self._analyse(todo)
        self._forget_gone(found)

    def _todo(self, files: Sequence[FoundFile]) -> list[FoundFile]:
        """Return what must be analysed; a content known under another path need not be."""
        known = self._store.known_files()
        moves = take_moved(self._store, self._changed(files, known), known, self._fingerprint)
        self._report.moved = moves.count
        self._with_track = moves.with_track
        return moves.to_analyse

    def _changed(
        self, files: Sequence[FoundFile], known: Mapping[str, KnownFile]
    ) -> list[FoundFile]:
        failures = {} if self._options.retry_failures else self._store.failures()
        todo = []
        for file in files:
            before = known.get(str(file.path)) or failures.get(str(file.path))
            if before and (before.stamp, before.fingerprint) == (file.stamp, self._fingerprint):
                self._report.unchanged += 1
            else:
                todo.append(file)
        return todo

    def _note_problems(self, found: Scan) -> None:
        doubts = list(found.lost)
        if self._options.may_be_away and not self._options.only_these:
            doubts += [(path, BARE) for path in found.bare]
        found.problems += [(path, why) for path, why in doubts if self._store.knows_below(path)]
        if not found.problems:
            return
        with self._store.batch():
            for path, reason in found.problems:
                self._store.put_failure(Failure(path, UNSEEN, reason, self._fingerprint))

    def _analyse(self, todo: Sequence[FoundFile]) -> None:
        stamps = {file.path: file.stamp for file in todo}
        jobs = (Job(file.path, file.sidecar) for file in todo)
        done: list[tuple[Job, Outcome]] = []
        stored_at = time.monotonic()
        with self._pool(len(todo)) as pool, Progress(len(todo), "tracks") as progress:
            try:
                for job, outcome in pool.outcomes(jobs):
                    done.append((job, outcome))
                    progress.step(job.path.name)
                    if len(done) >= _BATCH_TRACKS or time.monotonic() - stored_at > _BATCH_S:
                        ready, done, stored_at = done, [], time.monotonic()
                        self._keep(ready, stamps)
                        self._index_now_and_then()
            finally:
                self._keep(done, stamps)

    def _index_now_and_then(self) -> None:
        began = time.monotonic()
        if began < self._index_due_at:
            return
        renew_index(self._store, self._folder)
        ended = time.monotonic()
        self._index_due_at = ended + max(_INDEX_EVERY_S, (ended - began) / _INDEX_SHARE)

    def _pool(self, jobs: int) -> Pool:
        if self._options.scheduler:
            from catalog.builder.cluster import ClusterPool

            return ClusterPool(self._options.scheduler, self._fingerprint, self._options.dlut)
        count = self._options.workers or default_workers(with_ontology=bool(self._options.dlut))
        return WorkerPool(min(count, jobs), WorkerSetup(self._fingerprint, self._options.dlut))

    def _keep(self, done: Sequence[tuple[Job, Outcome]], stamps: dict[Path, FileStamp]) -> None:
        with self._store.batch():
            for job, outcome in done:
                stamp = stamps[job.path]
                if outcome.analysis is not None:
                    take_retagged(self._store, job.path, outcome.analysis)
                    self._store.put_track(job.path, stamp, outcome.analysis)
                    self._report.analysed += 1
                else:
                    seen = UNSEEN if outcome.passing else stamp
                    self._store.put_failure(
                        Failure(job.path, seen, outcome.failure, self._fingerprint),
                        keeps_track=outcome.passing and job.path in self._with_track,
                    )
                if outcome.notice and outcome.notice not in self._report.notices:
                    self._report.notices.append(outcome.notice)

    def _forget_gone(self, found: Scan) -> None:
        """Drop the files that are no longer there, except below a folder that did not open.

        Wherever it lay, a file that is not there is dropped if its track has one that is: else a
        music folder that was renamed would be played from where it was.
        """
        here = {str(file.path) for file in found.files}
        troubled = [path for path, _ in found.problems]
        files = self._store.known_files()
        gone = {
            path
            for path in files.keys() | self._store.failures().keys()
            if path not in here
            and (self._options.only_these or is_below(Path(path), self._roots))
            and not is_below(Path(path), troubled)
        } | _moved_from(files, here)
        with self._store.batch():
            self._store.forget_mended(self._fingerprint)
            self._store.forget_paths(gone)
        self._report.removed = len(files.keys() & gone)


def _moved_from(files: Mapping[str, KnownFile], here: Collection[str]) -> set[str]:
    """Return the files that are not there and whose tracks have one that was found."""
    found = {known.track_id for path, known in files.items() if path in here}
    return {
        path
        for path, known in files.items()
        if path not in here and known.track_id in found and not os.path.exists(path)  # noqa: PTH110 - Path's raises where one may not look
    }


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the catalogue: two builds at once would undo each other.

    What root writes is given to whom the folder belongs: after a `sudo attune catalog build` the
    kiosk and its hourly build, which are another user, could not go on with it.
    """
    place = next(one for one in (folder, *folder.absolute().parents) if os.access(one, os.F_OK))
    try:
        owner = place.stat()
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("w")
    except PermissionError as error:
        raise CatalogError(f"{folder}: may not be written: {RIGHTS}") from error
    except OSError as error:
        raise CatalogError(f"{folder}: cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogError(f"{folder}: another build is running there") from error
        try:
            yield
        finally:
            if os.geteuid() == 0 and owner.st_uid != 0:
                _give(folder, owner.st_uid, owner.st_gid)


def _give(folder: Path, user: int, group: int) -> None:
    """Give a folder and the files in it that are root's to a user; a link is left alone."""
    for path in (folder, *folder.iterdir()):
        facts = path.lstat()
        is_file = stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1
        if facts.st_uid == 0 and (is_file or path == folder):
            os.chown(path, user, group, follow_symlinks=False)
