"""The library as the kiosk uses it: nearest, filters, and rebuilt under its feet."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catalog import held_store
from catalog.analysis import Failure, FileStamp, unpack_point
from catalog.emotions import point_from_va
from catalog.index import write_index
from catalog.index_file import MANIFEST_FILE, read_manifest, write_manifest
from catalog.indexing import renew_index
from catalog.library import CatalogError, Library
from catalog.space import DEFAULT_SPACE, distance, embed_all
from catalog.store import RIGHTS, STORE_FILE
from catalog.store_writer import StoreWriter
from tests.fakes.hanging_share import HangingShare
from tests.fakes.plain_user import as_plain_user
from tests.fakes.synthetic_library import analysis, make_library, make_points
from tests.fakes.tagged_sounds import write_tone

COUNT = 400
TENSE = point_from_va(-0.5, 0.6)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("made"), COUNT)


@pytest.fixture
def folder(tmp_path: Path, made: Path) -> Path:
    shutil.copytree(made, tmp_path / "catalogue")
    return tmp_path / "catalogue"


def add(folder: Path, path: Path, number: int) -> int:
    point = make_points(number + 1, seed=9)[number]
    with StoreWriter(folder) as store:
        with store.batch():
            track_id = store.put_track(path, FileStamp(1, number), analysis(number, point))
        renew_index(store, folder)
    return track_id


def test_the_nearest_tracks_come_in_order_with_their_true_distance(made: Path) -> None:
    with Library.open(made) as library:
        assert library.count == COUNT
        matches = library.nearest(TENSE, 20)
        everything = sorted(distance(TENSE, track.point) for track in library.tracks())
    assert [one.distance for one in matches] == pytest.approx(everything[:20], abs=1e-5)


def test_exclusions_and_genre_are_kept_to(made: Path) -> None:
    with Library.open(made) as library:
        best = [one.track.track_id for one in library.nearest(TENSE, 10)]
        rest = [one.track.track_id for one in library.nearest(TENSE, 10, exclude=best[:5])]
        assert rest[:5] == best[5:]
        rock = library.nearest(TENSE, COUNT, genre="ROCK")
        assert {one.track.genre for one in rock} == {"rock"}
        assert len(rock) == COUNT // 4
        assert library.nearest(TENSE, 10, genre="polka") == []
        everything = [track.track_id for track in library.tracks()]
        assert library.nearest(TENSE, 10, exclude=everything) == []


def test_language_and_explicit_words_are_filters(folder: Path) -> None:
    point = make_points(1, seed=2)[0]
    with StoreWriter(folder) as store:
        with store.batch():
            for number, (language, explicit) in enumerate((("zh", 0), ("zh", 1), ("en", 1))):
                found = analysis(7000 + number, point, language=language, explicit=bool(explicit))
                store.put_track(Path(f"/l/{number}.mp3"), FileStamp(1, number), found)
        renew_index(store, folder)
    with Library.open(folder) as library:
        names = [m.track.path.name for m in library.nearest(point, 9, language="ZH")]
        assert sorted(names) == ["0.mp3", "1.mp3"]
        clean = library.nearest(point, 9, language="zh", clean_only=True)
        assert [m.track.path.name for m in clean] == ["0.mp3"]
        assert len(library.nearest(point, 2000, clean_only=True)) == COUNT + 1


def test_tracks_whose_files_went_away_are_stepped_over(folder: Path) -> None:
    with Library.open(folder) as library:
        best = library.nearest(TENSE, 8)
        with StoreWriter(folder) as store, store.batch():
            store.forget_paths([str(one.track.path) for one in best[:6]])
        assert [one.track.track_id for one in library.nearest(TENSE, 2)] == [
            one.track.track_id for one in best[6:]
        ]


def test_a_track_is_found_by_id_and_by_path(made: Path) -> None:
    with Library.open(made) as library:
        track = library.track(5)
        assert track is not None
        by_path, by_id = library.find(str(track.path)), library.find("5")
        assert by_path is not None
        assert by_id is not None
        assert by_path.path == by_id.path == track.path
        assert library.track(COUNT + 1) is None
        assert library.find("no such file") is None
        assert library.find("9" * 30) is None
        assert library.find("~no such user/x") is None
        dotted = library.find(f"{track.path.parent}/./x/../{track.path.name}")
        assert dotted is not None
        assert dotted.path == track.path


def test_a_catalogue_below_the_home_of_nobody_is_no_catalogue() -> None:
    with pytest.raises(CatalogError, match="no catalogue in ~no such user/x"):
        Library.open(Path("~no such user/x"))


def test_a_track_is_found_by_a_path_that_goes_through_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    track_id = add(folder, tmp_path / "real/a.flac", 6000)
    with Library.open(folder) as library:
        found = library.find(str(tmp_path / "link/a.flac"))
    assert found is not None
    assert found.track_id == track_id


@pytest.mark.parametrize("closed", [".", STORE_FILE])
def test_a_catalogue_of_another_user_is_not_called_damaged(folder: Path, closed: str) -> None:
    script = (
        "import sys; from pathlib import Path; from catalog.library import Library\n"
        "try: Library.open(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    (folder / closed).chmod(0)
    done = as_plain_user(script, folder)
    (folder / closed).chmod(0o700)
    assert done.stdout.startswith("CatalogError"), done.stderr
    assert done.stdout.endswith(f"{RIGHTS}\n")
    assert "delete" not in done.stdout


def test_why_a_track_is_not_there_is_told(folder: Path) -> None:
    stamp = FileStamp(1, 1)
    with StoreWriter(folder) as store, store.batch():
        track_id = store.put_track(Path("/m/dumb.flac"), stamp, analysis(5000, None))
        store.put_failure(Failure(Path("/m/bad.flac"), stamp, "is silent", "synthetic"))
    with Library.open(folder) as library:
        assert library.find("/m/dumb.flac") is None
        assert library.why_absent("/m/dumb.flac") == "made up without"
        assert library.why_absent(str(track_id)) == "made up without"
        assert library.why_absent("/m/bad.flac") == "the file is silent"
        assert library.why_absent("/m/unknown.flac") == ""


def test_the_explanation_has_shares_that_sum_to_one(made: Path) -> None:
    with Library.open(made) as library:
        explanation = library.explain(7)
        assert sum(one.share for one in explanation.parts) == pytest.approx(1)
        assert explanation.parts[0].part.source == "sound"
        with pytest.raises(CatalogError, match="no track 999999"):
            library.explain(999_999)


@pytest.mark.parametrize("missing", ["folder", "store", "index"])
def test_what_is_missing_is_named_with_the_remedy(folder: Path, missing: str) -> None:
    target = {"folder": folder, "store": folder / STORE_FILE, "index": folder / MANIFEST_FILE}
    if missing == "folder":
        shutil.rmtree(folder)
    else:
        target[missing].unlink()
    with pytest.raises(CatalogError, match="attune catalog build") as failure:
        Library.open(folder)
    assert str(folder) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_store_with_damaged_pages_is_named(folder: Path) -> None:
    path = folder / STORE_FILE
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 40] = b"\x55" * (4096 * 38)
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=STORE_FILE), Library.open(folder) as library:
        library.nearest(TENSE, 50)
        list(library.tracks())


def test_a_rebuilt_catalogue_is_taken_over(folder: Path, tmp_path: Path) -> None:
    with Library.open(folder) as library:
        assert not library.reload_if_changed()
        track_id = add(folder, tmp_path / "new.flac", 1000)
        assert library.count == COUNT
        assert library.reload_if_changed()
        assert library.count == COUNT + 1
        assert not library.reload_if_changed()
        track = library.track(track_id)
        assert track is not None
        assert library.nearest(track.point, 1)[0].track.track_id == track_id


def test_another_catalogue_in_the_same_place_is_taken_over(folder: Path) -> None:
    with Library.open(folder) as library:
        shutil.rmtree(folder)
        make_library(folder, 30, seed=5)
        assert library.reload_if_changed()
        assert library.count == 30
        assert len(library.nearest(TENSE, 50)) == 30


def test_a_rebuilt_catalogue_that_is_damaged_is_not_taken(folder: Path) -> None:
    with Library.open(folder) as library:
        before = [one.track.track_id for one in library.nearest(TENSE, 5)]
        manifest = (folder / MANIFEST_FILE).read_text()
        (folder / MANIFEST_FILE).write_text("{}")
        for _ in range(2):  # It does not become good by being looked at.
            with pytest.raises(CatalogError, match=MANIFEST_FILE):
                library.reload_if_changed()
        assert [one.track.track_id for one in library.nearest(TENSE, 5)] == before
        (folder / MANIFEST_FILE).write_text(manifest)
        assert library.reload_if_changed()


def answers(library: Library, k: int, genre: str | None = None) -> list[tuple[int, str, float]]:
    found = library.nearest(TENSE, k, genre=genre)
    return [(one.track.track_id, str(one.track.path), round(one.distance, 5)) for one in found]


def write_over(folder: Path, how: str) -> None:
    """Write over the catalogue's files as they lie, as ``cp`` does: the same inodes."""
    for path in folder.iterdir():
        if not path.name.endswith(".json"):
            with path.open("r+b") as file:
                if how == "emptied":
                    file.truncate(0)
                else:
                    file.write(b"\x55" * path.stat().st_size)


@pytest.mark.parametrize("how", ["emptied", "garbage"])
def test_a_held_catalogue_is_written_over_in_place_and_answers_as_before(
    folder: Path, how: str
) -> None:
    add(folder, folder / "new.flac", 1000)  # Leaves a write-ahead log and its index behind.
    with Library.open(folder, hold=True) as library:
        with Library.open(folder) as other:
            assert answers(library, 20) == answers(other, 20)
            assert answers(library, 20, "rock") == answers(other, 20, "rock")
            before = answers(library, 200)
        write_over(folder, how)
        assert answers(library, 200) == before  # By the exact search.
        assert answers(library, 5) == before[:5]  # By the graph.
        with pytest.raises(CatalogError, match=str(folder)):
            library.reload_if_changed()


def test_a_very_large_store_is_read_from_its_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(held_store.open_held(folder), held_store.HeldStore)
    monkeypatch.setattr(held_store, "HELD_MAX_BYTES", 1000)
    with Library.open(folder, hold=True) as library, Library.open(folder) as other:
        assert not isinstance(held_store.open_held(folder), held_store.HeldStore)
        assert answers(library, 9) == answers(other, 9)


def test_a_held_catalogue_opens_where_nobody_can_write(folder: Path) -> None:
    with Library.open(folder) as library:
        expected = answers(library, 9)
    for path in [*folder.glob("*-shm"), *folder.glob("*-wal")]:
        path.unlink()
    folder.chmod(0o500)
    try:
        with Library.open(folder, hold=True) as library:
            assert answers(library, 9) == expected
    finally:
        folder.chmod(0o700)


def of_another_space(folder: Path, store: StoreWriter) -> None:
    ids, points = store.points()
    old = embed_all([unpack_point(row.tobytes()) for row in points], "attune24")
    write_index(folder, ids, old, space="attune24", catalogue_id=store.catalogue_id)


def of_another_form(folder: Path, _store: StoreWriter) -> None:
    write_manifest(folder, replace(read_manifest(folder), schema_version=1))


@pytest.mark.parametrize("outdate", [of_another_space, of_another_form])
def test_an_index_of_an_attune_before_is_not_used_and_made_anew(
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    outdate: Callable[[Path, StoreWriter], None],
) -> None:
    with StoreWriter(folder) as store:
        outdate(folder, store)
        with Library.open(folder) as library:
            assert "attune catalog build" in caplog.text
            assert library.count == COUNT
            found = library.nearest(TENSE, 20)
            rock = library.nearest(TENSE, 5, genre="rock", exclude=[found[0].track.track_id])
            truth = sorted(distance(TENSE, track.point) for track in library.tracks())
        assert [one.distance for one in found] == pytest.approx(truth[:20], abs=1e-5)
        assert [one.track.genre for one in rock] == ["rock"] * 5
        assert renew_index(store, folder) == COUNT
    manifest = read_manifest(folder)
    assert manifest.space == DEFAULT_SPACE
    assert [path.name for path in folder.glob("index-*.hnsw")] == [manifest.file]
    caplog.clear()
    with Library.open(folder) as library:
        again = library.nearest(TENSE, 20)
    assert [one.track.track_id for one in again] == [one.track.track_id for one in found]
    assert not caplog.text


CHOOSES = """
import sys
from pathlib import Path
from catalog.emotions import point_from_va
from catalog.library import Library
with Library.open(Path(sys.argv[1]), hold=True) as library:
    (found,) = library.nearest(point_from_va(-0.5, 0.6), 1)
    library.reload_if_changed()
    assert library.track(found.track.track_id).within == found.track.within
    print(found.track.path, *found.track.within, sep="\\n")
"""


def test_a_track_is_chosen_without_a_look_at_a_share_that_hangs(
    folder: Path, tmp_path: Path
) -> None:
    """Whoever opens the track looks; it is told out of which folders its file may not lead."""
    music = tmp_path / "music"
    song = write_tone(music / "album" / "song.flac", 1.2)
    add(folder, song, 2000)
    with StoreWriter(folder) as store, store.batch():
        store.put_roots([music])
        store.forget_paths([str(track.path) for track in store.tracks() if track.path != song])
    share = HangingShare(music, tmp_path)
    share.hang()
    said = share.run([sys.executable, "-c", CHOOSES, str(folder)], timeout_s=20)
    assert said.splitlines() == [str(song), str(music)]


def test_the_numbers_add_up(made: Path) -> None:
    with Library.open(made) as library:
        info = library.info()
    assert info.tracks_in_index == info.tracks_in_store == COUNT
    assert sum(info.genres.values()) == COUNT
    assert info.duration_s == pytest.approx(200.0 * COUNT)
    assert info.evidence == {"sound": COUNT}
    assert info.index.dimension == 24
