"""Cover art from the owner's files, and from nothing."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame
import pytest

from device.interfaces.screen.covers import (
    KEPT_SIDE_PX,
    drawn_cover,
    find_cover,
    picture_size,
    rounded,
)
from tests.fakes.kiosk_states import TRACK, point


def save(path: Path, size: tuple[int, int]) -> None:
    surface = pygame.Surface(size, 0, 32)
    surface.fill((200, 40, 40))
    pygame.image.save(surface, path)


def test_picture_beside_the_track(tmp_path: Path) -> None:
    save(tmp_path / "cover.png", (1200, 900))
    cover = find_cover(tmp_path / "song.flac")
    assert cover is not None
    assert cover.get_size() == (KEPT_SIDE_PX, 600)


def test_picture_that_windows_left_beside_the_track(tmp_path: Path) -> None:
    save(tmp_path / "Folder.jpg", (64, 64))
    assert find_cover(tmp_path / "song.flac") is not None


def song_with(picture: bytes, song: Path) -> Path:
    """Write an ID3v2.3 tag with one APIC frame (id3.org, ID3v2.3.0 section 4.15)."""
    art = b"\0image/png\0\x03\0" + picture
    frame = b"APIC" + struct.pack(">I", len(art)) + b"\0\0" + art
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    song.write_bytes(b"ID3\x03\0\0" + size + frame + b"\xff\xfb\x90\x64" + bytes(413))
    return song


def test_picture_inside_the_track(tmp_path: Path) -> None:
    save(tmp_path / "art.png", (64, 64))
    cover = find_cover(song_with((tmp_path / "art.png").read_bytes(), tmp_path / "song.mp3"))
    assert cover is not None and cover.get_at((10, 10))[:3] == (200, 40, 40)


def test_picture_inside_a_track_whose_name_ends_in_another_format(tmp_path: Path) -> None:
    save(tmp_path / "art.png", (64, 64))
    song = song_with((tmp_path / "art.png").read_bytes(), tmp_path / "song.m4a")
    assert find_cover(song) is not None


def test_one_that_cannot_be_shown_does_not_stand_in_the_way_of_the_next(tmp_path: Path) -> None:
    song = song_with(b"RIFF\0\0\0\0WEBPVP8 ", tmp_path / "song.mp3")
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8 damaged")
    save(tmp_path / "folder.png", (64, 64))
    cover = find_cover(song)
    assert cover is not None and cover.get_at((10, 10))[:3] == (200, 40, 40)


def test_a_picture_beside_the_track_that_is_a_link_to_elsewhere_is_not_opened(
    tmp_path: Path,
) -> None:
    album = tmp_path / "music" / "album"
    album.mkdir(parents=True)
    save(tmp_path / "private.png", (64, 64))
    (album / "cover.png").symlink_to(tmp_path / "private.png")
    assert find_cover(album / "song.flac") is None
    save(album / "scan.png", (64, 64))
    (album / "folder.png").symlink_to("scan.png")
    (tmp_path / "album").symlink_to(album)
    assert find_cover(tmp_path / "album" / "song.flac") is not None


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(40), b"\xff\xd8\xff", b"junk" * 99]
)
def test_a_damaged_picture_is_no_picture(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "cover.jpg").write_bytes(data)
    assert find_cover(tmp_path / "missing.mp3") is None


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 60_000, 60_000)
    (tmp_path / "cover.png").write_bytes(header + bytes(100))
    assert picture_size(header) == (60_000, 60_000)
    assert find_cover(tmp_path / "song.mp3") is None


def test_a_picture_whose_size_is_not_known_beforehand_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A GIF of a few bytes may say that it is 65,535 pixels wide and high."""
    save(tmp_path / "a.bmp", (64, 64))
    (tmp_path / "a.bmp").rename(tmp_path / "cover.jpg")
    assert find_cover(tmp_path / "song.mp3") is None
    assert "neither JPEG nor PNG" in caplog.text


def test_a_jpeg_with_fill_bytes_is_shown(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", (321, 123))
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cover.jpg").write_bytes(data[:2] + b"\xff\xff" + data[2:])
    cover = find_cover(tmp_path / "song.mp3")
    assert cover is not None and cover.get_size() == (321, 123)


def test_a_jpeg_cannot_hide_how_large_it_is_behind_a_marker_without_a_length(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A decoder passes over RST0; taken for a segment it leads past the true frame header."""
    save(tmp_path / "a.jpg", (5000, 8))  # One that a test can bear, were it decoded.
    rest = (tmp_path / "a.jpg").read_bytes()[2:]
    head, tail = rest[: rest.index(b"\xff\xc0")], rest[rest.index(b"\xff\xc0") :]
    start = b"\xff\xd8\xff\xd0"
    landing = len(start) + int.from_bytes(rest[:2], "big")
    false = b"\xff\xc0\x00\x11\x08\x00\x10\x00\x10"
    hidden = start + head + comment(60_000)
    hidden += comment(landing - len(hidden) + 20, false, landing - len(hidden))
    (tmp_path / "cover.jpg").write_bytes(hidden + tail)
    assert pygame.image.load(tmp_path / "cover.jpg").get_size() == (5000, 8)
    assert find_cover(tmp_path / "song.mp3") is None
    assert "is not shown" in caplog.text


def comment(size: int, content: bytes = b"", at: int = 4) -> bytes:
    """Return a comment segment of ``size`` bytes with ``content`` at a place in it."""
    filled = bytearray(b"\xff\xfe" + (size - 2).to_bytes(2, "big") + bytes(size - 4))
    filled[at : at + len(content)] = content
    return bytes(filled)


def test_jpeg_size_from_its_header(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", (321, 123))
    assert picture_size((tmp_path / "a.jpg").read_bytes()) == (321, 123)


def test_drawn_covers_differ_by_track_and_mood() -> None:
    one = pygame.surfarray.array3d(drawn_cover(TRACK, 64))
    other = pygame.surfarray.array3d(drawn_cover(replace(TRACK, track_id=8), 64))
    sad = pygame.surfarray.array3d(drawn_cover(replace(TRACK, point=point("NB", -0.6, -0.5)), 64))
    assert not np.array_equal(one, other)
    assert one[..., 2].mean() < sad[..., 2].mean()  # sorrow is bluer than calm joy


def test_corners_are_clear_and_the_middle_is_not() -> None:
    surface = pygame.Surface((40, 20), 0, 24)
    surface.fill((9, 99, 199))
    picture = rounded(surface, 60, 12)
    assert picture.get_at((0, 0))[3] == 0
    assert tuple(picture.get_at((30, 30))) == (9, 99, 199, 255)
