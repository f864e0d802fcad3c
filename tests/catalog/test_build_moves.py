"""Files and folders that come, go, move and change between two builds."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

import pytest

from catalog.analysis import CatalogError, EvidencePart
from catalog.builder import building, moves
from catalog.builder.analyse import digest_of
from catalog.builder.building import BuildOptions, build
from catalog.builder.scan import AWAY
from catalog.emotions import point_from_va
from catalog.library import Library
from catalog.store_writer import StoreWriter
from tests.fakes.builds import HAPPY, ONE, SAD, reasons, titles
from tests.fakes.tagged_sounds import write_tone


def test_what_is_new_changed_moved_and_gone_is_noticed(music: Path, catalogue: Path) -> None:
    build([music], catalogue, ONE)
    with Library.open(catalogue) as library:
        happy = library.find(str(music / "happy.flac"))
    assert happy is not None

    (music / "deep").mkdir()
    (music / "happy.flac").rename(music / "deep/moved.flac")
    shutil.copy(music / "sad.mp3", music / "copy.mp3")
    (music / "sad.mp3").unlink()
    write_tone(music / "new.flac", 1.2, tags=HAPPY | {"title": "New love"})
    report = build([music], catalogue, ONE)
    assert (report.moved, report.analysed, report.removed) == (2, 1, 2)
    assert titles(catalogue) == ["Happy joy", "New love", "Sad tears"]
    with Library.open(catalogue) as library:
        again = library.track(happy.track_id)
        assert again is not None
        assert again.path == music / "deep/moved.flac"

    shutil.rmtree(music / "deep")
    write_tone(music / "new.flac", 1.3, tags=SAD | {"title": "Now grief"})
    report = build([music], catalogue, ONE)
    assert (report.analysed, report.removed, report.in_index) == (1, 1, 2)
    assert titles(catalogue) == ["Now grief", "Sad tears"]


def test_on_a_terminal_one_sees_how_far_a_library_that_moved_was_looked_at(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is read to know it again: many minutes, in which nothing was shown."""
    build([music], catalogue, ONE)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert build([music.rename(music.with_name("elsewhere"))], catalogue, ONE).moved == 2
    assert "\r2 of 2 files looked for among what is known" in terminal.getvalue()


def test_a_file_that_gets_other_tags_stays_banned_and_labelled_and_keeps_its_number(
    music: Path, catalogue: Path
) -> None:
    build([music], catalogue, ONE)
    part = EvidencePart("label", 1.0, 0.9, point_from_va(-0.5, 0.5), "mine.csv")
    with StoreWriter(catalogue) as store:
        number = store.find_track_id(music / "happy.flac")
        assert number is not None
        with store.batch():
            store.ban(number, True)
            store.put_imported(number, part)
    write_tone(music / "happy.flac", 1.5, tags=HAPPY | {"title": "Other title"})
    assert build([music], catalogue, ONE).analysed == 1
    with Library.open(catalogue) as library:
        track = library.find(str(music / "happy.flac"))
        assert track is not None
        assert (track.track_id, track.title) == (number, "Other title")
        assert library.info().banned == (number,)
        assert "label" in {one.part.source for one in library.explain(number).parts}
    # Other music under the old name is another track.
    write_tone(music / "happy.flac", 2.5, tags=HAPPY)
    build([music], catalogue, ONE)
    with Library.open(catalogue) as library:
        assert library.count == 2


@pytest.mark.parametrize("ending", ["flac", "mp3", "ogg", "m4a"])
def test_a_file_that_a_tagger_renames_and_tags_at_once_stays_the_same_track(
    tmp_path: Path, catalogue: Path, ending: str
) -> None:
    music = tmp_path / "music"
    before, after = music / f"track01.{ending}", music / f"Artist/Album/01 Love.{ending}"
    write_tone(before, 1.5, tags=SAD)
    write_tone(music / f"other.{ending}", 1.5, frequency_hz=300, tags=SAD | {"title": "Other"})
    build([music], catalogue, ONE)
    number = ban(catalogue, before)
    with Library.open(catalogue) as library:
        (digest,) = library.digests_at([str(before)]).values()
    after.parent.mkdir(parents=True)
    before.rename(after)
    write_tone(after, 1.5, tags=HAPPY | {"title": "Love", "album": "Album"})
    report = build([music], catalogue, ONE)
    assert (report.analysed, report.removed) == (1, 1)
    with Library.open(catalogue) as library:
        track = library.find(str(after))
        assert track is not None
        assert (track.track_id, track.title) == (number, "Love")
        assert library.info().banned == (number,)
        assert library.tracks_of([digest]) == {digest: (track.digest, str(after))}
        assert track.digest != digest


def test_the_same_sound_in_other_tags_beside_the_first_is_a_track_of_its_own(
    music: Path, catalogue: Path
) -> None:
    build([music], catalogue, ONE)
    number = ban(catalogue, music / "happy.flac")
    write_tone(music / "hits/1.flac", 1.5, tags=HAPPY | {"title": "On another album"})
    build([music], catalogue, ONE)
    with Library.open(catalogue) as library:
        other = library.find(str(music / "hits/1.flac"))
        assert other is not None
        assert library.info().banned == (number,)
        assert other.track_id != number


def test_a_content_that_comes_back_is_found_by_what_was_remembered_of_it(
    music: Path, catalogue: Path
) -> None:
    song = music / "happy.flac"
    build([music], catalogue, ONE)
    with Library.open(catalogue) as library:
        (first,) = library.digests_at([str(song)]).values()
    backup = music.parent / "backup.flac"
    shutil.copy(song, backup)
    moved = music / "moved.flac"
    write_tone(moved, 1.5, tags=HAPPY | {"title": "Renamed"})
    song.unlink()
    build([music], catalogue, ONE)
    shutil.copy(backup, song)
    build([music], catalogue, ONE)
    with Library.open(catalogue) as library:
        (second,) = library.digests_at([str(moved)]).values()
        assert library.tracks_of([first, second]) == {
            first: (first, str(song)), second: (second, str(moved)),
        }  # fmt: skip


def test_a_copy_that_gets_other_tags_leaves_the_track_to_the_other_file(
    music: Path, catalogue: Path
) -> None:
    shutil.copy(music / "happy.flac", music / "copy.flac")
    build([music], catalogue, ONE)
    write_tone(music / "copy.flac", 1.5, tags=HAPPY | {"title": "Other title"})
    build([music], catalogue, ONE)
    assert titles(catalogue) == ["Happy joy", "Other title", "Sad tears"]
    # And back again: a content that is known already.
    shutil.copy(music / "happy.flac", music / "copy.flac")
    build([music], catalogue, ONE)
    assert titles(catalogue) == ["Happy joy", "Sad tears"]


def ban(folder: Path, path: Path) -> int:
    with StoreWriter(folder) as store:
        number = store.find_track_id(path)
        assert number is not None
        with store.batch():
            store.ban(number, True)
    return number


def test_a_banned_song_in_two_files_stays_banned_and_labelled_in_other_tags(
    music: Path, catalogue: Path
) -> None:
    songs = [music / "happy.flac", music / "best/song.flac"]
    songs[1].parent.mkdir()
    shutil.copy(*songs)
    build([music], catalogue, ONE)
    number = ban(catalogue, songs[0])
    part = EvidencePart("label", 1.0, 0.9, point_from_va(-0.5, 0.5), "mine.csv")
    with StoreWriter(catalogue) as store, store.batch():
        store.put_imported(number, part)
    for song in songs:
        write_tone(song, 1.5, tags=HAPPY | {"artist": "A. Artist"})
    report = build([music], catalogue, ONE)
    assert (report.analysed, report.in_index) == (2, 1)
    with Library.open(catalogue) as library:
        track = library.find(str(songs[0]))
        assert track is not None
        assert track.artist == "A. Artist"
        assert track.track_id in library.info().banned
        assert "label" in {one.part.source for one in library.explain(track.track_id).parts}


@pytest.mark.parametrize("tags", [{"title": "A"}, HAPPY], ids=["named by path", "named by tags"])
def test_a_ban_stays_with_the_music_where_files_of_one_length_move_on_by_one(
    tmp_path: Path, catalogue: Path, tags: dict[str, str]
) -> None:
    music = tmp_path / "music"
    first, second, third = (music / f"{number}.wav" for number in (1, 2, 3))
    write_tone(first, 2.0, tags=tags)
    write_tone(second, 2.0, frequency_hz=500, tags=tags)
    build([music], catalogue, ONE)
    number = ban(catalogue, first)
    second.rename(third)
    first.rename(second)
    write_tone(first, 2.0, frequency_hz=300, tags=tags)
    build([music], catalogue, ONE)
    with Library.open(catalogue) as library:
        assert library.info().banned == (number,)
        banned = library.find(str(second))
        assert banned is not None
        assert banned.track_id == number
        assert {track.path for track in library.tracks()} == {first, second, third}


def test_a_file_whose_analysis_alone_is_old_is_not_read_twice(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build([music], catalogue, ONE)
    (music / "happy.flac").rename(music / "moved.flac")
    read: list[str] = []

    def digest(path: Path) -> bytes:
        read.append(path.name)
        return digest_of(path)

    monkeypatch.setattr(moves, "digest_of", digest)
    monkeypatch.setattr(building, "analysis_fingerprint", lambda _dlut: "of a later Attune")
    assert build([music], catalogue, ONE).analysed == 2
    assert read == ["moved.flac"]


def test_new_lyrics_beside_a_file_make_it_new(music: Path, catalogue: Path) -> None:
    build([music], catalogue, ONE)
    (music / "happy.lrc").write_text("[00:01]I am so angry, full of rage and hate\n")
    report = build([music], catalogue, ONE)
    assert (report.analysed, report.unchanged) == (1, 1)
    with Library.open(catalogue) as library:
        track = library.find(str(music / "happy.flac"))
        assert track is not None
        sources = {one.part.source for one in library.explain(track.track_id).parts}
    assert "title and lyrics" in sources


def test_a_folder_that_cannot_be_read_costs_nothing_known(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build([music], catalogue, ONE)
    real = os.scandir

    def denied(folder: Path) -> object:
        if Path(folder) == music:
            raise PermissionError(13, "Permission denied")
        return real(folder)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", denied)
        report = build([music], catalogue, ONE)
    assert report.removed == 0
    assert reasons(report) == {"music": "cannot be read: Permission denied"}
    assert report.in_index == 2
    assert not build([music], catalogue, ONE).failures


@pytest.mark.parametrize("named", [True, False])
def test_a_stick_that_is_away_stops_no_other_folder_and_keeps_its_tracks(
    music: Path, catalogue: Path, named: bool
) -> None:
    """Named by the settings (``named``) or by an earlier build."""
    stick = music.parent / "stick"
    write_tone(stick / "third.flac", 1.2, tags=HAPPY | {"title": "Third joy"})
    build([music, stick], catalogue, ONE)
    stick.rename(music.parent / "drawer")
    write_tone(music / "new.flac", 1.2, frequency_hz=700, tags=SAD | {"title": "New tears"})
    again = BuildOptions(workers=1, may_be_away=True)
    report = build([music, stick] if named else [], catalogue, again if named else ONE)
    assert (report.analysed, report.removed, report.in_index) == (1, 0, 4)
    assert reasons(report) == {"stick": AWAY}
    (music.parent / "drawer").rename(stick)
    assert build([], catalogue, ONE).unchanged == 4


def test_music_whose_folder_was_renamed_is_played_from_where_it_is(
    music: Path, catalogue: Path
) -> None:
    """As a stick that is mounted under another name, which may come later in the alphabet."""
    build([music], catalogue, ONE)
    moved = music.rename(music.parent / "zmusic")
    report = build([moved], catalogue, ONE)
    assert (report.analysed, report.moved, report.removed) == (0, 2, 2)
    with Library.open(catalogue) as library:
        assert {track.path.parent for track in library.tracks()} == {moved}


def test_a_running_kiosk_learns_that_files_moved_though_no_mood_changed(
    music: Path, catalogue: Path
) -> None:
    build([music], catalogue, ONE)
    with Library.open(catalogue, hold=True) as library:
        build([music], catalogue, ONE)
        assert not library.reload_if_changed(), "nothing changed"
        moved = music.rename(music.parent / "elsewhere")
        build([moved], catalogue, ONE)
        assert library.reload_if_changed()
        assert {track.path.parent for track in library.tracks()} == {moved}
        assert not library.reload_if_changed()


def test_a_copy_on_a_stick_that_is_away_is_not_chosen(music: Path, catalogue: Path) -> None:
    stick = music.parent / "a stick"
    shutil.copytree(music, stick)
    build([music, stick], catalogue, ONE)
    stick.rename(music.parent / "drawer")
    build([], catalogue, ONE)
    with Library.open(catalogue) as library:
        assert {track.path.parent for track in library.tracks()} == {music}


def test_a_folder_that_the_settings_name_no_longer_is_told(music: Path, catalogue: Path) -> None:
    other = music.parent / "other"
    write_tone(other / "third.flac", 1.2, tags=HAPPY | {"title": "Third joy"})
    build([music, other], catalogue, ONE)
    report = build([music], catalogue, BuildOptions(workers=1, may_be_away=True))
    assert report.in_index == 3
    assert len(report.notices) == 1
    assert f"the tracks of {other}, which" in report.notices[0]
    assert "--only" in report.notices[0]
    only = BuildOptions(workers=1, may_be_away=True, only_these=True)
    assert build([music], catalogue, only).in_index == 2
    again = build([music], catalogue, BuildOptions(workers=1, may_be_away=True))
    assert not again.notices


def test_folders_that_are_all_away_and_one_just_typed_are_refused(
    music: Path, catalogue: Path
) -> None:
    build([music], catalogue, ONE)
    with pytest.raises(CatalogError, match="there is no such folder"):
        build([music, music.parent / "misspelt"], catalogue, ONE)
    with Library.open(catalogue) as library:
        assert library.info().music == (music,)
    music.rename(music.parent / "away")
    for folders in ([], [music]):
        with pytest.raises(CatalogError, match=f"{music}: there is no such folder"):
            build(folders, catalogue, BuildOptions(workers=1, may_be_away=True))


def test_music_of_other_builds_stays_unless_told(music: Path, catalogue: Path) -> None:
    build([music], catalogue, ONE)
    other = music.parent / "other"
    write_tone(other / "third.flac", 1.2, tags=HAPPY | {"title": "Third joy"})
    assert build([other], catalogue, ONE).in_index == 3
    report = build([other], catalogue, BuildOptions(workers=1, only_these=True))
    assert (report.removed, report.in_index) == (2, 1)
    with Library.open(catalogue) as library:
        assert library.info().music == (other,)
