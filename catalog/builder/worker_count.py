"""How many workers a machine, or the limits of a service, have the memory for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MB = 1 << 20

BUILDER_BYTES = 100 * MB
"""The building process itself takes 71 MB and more with a large library."""
WORKER_BYTES = 300 * MB
"""Of a worker's own, measured while it hears a track; the libraries are shared by all."""
WORKER_WITH_ONTOLOGY_BYTES = 500 * MB
"""What cuts Chinese lyrics into words (jieba, loaded for the ontology) takes 200 MB more."""


def default_workers(*, with_ontology: bool, root: Path = Path("/")) -> int:
    """Return one per core, fewer where the memory would end, and 1 at least.

    ``root`` is where /proc and /sys are. The kernel kills a process of a service that takes more
    than its ``MemoryMax``.
    """
    cores = os.cpu_count() or 1
    room = min((*_cgroup_limits(root), *_available(root)), default=None)
    if room is None:
        return cores
    each = WORKER_WITH_ONTOLOGY_BYTES if with_ontology else WORKER_BYTES
    return max(1, min(cores, (room - BUILDER_BYTES) // each))


def _available(root: Path) -> Iterator[int]:
    """Yield what programs may take now without swapping, in bytes (proc_meminfo(5))."""
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            yield int(value.split()[0]) << 10


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Yield the limits of this process's cgroup (v2) and of those around it, in bytes."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        hierarchy, _, group = line.split(":", 2)
        if hierarchy != "0":
            continue
        inner = PurePosixPath(group.lstrip("/"))
        for one in (inner, *inner.parents):
            limit = _text(root / "sys/fs/cgroup" / one / "memory.max").strip()
            if limit.isdecimal():  # Else it is "max", or there is none at the root.
                yield int(limit)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
