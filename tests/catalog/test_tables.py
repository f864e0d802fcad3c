"""Tables from outside: matched by name, mapped by column, refused with a clear line."""

from __future__ import annotations

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
    with pytest.raises(CatalogError, match=r"gone\.csv: cannot be read"):
        import_labels(store, tmp_path / "gone.csv", {}, -1, 1)
    with pytest.raises(CatalogError, match=r"bad\.csv\.gz: cannot be read"):
        import_features(store, write(tmp_path, "no gzip", "bad.csv.gz"), {})
    with pytest.raises(CatalogError, match=r"c\.jsonl, line 2: is no JSON"):
        import_comments(store, write(tmp_path, '{"a": 1}\nnope\n', "c.jsonl"), {})


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_key_does_not_depend_on_spacing_and_marks(artist: str, title: str) -> None:
    assert match_key(f"{artist} !", f" - {title}") == match_key(artist, title)


def test_what_brackets_say_does_not_tell_tracks_apart() -> None:
    assert match_key("A", "Song (Remastered 2011)") == match_key("a", "song")
    assert match_key("A", "(Untitled)") != match_key("A", "")
