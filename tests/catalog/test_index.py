"""The index: finds what the exact search finds, and nothing damaged is ever loaded."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalog import index_file
from catalog.analysis import CatalogError
from catalog.index import ExactSearch, VectorIndex, graph_limit, load_index, write_index
from catalog.index_file import (
    MANIFEST_FILE,
    Manifest,
    read_blocks,
    read_manifest,
    write_blocks,
    write_manifest,
)
from catalog.space import DEFAULT_SPACE, embed_all
from tests.fakes.synthetic_library import make_points

COUNT = 3000
VECTORS = embed_all(make_points(COUNT, seed=1))
IDS = np.arange(COUNT, dtype=np.int64) * 3 + 7
ROOT = Path(__file__).parents[2]
PIECE = 1 << 22
"""Bytes of the file that have a digest of their own."""


def write(folder: Path, count: int = COUNT, owner: str = "mine") -> Manifest:
    return write_index(
        folder, IDS[:count], VECTORS[:count], space=DEFAULT_SPACE, catalogue_id=owner
    )


def load(folder: Path, owner: str = "mine") -> VectorIndex:
    return load_index(folder, catalogue_id=owner, space=DEFAULT_SPACE, dimension=24)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> VectorIndex:
    folder = tmp_path_factory.mktemp("index")
    write(folder)
    return load(folder)


def brute_force(vector: NDArray[np.float32], k: int, left: NDArray[np.bool_]) -> list[int]:
    distances = np.linalg.norm(VECTORS.astype(np.float64) - vector, axis=1)
    distances[~left] = np.inf
    return [int(IDS[i]) for i in np.argsort(distances, kind="stable")[: min(k, left.sum())]]


def queries(count: int, seed: int = 5) -> NDArray[np.float32]:
    return embed_all(make_points(count, seed))


def test_the_graph_misses_hardly_a_neighbour(index: VectorIndex) -> None:
    hits = 0
    for vector in queries(300):
        found = {one.track_id for one in index.nearest(vector, 10)}
        hits += len(found & set(brute_force(vector, 10, np.ones(COUNT, bool))))
    assert hits / 3000 >= 0.999


def test_distances_are_true_and_sorted(index: VectorIndex) -> None:
    for vector in queries(20):
        found = index.nearest(vector, 50)
        assert len(found) == 50
        distances = [one.distance for one in found]
        assert distances == sorted(distances)
        rows = [int(np.searchsorted(IDS, one.track_id)) for one in found]
        np.testing.assert_allclose(
            distances, np.linalg.norm(VECTORS[rows] - vector, axis=1), atol=1e-5
        )


def test_a_track_is_its_own_nearest(index: VectorIndex) -> None:
    for row in range(0, COUNT, 150):
        nearest = index.nearest(VECTORS[row], 1)[0]
        assert nearest.track_id == IDS[row]
        assert nearest.distance < 1e-3


@pytest.mark.parametrize("share_barred", [0.001, 0.02, 0.5, 0.999, 1.0])
def test_excluded_tracks_never_come_however_many(index: VectorIndex, share_barred: float) -> None:
    rng = np.random.default_rng(2)
    for vector in queries(5):
        barred = rng.permutation(COUNT)[: round(share_barred * COUNT)]
        left = np.ones(COUNT, bool)
        left[barred] = False
        found = [one.track_id for one in index.nearest(vector, 10, exclude=set(IDS[barred]))]
        truth = brute_force(vector, 10, left)
        assert len(found) == len(truth)
        assert len(set(found) & set(truth)) >= len(truth) - 1


@given(seed=st.integers(0, 2**32 - 1), left=st.integers(0, 2000), k=st.integers(1, 40))
def test_a_search_among_some_finds_the_nearest_of_them(
    index: VectorIndex, seed: int, left: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(COUNT)[:left])
    unknown = np.array([1, 2, int(IDS[-1]) + 1], np.int64)  # Ids that are in no index.
    among = np.sort(np.concatenate([IDS[rows], unknown]))
    mask = np.zeros(COUNT, bool)
    mask[rows] = True
    vector = queries(1, seed % 1000)[0]
    subset = index.subset(among)
    truth = brute_force(vector, k, mask)
    assert [one.track_id for one in index.exact.nearest(vector, k, among=subset)] == truth
    found = [one.track_id for one in index.nearest(vector, k, among=subset)]
    assert len(found) == len(truth)
    assert len(set(found) & set(truth)) >= len(truth) - 1


def test_few_are_searched_exactly_and_many_by_the_graph(
    index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.index.FILTER_SWITCH", 400)
    few, many = index.subset(IDS[::5]), index.subset(IDS[IDS % 3 == 1])
    assert few.contains is None
    assert many.contains is not None
    hits = 0
    for vector in queries(50):
        truth = {one.track_id for one in index.exact.nearest(vector, 10, among=many)}
        hits += len(truth & {one.track_id for one in index.nearest(vector, 10, among=many)})
    assert hits >= 0.999 * 500


def test_a_search_among_some_keeps_to_the_excluded(index: VectorIndex) -> None:
    subset = index.subset(IDS[::2])
    for vector in queries(10):
        best = [one.track_id for one in index.nearest(vector, 20, among=subset)]
        rest = index.nearest(vector, 10, among=subset, exclude=set(best[:10]))
        assert [one.track_id for one in rest] == best[10:]


def test_asking_for_more_than_there_are_gives_all(index: VectorIndex) -> None:
    found = index.nearest(queries(1)[0], 10 * COUNT)
    assert {one.track_id for one in found} == set(IDS.tolist())


@pytest.mark.parametrize("count", [0, 1, 2, 11])
def test_tiny_and_empty_indexes_work(tmp_path: Path, count: int) -> None:
    write(tmp_path, count)
    small = load(tmp_path)
    found = small.nearest(queries(1)[0], 10)
    assert sorted(one.track_id for one in found) == IDS[: min(count, 10)].tolist() or count > 10
    assert len(found) == min(count, 10)
    assert small.nearest(queries(1)[0], 10, exclude=IDS[:count].tolist()) == []


def test_equal_vectors_are_all_found(tmp_path: Path) -> None:
    same = np.repeat(VECTORS[:1], 500, axis=0)
    write_index(tmp_path, IDS[:500], same, space=DEFAULT_SPACE, catalogue_id="mine")
    assert len(load(tmp_path).nearest(VECTORS[0], 400)) == 400


def test_the_graph_is_never_asked_for_more_than_pays() -> None:
    assert graph_limit(100) >= 100
    assert graph_limit(1_000_000) < 1_000_000 / 100


def test_exact_search_keeps_its_digits_near_zero() -> None:
    search = ExactSearch(IDS, VECTORS)
    assert search.nearest(VECTORS[9], 1)[0].distance == 0.0


# --- nothing damaged loads --------------------------------------------------------------


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1000)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(4096))


def zero_a_block(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(65536))


def flip_a_bit(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def flip_in_the_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(30)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "damage",
    [truncate, grow, zero_a_block, flip_a_bit, flip_in_the_header, empty, remove],
)
@pytest.mark.parametrize("which", ["index", "manifest"])
def test_a_damaged_file_is_never_loaded(
    tmp_path: Path, damage: Callable[[Path], None], which: str
) -> None:
    manifest = write(tmp_path)
    path = tmp_path / (manifest.file if which == "index" else MANIFEST_FILE)
    if which == "manifest" and damage in {truncate, zero_a_block, grow}:
        damage = flip_a_bit  # It is shorter than those blocks.
    damage(path)
    with pytest.raises(CatalogError, match="attune catalog build") as failure:
        load(tmp_path)
    assert path.name in str(failure.value)
    assert "\n" not in str(failure.value)


def swap_two_pieces(content: bytearray) -> None:
    size = PIECE
    content[:size], content[size : 2 * size] = content[size : 2 * size], content[:size]


def change_the_last_byte(content: bytearray) -> None:
    content[-1] ^= 1


def change_the_second_piece(content: bytearray) -> None:
    content[PIECE] ^= 1


@pytest.mark.parametrize("damage", [swap_two_pieces, change_the_last_byte, change_the_second_piece])
def test_a_file_of_several_pieces_is_read_whole_or_refused(
    tmp_path: Path, damage: Callable[[bytearray], None]
) -> None:
    numbers = np.arange(5 * PIECE // 16, dtype=np.int64)  # Two pieces and a half.
    name, size, sha256 = write_blocks(tmp_path, {"fact": 1}, [numbers, numbers[:3]])
    manifest = replace(write(tmp_path, 5), file=name, bytes=size, sha256=sha256)
    assert write_blocks(tmp_path, {"fact": 1}, [numbers, numbers[:3]]) == (name, size, sha256)
    facts, arrays = read_blocks(tmp_path, manifest)
    assert facts == {"fact": 1}
    assert [array.tolist() for array in arrays] == [numbers.tolist(), [0, 1, 2]]
    content = bytearray((tmp_path / name).read_bytes())
    damage(content)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogError, match="damaged"):
        read_blocks(tmp_path, manifest)


@given(data=st.data())
def test_no_changed_byte_of_the_manifest_passes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    write(folder, 5)
    path = folder / MANIFEST_FILE
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[where]))
    path.write_bytes(content)
    try:
        load(folder)
    except CatalogError:
        return
    # Only a change of white space or of a number's spelling may pass: the facts are the same.
    assert json.loads(bytes(content))["count"] == 5


@pytest.mark.parametrize(
    "change",
    [{"dimension": 21}, {"dimension": 48}, {"space": "dlut21"}, {"metric": "cosine"}],
)
def test_an_index_of_another_space_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    manifest = write(tmp_path)
    write_manifest(tmp_path, replace(manifest, **change))
    with pytest.raises(CatalogError, match="wanted is"):
        load(tmp_path)


@pytest.mark.parametrize("change", [{"dimension": 21}, {"count": COUNT - 1}, {"count": 0}])
def test_a_manifest_that_lies_about_its_file_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    manifest = replace(write(tmp_path), **change)
    write_manifest(tmp_path, manifest)
    with pytest.raises(CatalogError):
        load_index(
            tmp_path,
            catalogue_id="mine",
            space=DEFAULT_SPACE,
            dimension=manifest.dimension,
        )


def test_a_swapped_manifest_is_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, count in ((one, 100), (two, 200)):
        folder.mkdir()
        write(folder, count, owner=folder.name)
    (one / MANIFEST_FILE).write_bytes((two / MANIFEST_FILE).read_bytes())
    with pytest.raises(CatalogError, match="belongs to another catalogue"):
        load(one, owner="one")
    with pytest.raises(CatalogError, match="cannot be read: No such file"):
        load(one, owner="two")  # Even if it were this catalogue's, its file is not here.


def test_a_manifest_of_another_version_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, replace(write(tmp_path, 5), schema_version=1))
    with pytest.raises(CatalogError, match="version 1, this Attune reads 2"):
        load(tmp_path)


# --- replacing --------------------------------------------------------------------------


def test_the_old_index_stands_until_the_new_manifest_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 100)

    def crash(folder: Path, manifest: Manifest) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(index_file, "write_manifest", crash)
        with pytest.raises(CatalogError, match=r"No space left on device.*still stands"):
            write(tmp_path, 200)
    assert load(tmp_path).count == 100
    write(tmp_path, 300)
    assert load(tmp_path).count == 300
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([MANIFEST_FILE, read_manifest(tmp_path).file])


def test_a_disk_that_fills_up_under_the_index_costs_nothing(tmp_path: Path) -> None:
    write(tmp_path, 100)
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tests.catalog.test_index import write, CatalogError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    write(Path(sys.argv[1]), 3000)\n"
        "except CatalogError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "the index cannot be written" in done.stdout
    assert load(tmp_path).count == 100
    assert not list(tmp_path.glob(".*tmp"))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


def test_what_a_power_cut_left_is_gone_after_the_next_write(tmp_path: Path) -> None:
    for name in (".index-4711.tmp", f".{MANIFEST_FILE}.4711.tmp"):
        (tmp_path / name).write_bytes(b"half")
    manifest = write(tmp_path, 100)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {MANIFEST_FILE, manifest.file}


def test_an_index_that_is_replaced_while_it_is_opened_is_opened_as_it_is_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 100)
    times = []

    def too_late(folder: Path, manifest: Manifest) -> object:
        times.append(1)
        if len(times) == 1:
            write(folder, 200)
        return read_blocks(folder, manifest)

    monkeypatch.setattr(index_file, "read_blocks", too_late)
    assert load(tmp_path).count == 200
    (tmp_path / read_manifest(tmp_path).file).unlink()
    with pytest.raises(CatalogError, match="No such file"):
        load(tmp_path)


def test_an_open_index_goes_on_when_it_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, 500)
    opened = load(tmp_path)
    write(tmp_path, 50)
    assert len(opened.nearest(VECTORS[0], 500)) == 500
