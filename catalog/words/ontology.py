"""The DLUT emotion ontology, read from the file that the owner has (academic terms)."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from catalog.emotions import CODES
from catalog.words.mood import WordsError

log = logging.getLogger(__name__)

Ontology: TypeAlias = dict[str, tuple[tuple[str, int], ...]]
"""Word -> its (code, intensity 1..9) entries, one per code."""

COLUMNS: Final = ("词语", "情感分类", "强度", "辅助情感分类")
"""Headings of word, category, intensity, auxiliary category (its intensity stands after it)."""

_FORMAT: Final = "1"
"""Raise it when the cached table's form changes."""


def load_ontology(path: Path) -> Ontology:
    """Return the ontology of an .xlsx file; raises WordsError when it cannot be read.

    Parsing takes a second, so a compact table is kept in the cache folder, named by the
    file's digest; without a writable cache it is parsed each time a process starts.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise WordsError(f"{path}: cannot read the ontology ({error.strerror})") from error
    return _loaded(path, status.st_mtime_ns, status.st_size)


def cache_folder() -> Path:
    """Return the folder for things that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "attune"


@lru_cache(maxsize=2)
def _loaded(path: Path, _modified_ns: int, _size: int) -> Ontology:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WordsError(f"{path}: cannot read the ontology ({error.strerror})") from error
    digest = hashlib.sha256(_FORMAT.encode() + content).hexdigest()[:24]
    cached = cache_folder() / f"ontology-{digest}.tsv"
    ontology = _from_cache(cached)
    if ontology is None:
        ontology = collect(_rows(path))
        _to_cache(cached, ontology)
    return ontology


def collect(rows: Iterable[tuple[Any, Any, Any]]) -> Ontology:
    """Return the ontology of (word, code, intensity) entries; the first per word and code counts.

    Entries with another category are passed over (the file has a few slips of the pen).
    """
    found: dict[str, dict[str, int]] = {}
    for word, code, intensity in rows:
        name = str(code or "").strip()
        if name not in CODES or not str(word).strip():
            continue
        strength = intensity if isinstance(intensity, int | float) else 1
        found.setdefault(str(word).strip(), {}).setdefault(name, int(min(9, max(1, strength))))
    return {word: tuple(entries.items()) for word, entries in found.items()}


def _rows(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise WordsError(
            f"{path}: reading it needs openpyxl; install attune-kiosk[catalog]"
        ) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        lines = book.worksheets[0].iter_rows(values_only=True)
        heading = [str(cell or "").strip() for cell in next(lines, ())]
        if any(name not in heading for name in COLUMNS):
            raise WordsError(f"{path}: is not the DLUT ontology (columns {', '.join(COLUMNS)})")
        word, code, intensity, second = (heading.index(name) for name in COLUMNS)
        for line in lines:
            yield line[word], line[code], line[intensity]
            if len(line) > second + 1 and line[second]:
                yield line[word], line[second], line[second + 1]
        book.close()
    except (
        OSError, LookupError, ValueError, SyntaxError, EOFError, RuntimeError, zipfile.BadZipFile,
        zlib.error, InvalidFileException,
    ) as error:  # fmt: skip
        raise WordsError(f"{path}: is no readable .xlsx file ({error})") from error


def _from_cache(cached: Path) -> Ontology | None:
    try:
        lines = cached.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    if not lines or lines[-1] != "# end":
        return None
    ontology: Ontology = {}
    for line in lines[:-1]:
        word, *entries = line.split("\t")
        ontology[word] = tuple((entry[:2], int(entry[2:])) for entry in entries)
    return ontology


def _to_cache(cached: Path, ontology: Ontology) -> None:
    lines = [
        "\t".join((word, *(f"{code}{intensity}" for code, intensity in entries)))
        for word, entries in ontology.items()
        if not {"\t", "\n", "\r"} & set(word)
    ]
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=cached.parent, delete=False
        ) as file:
            file.write("\n".join([*lines, "# end"]) + "\n")
        Path(file.name).replace(cached)
    except OSError as error:
        log.info("the ontology's table is not kept (%s): %s", cached, error)
