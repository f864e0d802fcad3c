"""Knowledge from outside the files: feature tables, valence/arousal labels, comments with likes.

A row belongs to a track of the same artist and title, spelling aside, or of the same path.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from catalog.analysis import CatalogError, EvidencePart
from catalog.emotions import EmotionPoint, point_from_va
from catalog.folders import from_home
from catalog.store_writer import StoreWriter
from catalog.vocabularies import SPOTIFY_FEATURES, spotify_point
from catalog.words import Comment, read_track

KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "title": ("title", "track_name", "song title", "song", "name"),
    "artist": ("artist", "track_artist", "artist_name", "artists"),
    "path": ("path", "file", "file_name"),
    "valence": ("valence", "mean_valence", "valence_mean", "v"),
    "arousal": ("arousal", "mean_arousal", "arousal_mean", "a"),
    "loudness_db": ("loudness_db", "loudness"),
    "tempo_bpm": ("tempo_bpm", "tempo", "bpm"),
    "text": ("text", "content", "comment"),
    "likes": ("likes", "likedcount", "liked_count", "like_count"),
    **{name: (name,) for name in SPOTIFY_FEATURES[1:5]},
}
"""Field -> names of columns that are taken for it without being told; letter case aside."""

LABEL_TRUST, LABEL_CONFIDENCE = 1.0, 0.9
"""People's ratings of this very track; they agree well and not perfectly."""
FEATURE_TRUST, FEATURE_CONFIDENCE = 0.5, 0.6
"""A service's computed features through a fixed linear map: half a word."""
COMMENT_TRUST = 0.6
"""As lyrics: words by many about the track."""

SHARES = SPOTIFY_FEATURES[:5]
"""Features that a service tells on a scale from 0 to 1."""

_BATCH_TRACKS = 500
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import found."""

    rows: int
    tracks: int
    """Tracks of the catalogue that got evidence."""
    unusable: int
    """Rows that fit a track and hold no usable values."""


def import_labels(
    store: StoreWriter, file: Path, columns: Mapping[str, str], low: float, high: float
) -> ImportReport:
    """Take valence and arousal from a CSV, on a scale from ``low`` to ``high``.

    Raises:
        CatalogError: the file cannot be read, lacks a column, or holds values off the scale.
    """

    def part(line: int, row: Row) -> EvidencePart | None:
        values = [_number(row[name]) for name in ("valence", "arousal")]
        if not all(map(math.isfinite, values)):
            return None
        if min(values) < low or max(values) > high:
            raise CatalogError(
                f"{file}, line {line}: valence and arousal {values} do not lie in"
                f" {low:g}..{high:g}: say what scale they are on, such as --range 1,9"
            )
        valence, arousal = (2 * (value - low) / (high - low) - 1 for value in values)
        point = point_from_va(valence, arousal)
        return EvidencePart("label", LABEL_TRUST, LABEL_CONFIDENCE, point, file.name)

    with _table(file, columns, ("valence", "arousal")) as rows:
        return _import(store, rows, part)


def import_features(store: StoreWriter, file: Path, columns: Mapping[str, str]) -> ImportReport:
    """Take Spotify-like features (valence, energy ...) from a CSV.

    Raises:
        CatalogError: the file cannot be read, lacks a column, or holds values off the scale.
    """

    def part(line: int, row: Row) -> EvidencePart | None:
        values = [_number(row.get(name, "")) for name in SPOTIFY_FEATURES]
        for name, value in zip(SHARES, values, strict=False):
            if math.isfinite(value) and not 0 <= value <= 1:
                raise CatalogError(
                    f"{file}, line {line}: {name} is {value:g} and does not lie in 0..1: bring the"
                    " column to that scale (divide it by 100 where it runs to 100)"
                )
        if not all(map(math.isfinite, values[:2])):
            return None
        point: EmotionPoint = spotify_point(values)
        return EvidencePart("features", FEATURE_TRUST, FEATURE_CONFIDENCE, point, file.name)

    with _table(file, columns, SPOTIFY_FEATURES[:2]) as rows:
        return _import(store, rows, part)


def import_comments(
    store: StoreWriter, file: Path, columns: Mapping[str, str], dlut: Path | None = None
) -> ImportReport:
    """Take comments with likes from JSON lines; a track's comments count by ln(likes + 1).

    Raises:
        CatalogError: the file cannot be read or a line is no JSON object.
    """
    finder = _Finder(store)
    found: dict[int, list[Comment]] = {}
    count = 0
    with _opened(file) as lines:
        for row in _json_rows(file, lines, columns):
            count += 1
            text, likes = row.get("text", ""), _number(row.get("likes", "0"))
            for track_id in finder.find(row) if text else ():
                comment = Comment(text, int(likes) if math.isfinite(likes) else 0)
                found.setdefault(track_id, []).append(comment)
    parts = {}
    for track_id, comments in found.items():
        mood = read_track(comments=comments, dlut=dlut)
        if mood.point is not None:
            detail = f"{len(comments)} comments, {sum(one.likes for one in comments)} likes"
            parts[track_id] = EvidencePart(
                "comments", COMMENT_TRUST, mood.confidence, mood.point, detail
            )
    _store(store, parts.items())
    return ImportReport(count, len(parts), len(found) - len(parts))


def match_key(artist: str, title: str) -> str:
    """Return what two spellings of a track have in common."""
    text = f"{_bare(artist)}\0{_bare(title)}"
    return "" if text == "\0" else text


def _bare(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\W_]+", "", _BRACKETS.sub("", plain)) or re.sub(r"[\W_]+", "", plain)


class _Finder:
    """Finds the tracks a row speaks about."""

    def __init__(self, store: StoreWriter) -> None:
        self._by_key: dict[str, list[int]] = {}
        self._by_path: dict[str, int] = {}
        for track_id, path, artist, title in store.names():
            self._by_path[path] = track_id
            for key in (match_key(artist, title), match_key("", title)):
                known = self._by_key.setdefault(key, [])
                known += [track_id] if track_id not in known else []

    def find(self, row: Row) -> list[int]:
        if path := row.get("path"):
            track_id = self._by_path.get(str(from_home(path).absolute()))
            if track_id is not None:
                return [track_id]
        title, artist = row.get("title", ""), row.get("artist", "")
        if not title:
            return []
        found = self._by_key.get(match_key(artist, title), [])
        # A title alone may be anybody's: it counts where only one track has it.
        return found if artist or len(found) == 1 else []


def _import(
    store: StoreWriter,
    rows: Iterable[tuple[int, Row]],
    part: Callable[[int, Row], EvidencePart | None],
) -> ImportReport:
    """Store what ``part`` makes of each line and row that a track has."""
    finder = _Finder(store)
    count, unusable = 0, 0
    parts: dict[int, EvidencePart] = {}
    for line, row in rows:
        count += 1
        ids = finder.find(row)
        made = part(line, row) if ids else None
        unusable += bool(ids) and made is None
        if made is not None:
            parts |= dict.fromkeys(ids, made)
    _store(store, parts.items())
    return ImportReport(count, len(parts), unusable)


def _store(store: StoreWriter, parts: Iterable[tuple[int, EvidencePart]]) -> None:
    waiting = list(parts)
    for start in range(0, len(waiting), _BATCH_TRACKS):
        with store.batch():
            for track_id, part in waiting[start : start + _BATCH_TRACKS]:
                store.put_imported(track_id, part)


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding="utf-8-sig", errors="replace", newline="") as lines:
            yield lines
    except (OSError, EOFError) as error:
        fault = getattr(error, "strerror", None) or error  # With it the path would stand twice.
        raise CatalogError(f"{file}: cannot be read: {fault}") from error
    except zlib.error as error:
        raise CatalogError(f"{file}: is damaged ({error}): fetch or pack it again") from error


@contextmanager
def _table(
    file: Path, columns: Mapping[str, str], needed: Iterable[str]
) -> Iterator[Iterator[tuple[int, Row]]]:
    """Yield the rows below the heading, each with the number of its (last) line."""
    with _opened(file) as lines, _csv_reader(file, lines) as reader:
        names = [name for name in reader.fieldnames or () if name]
        where = _columns(file, names, columns)
        missing = [field for field in needed if field not in where]
        if missing:
            raise CatalogError(
                f"{file}: has no column for {', '.join(missing)}; it has {', '.join(names)}; say"
                f" which one: --map {missing[0]}=COLUMN"
            )
        if not {"title", "path"} & where.keys():
            raise CatalogError(f"{file}: has no column for title or path: --map title=COLUMN")
        yield (
            (reader.line_num, {field: row[name] or "" for field, name in where.items()})
            for row in reader
        )


@contextmanager
def _csv_reader(file: Path, lines: TextIO) -> Iterator[csv.DictReader[str]]:
    reader = csv.DictReader(lines)
    try:
        yield reader
    except csv.Error as error:
        raise CatalogError(
            f"{file}, line {reader.reader.line_num}: cannot be read: {error}; is a quotation mark"
            " before it never closed?"
        ) from error


def _columns(file: Path, names: Iterable[str], told: Mapping[str, str]) -> dict[str, str]:
    """Return field -> name of the column."""
    present = {name.strip().lower(): name for name in names}
    where = {}
    for field, usual in KNOWN_NAMES.items():
        wanted = [told[field].lower()] if field in told else list(usual)
        found = [present[name] for name in wanted if name in present]
        if found:
            where[field] = found[0]
        elif field in told:
            raise CatalogError(f"{file}: has no column {told[field]!r}; it has {', '.join(names)}")
    return where


def _json_rows(file: Path, lines: TextIO, columns: Mapping[str, str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CatalogError(f"{file}, line {number}: is no JSON: {error}") from error
        if not isinstance(data, dict):
            raise CatalogError(f"{file}, line {number}: is no JSON object")
        where = _columns(file, data, {key: name for key, name in columns.items() if name in data})
        yield {field: str(data[name]) for field, name in where.items() if data[name] is not None}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
