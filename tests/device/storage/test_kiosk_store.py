from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.track import Track
from device.storage.kiosk_store import (
    FILE_NAME,
    KioskStore,
    StoreError,
    TrackMemory,
    VisitSummary,
    open_store,
)
from tests.fakes.songs import song

PAGE_BYTES = 4096
SONG = song("/music/song.flac")


def test_what_was_said_and_played_is_remembered_over_a_restart(tmp_path: Path) -> None:
    with open_store(tmp_path, lambda: 100.0) as store:
        store.add_feedback(SONG, "like")
        store.add_feedback(SONG, "like")
        store.add_feedback(SONG, "skip")
        store.note_played(SONG)
    with open_store(tmp_path, lambda: 200.0) as store:
        assert store.memories([SONG])[SONG.path] == TrackMemory(2, 0, 1, 100.0)
        store.note_played(SONG)
        assert store.memories([SONG])[SONG.path].last_played_at == 200.0
        assert store.memories([song("other")])[Path("other")] == TrackMemory()


def test_visits_are_kept_as_they_were_given(tmp_path: Path) -> None:
    visit = VisitSummary(1.0, 2.0, 3, "lift", -0.5, 0.5, None, 0.25)
    with open_store(tmp_path, lambda: 0.0) as store:
        assert store.visits() == []
        store.add_visit(visit)
        assert store.visits() == [visit]


def test_a_file_that_a_power_cut_left_empty_is_set_up_anew_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).touch()
    for times in (1, 2):
        with open_store(tmp_path, lambda: 100.0) as store:
            store.add_feedback(SONG, "like")
            assert store.memories([SONG])[SONG.path].likes == times
    (said,) = caplog.messages
    assert said == f"{tmp_path / FILE_NAME}: was empty, as after a power cut: begun anew"


def test_a_damaged_file_is_left_for_rescue_and_music_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    with open_store(tmp_path, lambda: 0.0) as store:
        store.add_feedback(SONG, "like")
        assert store.memories([SONG])[SONG.path].likes == 1
    assert str(tmp_path / FILE_NAME) in caplog.text
    assert (tmp_path / FILE_NAME).read_bytes() == b"no database" * 100


def lose_pages(path: Path) -> bytes:
    """Overwrite every page but the first few, as a worn-out card would; return what is left."""
    held = bytearray(path.read_bytes())
    assert len(held) > 10 * PAGE_BYTES
    for at in range(5 * PAGE_BYTES, len(held), PAGE_BYTES):
        held[at : at + PAGE_BYTES] = b"\xff" * PAGE_BYTES
    path.write_bytes(held)
    return bytes(held)


def remember_many(store: KioskStore) -> list[Track]:
    songs = [song(f"/music/{number}.mp3") for number in range(700)]
    for one in songs:
        store.note_played(one)
    return songs


def test_a_file_that_lost_pages_is_left_for_rescue_and_music_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(tmp_path, lambda: 0.0) as store:
        songs = remember_many(store)
    left = lose_pages(tmp_path / FILE_NAME)
    with open_store(tmp_path, lambda: 5.0) as store:
        assert store.memories(songs)[songs[0].path].last_played_at is None
        store.note_played(songs[0])
        assert store.memories(songs)[songs[0].path].last_played_at == 5.0
    assert (
        f"{tmp_path / FILE_NAME}: the kiosk's memory cannot be opened: it is damaged; likes"
        in caplog.text
    )
    assert (tmp_path / FILE_NAME).read_bytes() == left


def test_a_file_that_breaks_while_the_kiosk_runs_is_forgotten_and_music_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(tmp_path, lambda: 0.0) as store:
        songs = remember_many(store)
    with open_store(tmp_path, lambda: 5.0) as store:
        lose_pages(tmp_path / FILE_NAME)
        store._base.execute("PRAGMA shrink_memory")  # As if the pages had not been read of late.
        assert set(store.memories(songs)) == {one.path for one in songs}
        store.note_played(songs[0])
        assert store.memories(songs)[songs[0].path].last_played_at == 5.0
    assert caplog.text.count("cannot be read") == 1
    assert "likes and plays are not kept" in caplog.text


def test_a_file_of_a_newer_attune_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(StoreError, match="newer Attune"):
        KioskStore(path, lambda: 0.0)


def test_nothing_acknowledged_is_lost_when_the_power_goes(tmp_path: Path) -> None:
    program = f"""
import itertools, pathlib
from device.storage.kiosk_store import open_store
from tests.fakes.songs import song
with open_store(pathlib.Path({str(tmp_path)!r}), lambda: 1.0) as store:
    for number in itertools.count(1):
        store.add_feedback(song("song"), "like")
        print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = 0
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged == 50:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with open_store(tmp_path, lambda: 0.0) as store:
        assert store.memories([song("song")])[Path("song")].likes >= acknowledged >= 50
