"""Likes, dislikes and last plays go with the music, wherever its files are moved to."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from catalog.analysis import FileStamp
from catalog.indexing import renew_index
from catalog.library import Library
from catalog.store import STORE_FILE
from catalog.store_writer import StoreWriter
from catalog.track import Track
from device import readings as r
from device.recommender.shelf import LOOK_AGAIN_S
from device.storage import kiosk_store
from device.storage.kiosk_store import FILE_NAME, NOWHERE, KioskStore, TrackMemory, open_store
from tests.fakes.desk import Stage
from tests.fakes.songs import song
from tests.fakes.synthetic_library import analysis, make_library, make_points

TRACKS = 20
POINTS = make_points(TRACKS)
INNOCENT = 777
"""The content of another song that is saved under an old name."""

OLD_MEMORY = """
CREATE TABLE feedback (
    path TEXT NOT NULL, said_at REAL NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('like', 'dislike', 'skip'))
) STRICT;
CREATE INDEX feedback_by_path ON feedback (path);
CREATE TABLE last_played (path TEXT PRIMARY KEY, played_at REAL NOT NULL) STRICT;
CREATE TABLE visits (
    visit_id INTEGER PRIMARY KEY, started_at REAL NOT NULL, ended_at REAL NOT NULL,
    tracks INTEGER NOT NULL, strategy TEXT NOT NULL,
    valence_first REAL, valence_last REAL, stress_first REAL, stress_last REAL
) STRICT;
PRAGMA user_version = 1;
"""


class Music:
    """An owner's folder, as the builds after each change of it tell the catalogue."""

    def __init__(self, folder: Path) -> None:
        self.catalogue = make_library(folder / "catalogue", TRACKS)
        self.library = Library.open(self.catalogue, hold=True)

    def at(self, path: Path) -> Track:
        """Return the track at a path, as the kiosk sees it after the last build."""
        self.library.reload_if_changed()
        found = self.library.find(str(path))
        assert found is not None
        return found

    def number(self, number: int) -> Track:
        return self.at(Path(f"/music/artist {number}/track {number}.flac"))

    def build(
        self, path: Path, content: int, *, duration_s: float = 200.0, gone: Path | None = None
    ) -> None:
        """Put a content at a path; ``gone`` is where there is none any more."""
        with StoreWriter(self.catalogue) as store:
            with store.batch():
                if gone is not None:
                    store.forget_paths([str(gone)])
                found = analysis(content, POINTS[content % TRACKS], duration_s=duration_s)
                store.put_track(path, FileStamp(1000 + content, content), found)
            renew_index(store, self.catalogue, announce=True)


@pytest.fixture(name="music")
def _music(tmp_path: Path) -> Music:
    return Music(tmp_path)


@pytest.fixture(name="store")
def _store() -> KioskStore:
    return KioskStore(NOWHERE, lambda: 100.0)


def known(store: KioskStore, music: Music, path: Path) -> TrackMemory:
    track = music.at(path)
    store.follow(music.library)
    return store.memories([track])[track.path]


def test_at_the_kiosk_a_moved_file_is_disliked_and_a_new_song_under_its_name_is_not(
    tmp_path: Path,
) -> None:
    music = Music(tmp_path)
    with Stage(tmp_path) as stage:
        choice = stage.to_playing().choice
        assert choice is not None
        track, number = choice.track, int(choice.track.title.split()[1])
        stage.do(r.Dislike(source="screen"))
        moved = Path("/music/sorted", track.path.name)
        music.build(moved, number, gone=track.path)
        music.build(track.path, INNOCENT, duration_s=99.0)
        stage.pass_time(10)
    with open_store(tmp_path / "state", lambda: 0.0) as store:
        assert known(store, music, moved).dislikes == 1
        assert known(store, music, moved).last_played_at is not None
        assert known(store, music, track.path) == TrackMemory()


def test_a_copy_whose_path_comes_first_loses_nothing(music: Music, store: KioskStore) -> None:
    liked = music.number(3)
    store.add_feedback(liked, "like")
    copy = Path("/a copy/track 3.flac")
    music.build(copy, 3)
    assert music.at(liked.path).path == copy
    assert known(store, music, liked.path).likes == 1


def test_a_file_with_other_tags_keeps_what_was_said_of_it_and_moves_later(
    music: Music, store: KioskStore
) -> None:
    track = music.number(4)
    store.add_feedback(track, "like")
    store.note_played(track)
    moved = Path("/music/sorted/4.flac")
    music.build(moved, 4, gone=track.path)
    assert known(store, music, moved).likes == 1
    for content in (104, 124):
        music.build(moved, content)
        assert music.at(moved).track_id == track.track_id
        assert known(store, music, moved) == TrackMemory(1, 0, 0, 100.0)
    music.build(track.path, 124, gone=moved)
    assert known(store, music, track.path) == TrackMemory(1, 0, 0, 100.0)


def test_a_file_that_is_moved_and_tagged_between_two_builds_keeps_what_was_said_of_it(
    music: Music, store: KioskStore
) -> None:
    track, moved = music.number(4), Path("/music/sorted/Artist - 4.flac")
    store.add_feedback(track, "like")
    with StoreWriter(music.catalogue) as catalogue, catalogue.batch():
        catalogue.change_content(track.track_id, analysis(104, POINTS[4]).digest)
    music.build(moved, 104, gone=track.path)
    assert music.at(moved).track_id == track.track_id
    assert known(store, music, moved).likes == 1
    music.build(track.path, INNOCENT, duration_s=99.0)
    assert known(store, music, track.path) == TrackMemory()


def test_a_catalogue_of_an_older_attune_plays_and_what_is_remembered_waits_for_its_next_build(
    music: Music, store: KioskStore, caplog: pytest.LogCaptureFixture
) -> None:
    liked, moved = music.number(3), Path("/music/sorted/3.flac")
    store.add_feedback(liked, "like")
    music.build(moved, 3, gone=liked.path)
    with closing(sqlite3.connect(music.catalogue / STORE_FILE)) as base:
        base.executescript(
            "DROP TABLE former_contents; DROP INDEX tracks_by_duration; PRAGMA user_version = 3;"
        )
    music.library = Library.open(music.catalogue, hold=True)
    assert music.library.count == TRACKS
    assert known(store, music, moved).likes == 1
    assert "does not follow moved music yet" in caplog.text
    music.build(Path("/music/new.flac"), INNOCENT)
    music.build(liked.path, 3, gone=moved)
    assert known(store, music, liked.path).likes == 1


def test_a_stick_that_is_away_keeps_its_likes_though_another_has_the_same_names(
    music: Music, store: KioskStore
) -> None:
    track = music.number(5)
    store.add_feedback(track, "like")
    music.build(track.path, INNOCENT, duration_s=99.0)
    assert known(store, music, track.path).likes == 0
    store.note_played(music.at(track.path))
    music.build(track.path, 5)
    assert known(store, music, track.path) == TrackMemory(likes=1)


def test_a_catalogue_made_anew_knows_moved_music_again(
    music: Music, store: KioskStore, tmp_path: Path
) -> None:
    track = music.number(6)
    store.add_feedback(track, "like")
    anew = Music(tmp_path / "anew")
    moved = Path("/music/sorted/6.flac")
    anew.build(moved, 6, gone=track.path)
    anew.build(track.path, INNOCENT, duration_s=99.0)
    assert known(store, anew, moved).likes == 1
    assert known(store, anew, track.path).likes == 0


def test_what_cannot_be_written_stays_is_said_once_and_follows_later(
    music: Music, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    track = music.number(7)
    with open_store(tmp_path, lambda: 100.0) as store:
        store.add_feedback(track, "like")
        store.note_played(track)
        music.build(track.path, 107)
        full = "CREATE TRIGGER full BEFORE UPDATE ON last_played"
        store._base.execute(f"{full} BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
        for _ in range(3):
            assert known(store, music, track.path).likes == 0
        assert caplog.text.count("disk is full") == 1
        assert store._names() == [(track.digest, str(track.path))]  # Nothing by halves.
        store._base.execute("DROP TRIGGER full")
        assert known(store, music, track.path) == TrackMemory(1, 0, 0, 100.0)


# --- the memory of an older Attune --------------------------------------------------------


def old_memory(folder: Path, *paths: Path) -> Path:
    """Write what the version before kept: a like and a last play of each path."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / FILE_NAME)) as base:
        base.executescript(OLD_MEMORY)
        base.executemany("INSERT INTO feedback VALUES (?, 1.0, 'like')", [(str(p),) for p in paths])
        base.executemany("INSERT INTO last_played VALUES (?, 50.0)", [(str(p),) for p in paths])
        base.commit()
    return folder


def test_an_old_memory_is_taken_over_by_path_when_the_catalogue_is_known(
    music: Music, tmp_path: Path
) -> None:
    track, away = music.number(8), song("/media/stick/away.flac")
    state = old_memory(tmp_path / "state", track.path, away.path)
    for _ in range(2):  # Once without a catalogue: nothing is lost by that.
        with open_store(state, lambda: 100.0) as store:
            assert [digest for digest, _ in store._names()] == [None, None]
    with open_store(state, lambda: 100.0) as store:
        assert known(store, music, track.path) == TrackMemory(1, 0, 0, 50.0)
    moved = Path("/music/sorted/8.flac")
    music.build(moved, 8, gone=track.path)
    music.build(away.path, INNOCENT)
    with open_store(state, lambda: 100.0) as store:
        assert known(store, music, moved) == TrackMemory(1, 0, 0, 50.0)
        assert known(store, music, away.path) == TrackMemory(1, 0, 0, 50.0)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_kiosk_takes_it_over_when_it_opens_its_catalogue(
    tmp_path: Path, is_there: bool
) -> None:
    path = Path("/music/artist 2/track 2.flac")
    state = old_memory(tmp_path / "state", path)
    if is_there:
        make_library(tmp_path / "catalogue", TRACKS)
    with Stage(tmp_path) as stage:
        if not is_there:
            make_library(tmp_path / "catalogue", TRACKS)
            stage.pass_time(LOOK_AGAIN_S + 1)
    with closing(sqlite3.connect(state / FILE_NAME)) as base:
        kept = base.execute("SELECT digest FROM feedback UNION ALL SELECT digest FROM last_played")
        assert kept.fetchall() == 2 * [(Music(tmp_path).at(path).digest,)]


def test_a_large_old_memory_is_taken_over_bit_by_bit(
    music: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kiosk_store, "MOST_AT_ONCE", 2)
    tracks = [music.number(number) for number in range(5)]
    state = old_memory(tmp_path / "state", *(track.path for track in tracks))
    with open_store(state, lambda: 100.0) as store:
        left = []
        for _ in range(4):
            store.follow(music.library)
            left.append(sum(digest is None for digest, _ in store._names()))
        assert left == [3, 1, 0, 0]
        assert all(memory.likes == 1 for memory in store.memories(tracks).values())


def test_what_was_kept_of_two_copies_is_one_memory(music: Music, tmp_path: Path) -> None:
    track, copy = music.number(9), Path("/a copy/9.flac")
    music.build(copy, 9)
    with open_store(old_memory(tmp_path / "state", track.path, copy), lambda: 100.0) as store:
        assert known(store, music, copy) == TrackMemory(2, 0, 0, 50.0)
        store.note_played(music.at(copy))
        assert known(store, music, copy).last_played_at == 100.0


def test_a_power_cut_at_any_step_of_the_change_loses_nothing(music: Music, tmp_path: Path) -> None:
    track = music.number(10)
    for step in count(1):
        state = old_memory(tmp_path / f"cut {step}", track.path)
        child = os.fork()
        if child == 0:
            take_over(state, music, cut_at=step)
            os._exit(0)
        ended = os.waitpid(child, 0)[1]
        with open_store(state, lambda: 100.0) as store:
            assert store._path != NOWHERE
            assert known(store, music, track.path) == TrackMemory(1, 0, 0, 50.0)
        if os.waitstatus_to_exitcode(ended) == 0:
            break
    assert step > 15


def take_over(state: Path, music: Music, cut_at: int) -> None:
    """Open an old memory and follow, with a power cut before the statement of that number."""
    statements, connect = count(1), sqlite3.connect

    def cut(_: str) -> None:
        if next(statements) == cut_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def connected(path: Path, timeout: float, isolation_level: None) -> sqlite3.Connection:
        base = connect(path, timeout=timeout, isolation_level=isolation_level)
        base.set_trace_callback(cut)
        return base

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connected)
        with open_store(state, lambda: 100.0) as store:
            store.follow(music.library)
