"""The scan: what is music, what changed, and folders that play tricks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from catalog.builder.scan import AWAY, scan


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_music_is_found_sorted_and_the_rest_left_alone(tmp_path: Path) -> None:
    for name in ("b/2.MP3", "a/1.flac", "cover.jpg", ".hidden/x.mp3", "a/._1.flac", "notes.txt"):
        touch(tmp_path / name)
    (tmp_path / "folder.mp3").mkdir()
    os.mkfifo(tmp_path / "pipe.mp3")
    found = scan([tmp_path])
    assert [file.path for file in found.files] == [tmp_path / "a/1.flac", tmp_path / "b/2.MP3"]
    assert not found.problems


def test_music_of_kinds_that_are_not_read_is_counted_and_what_is_no_music_is_not(
    tmp_path: Path,
) -> None:
    for name in ("1.dff", "a/2.DFF", "a/3.mid", "holiday.mkv", ".hidden/4.dff", "a/._1.dff"):
        touch(tmp_path / name)
    for name in ("cover.jpg", "a.cue", "a.m3u", "notes.txt", "booklet.pdf", "rip.log", "none"):
        touch(tmp_path / name)
    (tmp_path / "folder.dff").mkdir()
    (tmp_path / "gone.dff").symlink_to(tmp_path / "nowhere")
    found = scan([tmp_path, tmp_path / "a"])
    assert found.files == []
    assert found.problems == []
    assert found.not_taken == {".dff": 2, ".mid": 1, ".mkv": 1}


def test_what_was_deleted_in_windows_or_on_a_network_disk_is_not_taken(tmp_path: Path) -> None:
    kept = touch(tmp_path / "recycled sounds/1.mp3")
    for name in ("$RECYCLE.BIN/S-1-5-21/$R1.mp3", "RECYCLER/S-1/Dc1.mp3", "a/#recycle/1.mp3"):
        touch(tmp_path / name)
    assert [file.path for file in scan([tmp_path]).files] == [kept]


def test_the_stamp_changes_with_the_file_and_with_its_lyrics(tmp_path: Path) -> None:
    song = touch(tmp_path / "a.mp3")
    first = scan([tmp_path]).files[0]
    assert first.sidecar is None
    text = touch(tmp_path / "a.txt", b"words")
    second = scan([tmp_path]).files[0]
    assert second.sidecar == text
    lrc = touch(tmp_path / "a.lrc", b"[00:01]words")
    assert scan([tmp_path]).files[0].sidecar == lrc
    os.utime(song, (1, 1))
    third = scan([tmp_path]).files[0]
    assert len({first.stamp, second.stamp, third.stamp}) == 3


def test_lyrics_that_are_a_link_to_itself_do_not_cost_the_song(tmp_path: Path) -> None:
    song = touch(tmp_path / "a.mp3")
    (tmp_path / "a.lrc").symlink_to(tmp_path / "a.lrc")
    words = touch(tmp_path / "a.txt", b"words")
    assert [(file.path, file.sidecar) for file in scan([tmp_path]).files] == [(song, words)]


def test_loops_of_links_end_and_nothing_is_found_twice(tmp_path: Path) -> None:
    touch(tmp_path / "a/1.mp3")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "a")
    (tmp_path / "self.mp3").symlink_to(tmp_path / "self.mp3")
    (tmp_path / "gone.mp3").symlink_to(tmp_path / "nowhere")
    found = scan([tmp_path, tmp_path / "a"])
    assert len(found.files) == 1
    assert {path.name for path, _ in found.problems} == {"self.mp3", "gone.mp3"}


def test_links_out_of_the_folders_are_named_and_not_followed(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for name in ("1.mp3", "2.mp3", "2.lrc"):
        touch(elsewhere / name)
    touch(music / "own.mp3")
    touch(music / "2.mp3")
    (music / "album").symlink_to(elsewhere)
    (music / "1.mp3").symlink_to("../elsewhere/1.mp3")
    (music / "2.lrc").symlink_to(elsewhere / "2.lrc")
    (music / "cover.jpg").symlink_to("/etc/hostname")
    found = scan([music])
    assert {file.path.name for file in found.files} == {"own.mp3", "2.mp3"}
    assert not any(file.sidecar for file in found.files)
    assert {path.name for path, _ in found.problems} == {"album", "1.mp3"}
    assert all(str(elsewhere) in reason for _, reason in found.problems)
    # Where that folder is named as well, they are followed.
    both = scan([music, elsewhere])
    assert both.problems == []
    assert {file.path.name for file in both.files if file.sidecar} == {"2.mp3"}


def test_a_folder_that_vanished_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    touch(tmp_path / "a/1.mp3")
    found = scan([tmp_path / "none", tmp_path])
    assert len(found.files) == 1
    assert found.problems == [(tmp_path / "none", AWAY)]


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "good.mp3")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.mp3")).write_bytes(b"x")
    found = scan([tmp_path])
    assert [file.path.name for file in found.files] == ["good.mp3"]
    [(path, reason)] = found.problems
    assert path.name == "bad\\xff.mp3"
    assert "rename" in reason


def test_names_that_are_not_utf8_are_told_as_text_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music, elsewhere = tmp_path / "music", Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcsik"))
    locked = Path(os.fsdecode(os.fsencode(music) + b"/zu\xff"))
    touch(music / "own.mp3")
    touch(elsewhere / "1.mp3")
    locked.mkdir()
    (music / "album").symlink_to(elsewhere)
    real = os.scandir

    def denied(folder: Path) -> object:
        if folder == locked:
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", denied)
    found = scan([music])
    told = {path.name: reason for path, reason in found.problems}
    assert told.keys() == {"album", "zu\\xff"}
    assert f"to {tmp_path}/M\\xfcsik: name that folder" in told["album"]
    for path, reason in found.problems:
        f"{path} {reason}".encode()


def test_a_link_to_nothing_may_be_one_to_a_disk_that_is_away(tmp_path: Path) -> None:
    music, stick, mounted = tmp_path / "music", tmp_path / "stick", tmp_path / "usb"
    touch(music / "own.mp3")
    mounted.mkdir()
    (music / "favourites").symlink_to(stick / "best")
    (music / "deleted").symlink_to(music / "old")
    (music / "elsewhere").symlink_to(tmp_path / "none")
    (music / "from-usb").symlink_to(mounted)
    found = scan([music, stick, mounted])
    assert found.lost == [(music / "favourites", AWAY)]
    assert sorted(found.bare) == [music / "from-usb", mounted]
    assert found.problems == [(stick, AWAY)]
    (mounted / ".hidden").write_bytes(b"")
    assert scan([music, stick, mounted]).bare == []


def test_a_folder_that_is_a_link_to_itself_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    touch(tmp_path / "music/1.mp3")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    found = scan([tmp_path / "loop", tmp_path / "music"])
    assert len(found.files) == 1
    assert [path.name for path, _ in found.problems] == ["loop"]
