"""The index on disk: one file of blocks, and the manifest that says what the file must be.

The manifest names its file by digest and is replaced last, in one step. Until then, and after
a crash at any moment, the index before it is whole and valid.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.analysis import CatalogError
from catalog.disk import sync_folder

MANIFEST_FILE = "index.json"
FORMAT = "attune-index"
SCHEMA_VERSION = 2
METRIC = "l2"
REMEDY = "make it anew with `attune catalog build`"

_FILE_NAME = re.compile(r"index-[0-9a-f]{16}\.hnsw")
"""Of the file that a manifest names: in the same folder and no other, whoever wrote it."""

_ALIGN = 16
"""Bytes; every block starts at a multiple, so that its numbers are aligned in memory."""
_PIECE_BYTES = 1 << 22
"""Of what is digested by itself, so that several cores can do it side by side."""
_STEP_BYTES = 1 << 18
"""Read and digested at once: still in the processor's cache for the second."""
_READERS = 4


class OutdatedIndexError(CatalogError):
    """The index is whole, but another Attune made it: of another form, or of another space."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the index file must be; kept beside it as JSON."""

    catalogue_id: str
    """Of the track store whose ids the index answers with."""
    space: str
    """Name of the embedding, see ``catalog.space``."""
    dimension: int
    count: int
    points_sha256: str
    """Of the ids and vectors that went in: equal means there is nothing to rebuild."""
    m: int
    ef_construction: int
    ef_search: int
    file: str
    bytes: int
    sha256: str
    """Of the digests (SHA-256) of the file's pieces of 4 MiB, in their order."""
    metric: str = METRIC
    schema_version: int = SCHEMA_VERSION


def write_blocks(
    folder: Path, facts: dict[str, Any], arrays: Sequence[NDArray[Any]]
) -> tuple[str, int, str]:
    """Write facts and arrays (1-D) to a new file in ``folder``; return its name, size, sha256.

    Raises:
        OSError: it cannot be written in full; nothing is left behind.
    """
    layout = [(array.dtype.newbyteorder("<").str, array.size) for array in arrays]
    header = json.dumps({**facts, "layout": layout}, sort_keys=True).encode()
    temporary = folder / f".index-{os.getpid()}.tmp"
    digest = _Digest()
    _sweep(folder)
    try:
        with temporary.open("wb") as file:
            length = np.array([len(header)], "<u8")
            contents = (array.data.cast("B") for array in (length, *arrays) if array.size)
            first = next(contents)
            for block in (first, memoryview(header), *contents):
                padding = bytes(-block.nbytes % _ALIGN)
                for part in (block, memoryview(padding)):
                    digest.update(part)
                    file.write(part)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        name = f"index-{digest.hexdigest()[:16]}.hnsw"
        temporary.replace(folder / name)
        return name, size, digest.hexdigest()
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_blocks(folder: Path, manifest: Manifest) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Return facts and arrays of the manifest's file, read into memory and checked there.

    Not mapped: a file that is written over in place would change, or take away (SIGBUS), what
    was checked. The arrays keep the whole content alive; copy what is to stay.

    Raises:
        CatalogError: it is missing or not, byte for byte, what the manifest says.
    """
    path = folder / manifest.file
    try:
        with path.open("rb", buffering=0) as file:
            fits = os.fstat(file.fileno()).st_size == manifest.bytes
            content, digest = _read(file.fileno(), manifest.bytes if fits else 0)
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}; {REMEDY}") from error
    if not fits:
        raise CatalogError(f"{path}: is cut short or grown (wrong size); {REMEDY}")
    if digest != manifest.sha256:
        raise CatalogError(f"{path}: is damaged (wrong digest); {REMEDY}")
    try:
        return _cut(content)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CatalogError(f"{path}: is no index file ({error}); {REMEDY}") from error


class _Digest:
    """The digest of a manifest, of blocks of any size one after the other."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._piece, self._room = hashlib.sha256(), _PIECE_BYTES

    def update(self, block: memoryview) -> None:
        while block:
            part, block = block[: self._room], block[self._room :]
            self._piece.update(part)
            self._room -= len(part)
            if not self._room:
                self._pieces.append(self._piece.digest())
                self._piece, self._room = hashlib.sha256(), _PIECE_BYTES

    def hexdigest(self) -> str:
        last = [self._piece.digest()] if self._room < _PIECE_BYTES else []
        return hashlib.sha256(b"".join(self._pieces + last)).hexdigest()


def _read(descriptor: int, size: int) -> tuple[NDArray[np.uint8], str]:
    """Return ``size`` bytes and the digest of as many of them as the file has.

    Several pieces at once, and into memory of numpy's, which comes in large pages: a third of
    the time of reading all and then digesting it.
    """
    content = np.empty(size, np.uint8)

    def piece_digest(start: int) -> bytes:
        digest, end = hashlib.sha256(), min(start + _PIECE_BYTES, size)
        while start < end:
            step = content.data[start : min(start + _STEP_BYTES, end)]
            count = os.preadv(descriptor, [step], start)
            if not count:
                break
            digest.update(step[:count])
            start += count
        return digest.digest()

    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as pool:
        pieces = b"".join(pool.map(piece_digest, range(0, size, _PIECE_BYTES)))
    content.setflags(write=False)
    return content, hashlib.sha256(pieces).hexdigest()


def _cut(content: NDArray[np.uint8]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    length = int(np.frombuffer(content, "<u8", 1)[0])
    facts = json.loads(content[_ALIGN : _ALIGN + length].tobytes())
    if not isinstance(facts, dict):
        raise TypeError("its head is no table")
    start = _ALIGN + length + (-length % _ALIGN)
    arrays = []
    for kind, size in facts.pop("layout"):
        array = np.frombuffer(content, kind, size, start if size else 0)
        arrays.append(array)
        start += array.nbytes + (-array.nbytes % _ALIGN)
    return facts, arrays


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, then remove the files of earlier indexes.

    Raises:
        OSError: it cannot be written; the manifest before it still stands.
    """
    data = asdict(manifest)
    text = json.dumps({"format": FORMAT, **data, "seal": _seal(data)}, indent=2) + "\n"
    temporary = folder / f".{MANIFEST_FILE}.{os.getpid()}.tmp"
    _sweep(folder)
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / MANIFEST_FILE)
        sync_folder(folder)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    for path in folder.glob("index-*.hnsw"):  # Who has one open keeps it.
        if path.name != manifest.file:
            with suppress(OSError):
                path.unlink()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in ``folder``.

    Raises:
        OutdatedIndexError: it is of another version.
        CatalogError: it is missing or damaged.
    """
    path = folder / MANIFEST_FILE
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}; {REMEDY}") from error
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{path}: is damaged ({error}); {REMEDY}") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise CatalogError(f"{path}: is not the manifest of an index; {REMEDY}")
    seal = data.pop("seal", None)
    if seal != _seal(data):
        raise CatalogError(f"{path}: was changed or damaged (wrong seal); {REMEDY}")
    if data.get("schema_version") != SCHEMA_VERSION:
        raise OutdatedIndexError(
            f"{path}: has version {data.get('schema_version')!r}, this Attune reads"
            f" {SCHEMA_VERSION}; {REMEDY}"
        )
    try:
        manifest = Manifest(**data)
    except TypeError as error:
        raise CatalogError(f"{path}: is damaged ({error}); {REMEDY}") from error
    if not _FILE_NAME.fullmatch(str(manifest.file)):
        raise CatalogError(f"{path}: names no index file beside it; {REMEDY}")
    return manifest


def _seal(data: dict[str, Any]) -> str:
    """Return a digest of the manifest's own values, so that a flipped bit in it shows."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _sweep(folder: Path) -> None:
    """Remove what a power cut left of earlier writes; one writes at a time (the build's lock)."""
    for path in folder.glob(".index*.tmp"):
        with suppress(OSError):
            path.unlink()
