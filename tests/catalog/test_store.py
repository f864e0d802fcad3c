"""The track store: what is put in comes out, a batch is whole or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import migrations
from catalog.analysis import (
    CatalogError,
    EvidencePart,
    Failure,
    FileStamp,
    pack_point,
    unpack_point,
)
from catalog.emotions import make_point
from catalog.space import distance
from catalog.store import STORE_FILE, Store, TrackFilter
from catalog.store_writer import StoreWriter
from tests.fakes.synthetic_library import analysis, make_points

POINTS = make_points(8, seed=3)
STAMP = FileStamp(1234, 5678, "song.lrc:1:2")


def put(store: StoreWriter, path: str, number: int, **changes: object) -> int:
    with store.batch():
        found = analysis(number, POINTS[number], **changes)
        return store.put_track(Path(path), STAMP, found)


@given(
    st.lists(st.floats(0, 1), min_size=21, max_size=21).filter(lambda w: max(w) > 0),
    st.tuples(*[st.floats(-1, 1)] * 3),
)
def test_a_point_survives_packing(weights: list[float], vad: tuple[float, ...]) -> None:
    point = make_point(weights, vad)
    back = unpack_point(pack_point(point))
    np.testing.assert_array_equal(back.emotions, point.emotions)
    assert (back.valence, back.arousal, back.dominance) == pytest.approx(vad, abs=1e-6)
    assert not back.emotions.flags.writeable


def test_a_track_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        track_id = put(store, "/m/Größe 音.flac", 1, integrated_loudness_lufs=None)
        track = store.track(track_id)
        assert track is not None
        assert track.path == Path("/m/Größe 音.flac")
        assert (track.title, track.artist, track.genre) == ("Track 1", "Artist 1", "electronic")
        assert track.integrated_loudness_lufs is None
        assert track.true_peak_dbtp == -1.0
        assert store.evidence(track_id)[0].detail == "made up"
        assert store.known_files()[str(track.path)].stamp == STAMP


def test_one_content_in_two_files_is_one_track(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        first, second = put(store, "/m/b.flac", 1), put(store, "/m/a.flac", 1)
        assert first == second
        assert [track.path for track in store.tracks()] == [Path("/m/a.flac")]
        with store.batch():
            store.forget_paths(["/m/a.flac"])
        assert [track.path for track in store.tracks()] == [Path("/m/b.flac")]


def test_a_content_whose_file_went_away_is_known_when_it_returns(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        track_id = put(store, "/m/a.flac", 2)
        with store.batch():
            store.forget_paths(["/m/a.flac"])
        assert store.track(track_id) is None
        assert store.points()[0].size == 0
        digest = (2).to_bytes(20, "big")
        with store.batch():
            assert store.put_known(Path("/n/b.flac"), STAMP, digest, "synthetic")
            assert not store.put_known(Path("/n/c.flac"), STAMP, digest, "newer analysis")
            assert not store.put_known(Path("/n/c.flac"), FileStamp(1, 2), digest, "synthetic")
            assert not store.put_known(Path("/n/c.flac"), STAMP, b"x" * 20, "synthetic")
        assert [track.track_id for track in store.tracks()] == [track_id]


def test_a_title_made_of_the_path_does_not_follow_to_another_name(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        put(store, "/m/one.flac", 2, named_after="m/one")
        digest = (2).to_bytes(20, "big")
        with store.batch():
            assert not store.put_known(Path("/m/two.flac"), STAMP, digest, "synthetic")
            assert store.put_known(Path("/n/m/one.flac"), STAMP, digest, "synthetic")


def test_a_failure_takes_the_file_from_its_track_and_goes_when_it_works(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        put(store, "/m/a.flac", 1)
        with store.batch():
            store.put_failure(Failure(Path("/m/a.flac"), STAMP, "is silent", "synthetic"))
        assert not list(store.tracks())
        assert store.failures()["/m/a.flac"].reason == "is silent"
        put(store, "/m/a.flac", 1)
        assert not store.failures()


def test_a_track_without_evidence_is_counted_and_not_offered(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        with store.batch():
            store.put_track(Path("/m/a.flac"), STAMP, analysis(1, None))
        assert not list(store.tracks())
        assert store.points()[0].size == 0
        assert store.without_evidence() == {"made up without": 1}


def test_what_is_counted_has_a_file_and_spellings_count_together(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        for number, genre in enumerate(("Classical", "classical", "Classical", "Rock", "rock")):
            put(store, f"/m/{number}.flac", number, genre=genre)
        assert store.counts_by("genre") == {"Classical": 3, "Rock": 2}
        assert sum(store.evidence_sources().values()) == 5
        with store.batch():
            store.forget_paths(["/m/0.flac", "/m/1.flac"])
        assert sum(store.evidence_sources().values()) == 3


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        put(store, "/m/a.flac", 1)
        with pytest.raises(ZeroDivisionError), store.batch():
            store.put_track(Path("/m/b.flac"), STAMP, analysis(2, POINTS[2]))
            raise ZeroDivisionError
        assert set(store.known_files()) == {"/m/a.flac"}


def test_a_full_disk_is_named_and_what_was_stored_stays(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        put(store, "/m/a.flac", 1)
        store._base.execute("PRAGMA max_page_count = 1")  # SQLite's own way to be full.
        with pytest.raises(CatalogError, match=r"full.*free some space.*is kept"), store.batch():
            for number in range(2, 6):
                big = analysis(number, POINTS[number], title="x" * 20_000)
                store.put_track(Path(f"/m/{number}.flac"), STAMP, big)
    with Store(tmp_path) as store:
        assert set(store.known_files()) == {"/m/a.flac"}


def test_imported_evidence_is_fused_in_and_outlives_a_new_analysis(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        track_id = put(store, "/m/a.flac", 1)
        before = store.track(track_id)
        part = EvidencePart("label", 1.0, 0.9, POINTS[5], "a table")
        with store.batch():
            store.put_imported(track_id, part)
        after = store.track(track_id)
        put(store, "/m/a.flac", 1)
        again = store.track(track_id)
        assert before is not None
        assert after is not None
        assert again is not None
        assert [one.source for one in store.evidence(track_id)] == ["label", "sound"]
        assert distance(after.point, POINTS[5]) < distance(before.point, POINTS[5])
        assert distance(again.point, after.point) < 1e-6


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("classical", {1, 2}), ("CLASSICAL", {1, 2}), ("hip hop", {3}), ("rap", {3}),
        ("class", set()), ("电子", {4}), ("hop hip", set()), ("%", {5}), ("", {5}),
    ],
)  # fmt: skip
def test_a_genre_is_found_as_a_word_of_a_longer_one(
    tmp_path: Path, wanted: str, found: set[int]
) -> None:
    genres = ("Romantic Classical", "classical", "Hip-Hop/Rap", "流行, 电子", "")
    with StoreWriter(tmp_path) as store:
        for number, genre in enumerate(genres, 1):
            assert put(store, f"/m/{number}.flac", number, genre=genre) == number
        assert set(store.ids_that(TrackFilter(genre=wanted)).tolist()) == found


def test_two_threads_may_read(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        track_id = put(store, "/m/a.flac", 1)
        seen: list[object] = []
        other = threading.Thread(target=lambda: seen.append(store.find_track_id(Path("/m/a.flac"))))
        other.start()
        other.join()
        assert seen == [track_id]


def test_a_reader_sees_what_a_builder_adds(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as builder:
        put(builder, "/m/a.flac", 1)
        with Store(tmp_path) as reader:
            assert len(list(reader.tracks())) == 1
            put(builder, "/m/b.flac", 2)
            assert len(list(reader.tracks())) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty, as after a power cut; run `attune catalog build` once$"),
        (b"no database at all" * 100, "not a database"),
    ],
)
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / STORE_FILE).write_bytes(content)
    with pytest.raises(CatalogError, match=says) as failure:
        Store(tmp_path)
    assert str(tmp_path / STORE_FILE) in str(failure.value)


def test_a_store_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    with StoreWriter(tmp_path):
        pass
    base = sqlite3.connect(tmp_path / STORE_FILE)
    base.execute("PRAGMA user_version = 99")
    base.close()
    for opened in (Store, StoreWriter):
        with pytest.raises(CatalogError, match="newer Attune"):
            opened(tmp_path)


def test_an_older_store_is_migrated_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StoreWriter(tmp_path) as store:
        put(store, "/m/a.flac", 1)
    added = "ALTER TABLE tracks ADD COLUMN loved INTEGER NOT NULL DEFAULT 0;"
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, added))
    monkeypatch.setattr(migrations, "OLDEST_READABLE", len(migrations.MIGRATIONS))
    with pytest.raises(CatalogError, match="run `attune catalog build`"):
        Store(tmp_path)
    with StoreWriter(tmp_path) as store:
        assert len(list(store.tracks())) == 1
        assert store._all("SELECT loved FROM tracks") == [(0,)]
    with Store(tmp_path):
        pass


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StoreWriter(tmp_path):
        pass
    broken = "CREATE TABLE half (x INTEGER) STRICT; CREATE TABLE meta (x INTEGER);"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, broken))
        with pytest.raises(CatalogError, match="already exists"):
            StoreWriter(tmp_path)
    with Store(tmp_path) as store:
        assert not store._all("SELECT 1 FROM sqlite_schema WHERE name = 'half'")


def test_a_store_in_a_read_only_folder_can_be_read() -> None:
    folder = Path(tempfile.mkdtemp(prefix="attune-store-"))
    try:
        with StoreWriter(folder) as store:
            put(store, "/m/a.flac", 1)
        (folder / STORE_FILE).chmod(0o444)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)  # Permissions do not bind root.
                with Store(folder) as store:
                    code = 0 if len(list(store.tracks())) == 1 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
