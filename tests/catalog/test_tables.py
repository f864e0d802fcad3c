"""Tables from outside: matched by name, mapped by column, refused with a clear line."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.analysis import CatalogError, FileStamp
from catalog.builder.tables import (
    import_comments,
    import_features,
    import_labels,
    match_key,
)
from catalog.store_writer import StoreWriter
from tests.fakes.synthetic_library import analysis

SONGS = (("Beyoncé", "Halo (Live)"), ("The Cure", "Lovesong"), ("", "Only a Title"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreWriter]:
    with StoreWriter(tmp_path) as store:
        with store.batch():
            for number, (artist, title) in enumerate(SONGS):
                found = analysis(number, None, artist=artist, title=title)
                store.put_track(Path(f"/m/{number}.mp3"), FileStamp(1, number), found)
        yield store


def write(tmp_path: Path, text: str, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_give_tracks_a_place_on_the_scale_they_are_on(
    store: StoreWriter, tmp_path: Path
) -> None:
    table = write(
        tmp_path,
        "Artist,Song title,mean_valence,mean_arousal\n"
        "BEYONCÉ,halo,9,1\nthe cure,LoveSong!,5,5\n,Only A Title,3,\nNobody,Nothing,1,1\n",
    )
    report = import_labels(store, table, {}, 1, 9)
    assert (report.rows, report.tracks, report.unusable) == (4, 2, 1)
    first = store.track(1)
    assert first is not None
    assert first.point.valence == pytest.approx(1)
    assert first.point.arousal == pytest.approx(-1)
    assert store.evidence(1)[0].source == "label"
    assert len(list(store.tracks())) == 2


def test_a_title_alone_counts_only_where_one_track_has_it(
    store: StoreWriter, tmp_path: Path
) -> None:
    with store.batch():
        covered = analysis(7, None, artist="Adele", title="Lovesong")
        store.put_track(Path("/m/7.mp3"), FileStamp(1, 7), covered)
    table = write(tmp_path, "title,valence,arousal\nLovesong,1,1\nHalo,1,1\n")
    assert import_labels(store, table, {}, -1, 1).tracks == 1
    assert [track.title for track in store.tracks()] == ["Halo (Live)"]


def test_labels_off_the_scale_are_refused_with_the_remedy(
    store: StoreWriter, tmp_path: Path
) -> None:
    table = write(tmp_path, "title,artist,valence,arousal\nlovesong,the cure,7,3\n")
    with pytest.raises(CatalogError, match="--range 1,9"):
        import_labels(store, table, {}, -1, 1)
    assert not list(store.tracks())


def test_features_come_from_a_packed_table_with_other_names(
    store: StoreWriter, tmp_path: Path
) -> None:
    path = tmp_path / "songs.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("song_name,band,valence,energy,tempo,mode\nHalo,Beyonce,0.9,0.95,140,1\n")
        file.write("Lovesong,The Cure,0.05,0.1,70,\n")
    report = import_features(store, path, {"title": "song_name", "artist": "band"})
    assert report.tracks == 1  # "Beyonce" without the accent is another spelling.
    sad = store.track(2)
    assert sad is not None
    assert sad.point.valence < -0.3
    assert sad.point.arousal < -0.3


@pytest.mark.parametrize(
    ("row", "named"),
    [("0.5,25", "energy is 25"), ("12,0.5", "valence is 12"), ("-0.1,0.5", "valence is -0.1")],
)
def test_features_off_the_scale_are_refused_with_row_and_column(
    store: StoreWriter, tmp_path: Path, row: str, named: str
) -> None:
    text = f"title,artist,valence,energy,tempo\nHalo,Beyoncé,1,0,140\nLovesong,The Cure,{row},70\n"
    with pytest.raises(CatalogError, match=rf"table\.csv, line 3: {named} and .* 0\.\.1: bring"):
        import_features(store, write(tmp_path, text), {})
    assert not list(store.tracks())


def test_a_path_below_the_home_of_nobody_is_no_track(store: StoreWriter, tmp_path: Path) -> None:
    table = write(tmp_path, "path,valence,arousal\n~beyonce/x.mp3,1,1\n/m/1.mp3,1,1\n")
    assert import_labels(store, table, {}, -1, 1).tracks == 1


def test_what_a_comment_leaves_open_is_not_the_word_none(
    store: StoreWriter, tmp_path: Path
) -> None:
    lines = [
        {"title": "Lovesong", "artist": None, "text": "so sad, I cried", "likes": 5},
        {"title": "Lovesong", "artist": "The Cure", "text": None, "likes": 9},
        {"title": "Lovesong", "artist": "The Cure", "text": "oh joy", "likes": None},
    ]
    table = write(tmp_path, "\n".join(map(json.dumps, lines)), "c.jsonl")
    report = import_comments(store, table, {})
    assert (report.rows, report.tracks) == (3, 1)
    assert store.evidence(2)[0].detail == "2 comments, 5 likes"


def test_comments_count_by_their_likes(store: StoreWriter, tmp_path: Path) -> None:
    lines = [
        {"title": "Lovesong", "artist": "The Cure", "content": "so sad, I cried", "likedCount": 90},
        {"title": "Lovesong", "artist": "The Cure", "content": "happy joy", "likedCount": 1},
        {"title": "Unknown", "artist": "X", "content": "happy", "likedCount": 5},
    ]
    table = write(tmp_path, "\n".join(map(json.dumps, lines)) + "\n\n", "c.jsonl")
    report = import_comments(store, table, {})
    assert (report.rows, report.tracks) == (3, 1)
    track = store.track(2)
    assert track is not None
    assert track.point.valence < 0
    assert store.evidence(2)[0].detail == "2 comments, 91 likes"


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("title,valence\na,1\n", {}, "no column for arousal; it has title, valence"),
        ("valence,arousal\n1,1\n", {}, "no column for title or path"),
        ("title,valence,arousal\n", {"title": "song"}, "no column 'song'"),
        ("", {}, "no column for valence"),
    ],
)
def test_a_table_without_its_columns_is_named(
    store: StoreWriter, tmp_path: Path, text: str, columns: dict[str, str], says: str
) -> None:
    with pytest.raises(CatalogError, match=says):
        import_labels(store, write(tmp_path, text), columns, -1, 1)


def test_files_that_cannot_be_read_are_named(store: StoreWriter, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"gone\.csv: cannot be read: No such file[^/]*$"):
        import_labels(store, tmp_path / "gone.csv", {}, -1, 1)
    with pytest.raises(CatalogError, match=r"bad\.csv\.gz: cannot be read"):
        import_features(store, write(tmp_path, "no gzip", "bad.csv.gz"), {})
    packed = bytearray(gzip.compress(b"title,valence,energy\n" + bytes(range(256)) * 400))
    packed[40:60] = bytes(20)
    (tmp_path / "hit.csv.gz").write_bytes(packed)
    with pytest.raises(CatalogError, match=r"hit\.csv\.gz: is damaged .*: fetch or pack it again"):
        import_features(store, tmp_path / "hit.csv.gz", {})
    with pytest.raises(CatalogError, match=r"c\.jsonl, line 2: is no JSON"):
        import_comments(store, write(tmp_path, '{"a": 1}\nnope\n', "c.jsonl"), {})


@pytest.mark.parametrize("heading", ["title,valence,arousal\n", ""])
def test_a_quotation_mark_that_is_never_closed_is_told(
    store: StoreWriter, tmp_path: Path, heading: str
) -> None:
    assert csv.field_size_limit() == 131_072
    text = heading + '"Lovesong,1,1\n' + f"{'Halo,1,1':999}\n" * 200
    told = rf"table\.csv, line {134 if heading else 133}: .* quotation mark .* never closed"
    with pytest.raises(CatalogError, match=told):
        import_labels(store, write(tmp_path, text), {}, -1, 1)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_key_does_not_depend_on_spacing_and_marks(artist: str, title: str) -> None:
    assert match_key(f"{artist} !", f" - {title}") == match_key(artist, title)


def test_what_brackets_say_does_not_tell_tracks_apart() -> None:
    assert match_key("A", "Song (Remastered 2011)") == match_key("a", "song")
    assert match_key("A", "(Untitled)") != match_key("A", "")
