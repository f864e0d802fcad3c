"""One opener for builder and player: what it takes, what it mends, what it will not follow."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import av.error
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.builder.loudness import measure
from catalog.ogg_repair import mend
from catalog.sound_file import SoundFileError, open_sound
from device.playback.decode import DecodeError, SoundFile
from tests.fakes.sounds import noise, sine, write_sound

RATE_HZ = 48_000


def pages(content: bytes) -> list[tuple[bytes, list[int], bytes]]:
    """Return (header, lengths of the segments, body) of every Ogg page."""
    found, at = [], 0
    while at < len(content):
        count = content[at + 26]
        lengths = list(content[at + 27 : at + 27 + count])
        body = at + 27 + count
        found.append((content[at : at + 27], lengths, content[body : body + sum(lengths)]))
        at = body + sum(lengths)
    return found


def crc(page: bytes) -> int:
    """CRC-32 of Ogg by a table, another way than the product's."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if value >> 31 else 0)
        table.append(value)
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
    return value


def packed(header: bytes, lengths: list[int], body: bytes) -> bytes:
    page = bytearray(header) + bytes(lengths) + body
    page[22:26] = bytes(4)
    page[26] = len(lengths)
    page[22:26] = struct.pack("<I", crc(bytes(page)))
    return bytes(page)


def with_headers_twice(content: bytes) -> bytes:
    """Put the three headers of Vorbis once more before the first sound, as some editors do."""
    found = pages(content)
    first_sound = next(n for n, page in enumerate(found) if b"\x05vorbis" in page[2]) + 1
    lengths = [one for page in found[:first_sound] for one in page[1]]
    body = b"".join(page[2] for page in found[:first_sound])
    header, sound_lengths, sound = found[first_sound]
    # The page of sound may be full already: its first packet goes onto the page of the headers.
    take = next(i for i, one in enumerate(sound_lengths) if one < 255) + 1
    cut = sum(sound_lengths[:take])
    no_time = header[:6] + b"\xff" * 8 + header[14:]
    doubled = (no_time, lengths + sound_lengths[:take], body + sound[:cut])
    rest = (header, sound_lengths[take:], sound[cut:])
    laid = [*found[:first_sound], doubled, rest, *found[first_sound + 1 :]]
    return b"".join(
        packed(page[0][:18] + struct.pack("<I", number) + page[0][22:], *page[1:])
        for number, page in enumerate(laid)
    )


@pytest.fixture
def vorbis(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "a.ogg", noise(4.0, 0.1, 1), RATE_HZ)


def heard(path: Path) -> int:
    with open_sound(path) as file:
        return sum(frame.samples for frame in file.frames())


def test_a_vorbis_file_with_its_headers_twice_is_read_whole(vorbis: Path) -> None:
    whole = heard(vorbis)
    doubled = vorbis.with_name("doubled.ogg")
    doubled.write_bytes(with_headers_twice(vorbis.read_bytes()))
    with pytest.raises(av.error.FFmpegError):
        av.open(str(doubled))
    assert heard(doubled) == whole
    assert measure(doubled).duration_s == pytest.approx(4.0, abs=0.05)
    with SoundFile(doubled, RATE_HZ) as sound:
        assert sum(map(len, sound.blocks())) == pytest.approx(4 * RATE_HZ, abs=RATE_HZ // 20)
    with SoundFile(doubled, RATE_HZ, start_s=3.0) as sound:
        assert sum(map(len, sound.blocks())) == pytest.approx(RATE_HZ, abs=RATE_HZ // 20)


def test_what_is_mended_is_the_stream_as_it_was(vorbis: Path) -> None:
    content = vorbis.read_bytes()
    doubled = vorbis.with_name("doubled.ogg")
    doubled.write_bytes(with_headers_twice(content))
    fd = os.open(doubled, os.O_RDONLY)
    try:
        mended = mend(fd)
        assert mended is not None
        whole = mended.read()
        assert all(
            packed(*page) == b"".join((page[0], bytes(page[1]), page[2])) for page in pages(whole)
        )
        packets = b"".join(page[2] for page in pages(whole))
        assert packets == b"".join(page[2] for page in pages(content))
        assert mended.seek(0, os.SEEK_END) == len(whole)
        for at in (0, 10, 4000, len(whole) - 5, len(whole) + 5):
            assert mended.seek(at) == at
            assert mended.read(300) == whole[at : at + 300]
    finally:
        os.close(fd)


def test_a_file_without_that_fault_is_left_alone(vorbis: Path) -> None:
    fd = os.open(vorbis, os.O_RDONLY)
    try:
        assert mend(fd) is None
    finally:
        os.close(fd)


@given(st.data())
def test_no_damage_of_an_ogg_file_upsets_the_mending(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    header = b"OggS\x00\x02" + bytes(20)
    content = bytearray(header + b"\x01\x1e" + b"\x01vorbis" + bytes(23)) * 3
    for _ in range(data.draw(st.integers(0, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("ogg") / "a.ogg"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with pytest.raises(SoundFileError):
        open_sound(path)


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile {}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.aac\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    ],
)
def test_lists_that_lead_elsewhere_are_no_sound(tmp_path: Path, content: str) -> None:
    other = write_sound(tmp_path / "other.wav", sine(2.0))
    path = tmp_path / "list.mp3"
    path.write_text(content.format(other.name))
    with pytest.raises(SoundFileError, match="is not a sound file"):
        open_sound(path)


def test_a_pipe_and_a_loop_of_links_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    (tmp_path / "loop.mp3").symlink_to(tmp_path / "loop.mp3")
    with pytest.raises(SoundFileError, match="is not a file"):
        open_sound(tmp_path / "pipe.mp3")
    with pytest.raises(SoundFileError, match="symbolic links"):
        open_sound(tmp_path / "loop.mp3")


def test_what_became_a_link_out_of_the_music_folders_is_not_opened(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for folder in (music, elsewhere):
        folder.mkdir()
    song, other = music / "song.wav", write_sound(music / "other.wav", sine(0.5))
    song.symlink_to(write_sound(elsewhere / "secret.wav", sine(0.5)))
    with pytest.raises(SoundFileError, match="a link that leads out of the music folders"):
        open_sound(song, [music])
    open_sound(song).close()  # One that was named by hand.
    open_sound(song, [music, elsewhere]).close()
    song.unlink()
    song.symlink_to(other)  # A link that stays within is the owner's business.
    open_sound(song, [music]).close()
    (tmp_path / "by another name").symlink_to(music)
    open_sound(song, [tmp_path / "by another name"]).close()


@pytest.mark.parametrize("name", ["http:a.flac", "a|b.wav", "concat:x.mp3", "100%d.ogg", "-i.opus"])
def test_any_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    plain = write_sound(tmp_path / f"a{Path(name).suffix}", sine(0.5, rate_hz=RATE_HZ), RATE_HZ)
    assert heard(plain.rename(tmp_path / name)) > 0.4 * RATE_HZ


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    good = write_sound(tmp_path / "a.wav", sine(0.5))
    (bad := tmp_path / "bad.wav").write_text("nothing")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with open_sound(good):
            pass
        with pytest.raises(SoundFileError):
            open_sound(bad)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.opus", "a.m4a"])
def test_what_the_builder_takes_the_player_plays(tmp_path: Path, name: str) -> None:
    """Damaged in many ways: a file with a second of sound for the one has it for the other."""
    whole = write_sound(tmp_path / name, noise(4, 0.1, 1)).read_bytes()
    for number in range(10):
        damaged = bytearray(whole[: len(whole) * (number + 1) // 10])
        damaged[number * 37 : number * 40] = bytes(len(damaged[number * 37 : number * 40]))
        path = tmp_path / f"{number}{Path(name).suffix}"
        path.write_bytes(damaged)
        try:
            taken_s = measure(path).duration_s
        except SoundFileError:
            continue
        played = 0
        try:
            with SoundFile(path, RATE_HZ) as sound:
                for block in sound.blocks():
                    played += len(block)
        except DecodeError:
            pass  # It says that it is cut off, after all there is.
        assert played / RATE_HZ > 0.9 * taken_s
