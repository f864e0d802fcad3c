"""Tags in every container, odd encodings, lyrics beside the file, and names made of the path."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.builder.evidence import EvidenceFinder
from catalog.builder.tags import Tags, read_sidecar, read_tags, strip_times
from tests.fakes.tagged_sounds import write_tone

FULL = {
    "title": "Größe 音楽",
    "artist": "Ансамбль",
    "album": "Élan",
    "genre": "Electronic",
    "comment": "a quiet evening",
}


@pytest.mark.parametrize("ending", [".mp3", ".flac", ".ogg", ".opus", ".m4a"])
def test_the_usual_tags_are_read_from_every_container(tmp_path: Path, ending: str) -> None:
    tags = read_tags(write_tone(tmp_path / f"a{ending}", 1.2, tags=FULL))
    assert tags == Tags("Größe 音楽", "Ансамбль", "Élan", "Electronic", comment="a quiet evening")


@pytest.mark.parametrize(
    ("content", "ending"), [(".m4a", ".mp3"), (".ogg", ".mp3"), (".mp3", ".m4a"), (".flac", ".wav")]
)
def test_tags_are_read_also_where_the_name_ends_in_another_format(
    tmp_path: Path, content: str, ending: str
) -> None:
    path = write_tone(tmp_path / f"a{content}", 1.2, tags=FULL).rename(tmp_path / f"b{ending}")
    assert read_tags(path) == Tags(
        "Größe 音楽", "Ансамбль", "Élan", "Electronic", comment="a quiet evening"
    )


@pytest.mark.parametrize("ending", [".mp3", ".flac", ".ogg"])
def test_mood_lyrics_and_replaygain_are_read(tmp_path: Path, ending: str) -> None:
    extra = {
        "title": "t",
        "album": "a",
        "mood": "Wistful",
        "lyrics": "[00:01.00]first line\n[00:02.00]second line",
        "REPLAYGAIN_TRACK_GAIN": "-6.50 dB",
    }
    tags = read_tags(write_tone(tmp_path / f"a{ending}", 1.2, tags=extra))
    assert tags.mood == "Wistful"
    assert tags.lyrics == "first line\nsecond line"
    assert tags.replaygain_lufs == pytest.approx(-11.5)


def test_broken_utf8_in_a_tag_costs_neither_the_track_nor_the_rest(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "a.flac", 1.2, tags={"title": "Xxxxx", "artist": "Somebody"})
    path.write_bytes(path.read_bytes().replace(b"Xxxxx", b"X\xff\xfe\x00\x80"))
    tags = read_tags(path)
    assert tags.title.startswith("X")
    tags.title.encode()
    assert tags.artist == "Somebody"


@pytest.mark.parametrize(
    ("tags", "explicit"),
    [
        ({"ITUNESADVISORY": "1"}, True),
        ({"ITUNESADVISORY": "2"}, False),
        ({"title": "Song [Explicit]"}, True),
        ({"title": "An explicit song"}, False),
    ],
)
def test_a_warning_of_explicit_words_is_read(
    tmp_path: Path, tags: dict[str, str], explicit: bool
) -> None:
    assert read_tags(write_tone(tmp_path / "a.flac", 1.2, tags=tags)).explicit is explicit


def test_a_huge_tag_is_cut(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "a.flac", 1.2, tags={"title": "y" * 5000, "lyrics": "z" * 99_999})
    tags = read_tags(path)
    assert len(tags.title) == 300
    assert len(tags.lyrics) == 20_000


@pytest.mark.parametrize(
    ("path", "title", "artist", "album"),
    [
        ("Nina - Live/03. Slow song.wav", "Slow song", "Nina", "Live"),
        ("Live/01 - Nina - Slow Song.wav", "Slow Song", "Nina", "Live"),
        ("Live/Nina - Slow Song - Remix.wav", "Slow Song - Remix", "Nina", "Live"),
        ("Nina - Live/Nina - 01 - Slow Song.wav", "Slow Song", "Nina", "Live"),
        ("VA - Hits/07 Nina - Slow Song.wav", "Slow Song", "Nina", "Hits"),
        ("Bach - Suites/Suite 1 - Gigue.wav", "Suite 1 - Gigue", "Bach", "Suites"),
        ("x/01 - 02.wav", "02", "", "x"),
        ("Live/1-07 slow_song.wav", "Slow song", "", "Live"),
        ("Live/battle-epic.wav", "Battle epic", "", "Live"),
        ("Live/99 Luftballons.wav", "99 Luftballons", "", "Live"),
        ("Live/1999.wav", "1999", "", "Live"),
        ("Live/7.wav", "7", "", "Live"),
        ("音楽/後悔.wav", "後悔", "", "音楽"),
        ("Live/___.wav", "___.wav", "", "Live"),
    ],
)
def test_without_tags_the_path_names_the_track(
    tmp_path: Path, path: str, title: str, artist: str, album: str
) -> None:
    tags = read_tags(write_tone(tmp_path / path, 1.2))
    assert (tags.title, tags.artist, tags.album) == (title, artist, album)
    assert tags.titled_by_path


def rewrite_comments(path: Path, comments: list[str]) -> None:
    """Replace the Vorbis comments of a FLAC file."""
    content = path.read_bytes()
    lines = [b"test", *(one.encode() for one in comments)]
    counted = [len(one).to_bytes(4, "little") + one for one in lines]
    body = counted[0] + len(comments).to_bytes(4, "little") + b"".join(counted[1:])
    start, out, last = 4, content[:4], False
    while not last:
        last, kind = bool(content[start] & 0x80), content[start] & 0x7F
        length = int.from_bytes(content[start + 1 : start + 4], "big")
        block = body if kind == 4 else content[start + 4 : start + 4 + length]
        out += content[start : start + 1] + len(block).to_bytes(3, "big") + block
        start += 4 + length
    path.write_bytes(out + content[start:])


def test_of_several_titles_the_one_like_the_file_name_is_taken(tmp_path: Path) -> None:
    # As in a real album whose editor appended each title to all that came before.
    path = write_tone(tmp_path / "x3-icyland.flac", 1.2)
    titles = ["Living Caves", "Crossroads", "Icy Lands", "Graveyard"]
    rewrite_comments(path, [f"TITLE={title}" for title in titles] + ["ALBUM=Hyper"])
    assert read_tags(path).title == "Icy Lands"


def test_lyrics_beside_the_file_win_over_those_inside(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "a.flac", 1.2, tags={"lyrics": "inside"})
    sidecar = tmp_path / "a.lrc"
    sidecar.write_text("[ti:Song]\n[00:10.5]beside <00:11.00>me\n\n[00:12]again", "utf-8")
    assert read_tags(path, sidecar).lyrics == "beside me\nagain"
    assert read_tags(path, tmp_path / "gone.txt").lyrics == "inside"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_lyrics_come_in_many_encodings(tmp_path: Path, encoding: str) -> None:
    text = "后悔也都没有用 还不如一切没有发生过"
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read_sidecar(tmp_path / "a.txt") == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp949", "너를 사랑해서 슬픈 밤에 울고 있어\n그대 없는 이 거리에서 oh baby 나는 혼자 걷는다"),
     ("cp1251", "Группа крови на рукаве,\nмой порядковый номер на рукаве")],
)  # fmt: skip
def test_korean_and_russian_lyrics_in_an_old_encoding_are_no_chinese_and_no_german(
    tmp_path: Path, encoding: str, text: str
) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read_sidecar(tmp_path / "a.txt") == text


def test_western_lyrics_in_an_old_encoding_are_not_taken_for_chinese(tmp_path: Path) -> None:
    text = "Für Elise, schöne Grüße aus der Höhle"
    (tmp_path / "a.txt").write_bytes(text.encode("cp1252"))
    assert read_sidecar(tmp_path / "a.txt") == text


@given(st.binary(max_size=400))
def test_any_bytes_as_lyrics_give_text_that_can_be_stored(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("s") / "a.txt"
    path.write_bytes(content)
    read_sidecar(path).encode("utf-8")


@given(st.text(max_size=200))
def test_stripping_times_never_adds_and_is_done_once(text: str) -> None:
    once = strip_times(text)
    assert len(once) <= len(text)
    assert strip_times(once) == once or "[" in text or "<" in text


@pytest.mark.parametrize(
    ("title", "lyrics", "language"),
    [("Love Shot", "너를 사랑해서 슬픈 밤에 울고 있어", "ko"), ("Love", "", ""),
     ("Haus am See", "Hier bin ich geboren und laufe durch die Straßen", "de"),
     ("Sad Eyes", "je ne sais pas pourquoi tu es là avec moi", "")],
)  # fmt: skip
def test_the_language_of_a_track_is_that_of_its_lyrics_not_of_its_title(
    title: str, lyrics: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EvidenceFinder, "_hear", lambda _self, _path: (None, "", ""))
    tags = Tags(title, "", "", "", lyrics=lyrics)
    assert EvidenceFinder().find(Path("song.flac"), tags).language == language
