"""The pictures of a track as they lie in the owner's files."""

import os
from pathlib import Path
from typing import Any

import pytest

from catalog.cover_files import MAX_BYTES, cover_files, cover_in
from tests.fakes.tagged_sounds import write_tone

PICTURE = b"\xff\xd8 a picture"


def test_a_cover_in_the_file_is_found_and_none_is_none(tmp_path: Path) -> None:
    import av
    import cv2
    import numpy as np

    plain = write_tone(tmp_path / "plain.mp3", 1.2)
    assert cover_in(plain) is None
    assert cover_in(tmp_path / "gone.mp3") is None
    picture = tmp_path / "p.png"
    cv2.imwrite(str(picture), np.full((16, 16, 3), 200, np.uint8))
    with (
        av.open(str(plain)) as sound,
        av.open(str(picture)) as image,
        av.open(str(tmp_path / "b.mp3"), "w") as out,
    ):
        sources = (sound.streams.audio[0], image.streams.video[0])
        streams: dict[Any, Any] = {one: out.add_stream_from_template(one) for one in sources}
        streams[sources[1]].disposition = av.stream.Disposition.attached_pic
        for packet in (*sound.demux(), *image.demux()):
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                out.mux(packet)
    found = cover_in(tmp_path / "b.mp3")
    assert found is not None
    assert found.startswith(b"\x89PNG")
    misnamed = (tmp_path / "b.mp3").rename(tmp_path / "b.m4a")
    assert cover_in(misnamed) == found


def test_those_beside_the_file_come_one_after_the_other(tmp_path: Path) -> None:
    song = write_tone(tmp_path / "album" / "song.flac", 1.2)
    assert list(cover_files(song)) == []
    (song.parent / "Folder.jpg").write_bytes(PICTURE)
    (song.parent / "cover.png").write_bytes(b"another")
    assert list(cover_files(song)) == [b"another", PICTURE]
    assert list(cover_files(song.with_name("gone.mp3"))) == [b"another", PICTURE]


def test_one_that_would_fill_the_memory_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    song = tmp_path / "song.flac"
    (tmp_path / "cover.jpg").write_bytes(bytes(MAX_BYTES + 1))
    (tmp_path / "folder.jpg").write_bytes(PICTURE)
    monkeypatch.setattr("catalog.cover_files.cover_in", lambda _: bytes(MAX_BYTES + 1))
    assert list(cover_files(song)) == [PICTURE]
    assert str(song) in caplog.text


def test_a_file_that_its_reader_breaks_on_keeps_the_picture_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise IndexError("odd file")

    monkeypatch.setattr("tinytag.TinyTag.get", breaks)
    (tmp_path / "cover.jpg").write_bytes(PICTURE)
    assert list(cover_files(tmp_path / "song.mp3")) == [PICTURE]


def test_what_became_a_link_out_of_the_music_folders_has_no_cover(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    write_tone(elsewhere / "song.flac", 1.2)
    (elsewhere / "cover.jpg").write_bytes(PICTURE)
    music.mkdir()
    (music / "album").symlink_to(elsewhere)
    assert list(cover_files(music / "album" / "song.flac", [music])) == []
    assert list(cover_files(music / "album" / "song.flac", [music, elsewhere])) == [PICTURE]


def test_a_song_that_became_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "song.mp3")
    assert list(cover_files(tmp_path / "song.mp3")) == []
