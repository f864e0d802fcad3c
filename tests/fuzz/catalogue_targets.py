"""What lies in the music folders and in the catalogue's: tags, lyrics, tables, index, database."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from catalog import index_file
from catalog.analysis import CatalogError
from catalog.builder import tables, tags
from catalog.builder.wire import Outcome, decode_outcome, encode_outcome
from catalog.cover_files import cover_in
from catalog.emotions import point_from_va
from catalog.library import Library
from catalog.store_writer import StoreWriter
from catalog.words.reading import read_mood
from tests.fakes.synthetic_library import analysis, make_library
from tests.fakes.tagged_sounds import write_tone
from tests.fuzz.target import Check, OpenedFiles, Target, is_clean

SUFFIXES = (".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wav", ".aiff", ".wma")
TRACKS = 12


def targets() -> list[Target]:
    return [
        Target("tags", _tag_check, _tag_seeds, most_bytes=60_000),
        Target("lrc", _lrc_check, _lrc_seeds, most_bytes=20_000),
        Target("index-manifest", _manifest_check, _manifest_seeds, most_bytes=20_000),
        Target("index-blocks", _blocks_check, _block_seeds, most_bytes=30_000),
        Target("catalogue-file", _store_check, _store_seeds, most_bytes=200_000),
        Target("build-worker", _worker_check, _worker_seeds, most_bytes=20_000),
        Target("labels", partial(_table_check, ".csv", _labels), _label_seeds),
        Target("comments", partial(_table_check, ".jsonl", _comments), _comment_seeds),
    ]


# --- tags: the first byte says which ending, the rest is the file --------------------------


def _tag_check(folder: Path) -> Check:
    def check(data: bytes) -> None:
        suffix = SUFFIXES[(data[0] if data else 0) % len(SUFFIXES)]
        path = folder / f"Artist - Title{suffix}"
        path.write_bytes(data[1:])
        try:
            found = tags.read_tags(path)
            cover = cover_in(path)
        finally:
            path.unlink()
        assert 0 < len(found.title) <= tags.LONGEST_NAME
        texts = (found.title, found.artist, found.album, found.genre, found.mood)
        assert all(len(text) <= tags.LONGEST_NAME for text in texts)
        assert all(is_clean(text) and "\n" not in text for text in texts)
        assert is_clean(found.lyrics)
        assert is_clean(found.comment)
        assert len(found.lyrics) <= tags.LONGEST_TEXT
        loudness = found.replaygain_lufs
        assert loudness is None or math.isfinite(loudness)
        assert cover is None or len(cover) > 0

    return check


def _tag_seeds() -> list[bytes]:
    said = {
        "title": "Über den Wolken", "artist": "阿桑", "album": "Seele", "genre": "Pop",
        "mood": "calm", "lyrics": "[00:01.00]la la", "comment": "a quiet one",
        "REPLAYGAIN_TRACK_GAIN": "-6.1 dB",
    }  # fmt: skip
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for at, suffix in enumerate(SUFFIXES[:6]):
            path = write_tone(Path(folder) / f"tone{suffix}", 0.1, tags=said)
            seeds.append(bytes([at]) + path.read_bytes())
    id3v1 = b"TAG" + b"Old title".ljust(30) + b"Old artist".ljust(30) + bytes(62) + b"\x11\x08\x00"
    return [*seeds, b"\x00" + id3v1, b"\x06FORM\x00\x00\x00\x20AIFFCOMM\x00\x00\x00\x12"]


# --- lyrics beside the music ----------------------------------------------------------------


def _lrc_check(folder: Path) -> Check:
    path = folder / "song.lrc"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        lyrics = tags.read_sidecar(path)
        assert len(lyrics) <= tags.LONGEST_TEXT
        assert is_clean(lyrics)
        assert "[00:12.00]" not in lyrics
        assert 0 <= read_mood(lyrics[:2000]).confidence <= 1

    return check


def _lrc_seeds() -> list[bytes]:
    song = "[ti:Song]\n[ar:Nobody]\n[offset:+500]\n[00:12.00][01:02.5]la <00:13.1>la <00:14>la\n"
    chinese = "[00:01.00]一个人 叶子落下来\n[00:05.20]心里很难过\n"
    return [
        song.encode(), ("\ufeff" + song).encode(), chinese.encode("gb18030"), song.encode("utf-16"),
        "Für Élise\n[00:10]schön".encode("cp1252"), song.replace("\n", "\r\n").encode(),
    ]  # fmt: skip


# --- the index: a manifest and one file of blocks -------------------------------------------


def _manifest_check(folder: Path) -> Check:
    make_library(folder, TRACKS)
    opened = OpenedFiles()

    def check(data: bytes) -> None:
        for content in (data, _sealed(data)):
            (folder / index_file.MANIFEST_FILE).write_bytes(content)
            opened.begin()
            try:
                index_file.read_blocks(folder, index_file.read_manifest(folder))
            except CatalogError as error:
                assert str(error)
            finally:
                paths = opened.end()
            outside = [path for path in paths if not path.is_relative_to(folder.resolve())]
            assert outside == [], "a file outside of the catalogue was opened"

    return check


def _sealed(data: bytes) -> bytes:
    """Return a manifest with the seal that its values ask for, as somebody may forge it."""
    with suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict):
            found.pop("seal", None)
            form = found.pop("format", None)
            return json.dumps({"format": form, **found, "seal": index_file._seal(found)}).encode()
    return data


def _manifest_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        text = (make_library(Path(name), TRACKS) / index_file.MANIFEST_FILE).read_text()
    file = json.loads(text)["file"]
    elsewhere = ("../../../../../../etc/hostname", "/etc/hostname", "", ".", "index-0\\u0000.hnsw")
    return [text.encode(), *(text.replace(file, other).encode() for other in elsewhere)]


def _blocks_check(folder: Path) -> Check:
    make_library(folder, TRACKS)
    manifest = json.loads((folder / index_file.MANIFEST_FILE).read_bytes())
    del manifest["format"], manifest["seal"]

    def check(data: bytes) -> None:
        digest = index_file._Digest()
        digest.update(memoryview(data))
        changed = manifest | {
            "file": "index-0.hnsw", "bytes": len(data), "sha256": digest.hexdigest()
        }  # fmt: skip
        (folder / "index-0.hnsw").write_bytes(data)
        try:
            index_file.read_blocks(folder, index_file.Manifest(**changed))
        except CatalogError as error:
            assert str(error)

    return check


def _block_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        (file,) = make_library(Path(name), TRACKS).glob("index-*.hnsw")
        return [file.read_bytes()]


# --- the catalogue's database ----------------------------------------------------------------


def _store_check(folder: Path) -> Check:
    whole = make_library(folder / "whole", TRACKS)

    def check(data: bytes) -> None:
        place = folder / "damaged"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(whole, place)
        (place / "tracks.sqlite").write_bytes(data)
        try:
            with closing(Library.open(place)) as library:
                library.info()
                for track in library.tracks():
                    library.track(track.track_id)
                    library.explain(track.track_id)
                library.nearest(point_from_va(0.3, 0.2), 5)
        except CatalogError as error:
            assert str(error)

    return check


def _store_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as name:
        return [(make_library(Path(name), TRACKS) / "tracks.sqlite").read_bytes()]


# --- what other processes and the owner's tables say ------------------------------------------


def _worker_check(_folder: Path) -> Check:
    def check(data: bytes) -> None:
        with suppress(ValueError):  # What WorkerPool expects.
            decode_outcome(data)

    return check


def _worker_seeds() -> list[bytes]:
    good = encode_outcome(Outcome(analysis(1, point_from_va(0.2, 0.1))))
    return [good, encode_outcome(Outcome(None, "no sound", "notice"))]


def _table_check(suffix: str, take: Callable[[StoreWriter, Path], None], folder: Path) -> Check:
    make_library(folder / "library", TRACKS)
    table = folder / f"table{suffix}"
    store = StoreWriter(folder / "library")

    def check(data: bytes) -> None:
        table.write_bytes(data)
        try:
            take(store, table)
        except CatalogError as error:
            assert str(error)

    return check


def _labels(store: StoreWriter, table: Path) -> None:
    tables.import_labels(store, table, {}, 1, 9)
    tables.import_features(store, table, {})


def _comments(store: StoreWriter, table: Path) -> None:
    tables.import_comments(store, table, {})


def _label_seeds() -> list[bytes]:
    rows = "".join(f"Artist {n},Track {n},{1 + n % 8},5.5,0.3\n" for n in range(8))
    return [
        f"artist,title,valence,arousal,energy\n{rows}".encode(),
        b'title,valence,arousal\n"Track 1",5,\n"Track, 2",nan,3\n',
    ]


def _comment_seeds() -> list[bytes]:
    rows = [
        {"artist": "Artist 1", "title": "Track 1", "text": "so sad", "likes": n} for n in range(3)
    ]
    return ["\n".join(json.dumps(row) for row in rows).encode()]
