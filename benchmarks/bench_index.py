"""The index in numbers, beside scikit-learn's BallTree and exact numpy, in one run.

    make bench-index                     10,000, 220,000 and 1,000,000 tracks: four minutes
    python -m benchmarks.bench_index --sizes 220000

Clustered points like those of real albums; queries are moods that are no track. One thread.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import hnswlib
import numpy as np
from numpy.typing import NDArray

from benchmarks.service import MALLOC
from catalog.emotions import ANCHORS_VAD, CODES
from catalog.index import M, VectorIndex, load_index, write_index
from catalog.space import DEFAULT_SPACE, SPACES

SIZES = (10_000, 220_000, 1_000_000)
K = 10
QUERIES = 1000
CLUSTERS = 400
SETTINGS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | MALLOC
SPACE = SPACES[DEFAULT_SPACE]
Matrix = NDArray[np.float32]


def main() -> int:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="other sizes")
    arguments = parser.parse_args()
    if not SETTINGS.items() <= os.environ.items():  # Read once, when a program starts.
        again = [sys.executable, "-m", "benchmarks.bench_index", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | SETTINGS)
    sizes: Sequence[int] = arguments.sizes
    print(f"{SPACE.name}, {SPACE.dimension} dimensions, k = {K}, one thread, ms per query\n")
    print(HEADING)
    with tempfile.TemporaryDirectory() as place:
        for size in sizes:
            folder = Path(place, str(size))
            folder.mkdir()
            print(_row(folder, size), flush=True)
        filtered = max((size for size in sizes if size <= SIZES[1]), default=sizes[0])
        print("\n" + _filters(Path(place, str(filtered)), filtered))
    print("\n" + _crossing())
    return 0


HEADING = (
    "| tracks | build s | file MB | load ms | p50 | p99 | recall@10 | exact numpy | BallTree |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def make_vectors(count: int, seed: int) -> Matrix:
    """Return (count, dimension) embedded points around cluster centres."""
    centres = np.random.default_rng(0).dirichlet(np.full(len(CODES), 0.3), CLUSTERS)
    rng = np.random.default_rng(seed)
    drawn = rng.gamma(20 * centres[rng.integers(CLUSTERS, size=count)] + 0.05)
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    places = np.clip(shares @ ANCHORS_VAD + rng.normal(0, 0.1, (count, 3)), -1, 1)
    parts = [SPACE.emotion_weight * np.sqrt(shares), places * np.array(SPACE.vad_weights)]
    return np.ascontiguousarray(np.concatenate(parts, axis=1), np.float32)


def timed(ask: Callable[[Matrix], object], queries: Matrix) -> NDArray[np.float64]:
    """Return the milliseconds of each query, after a few to warm up."""
    for query in queries[:10]:
        ask(query)
    times = []
    for query in queries:
        began = time.perf_counter()
        ask(query)
        times.append(1e3 * (time.perf_counter() - began))
    return np.array(times)


def _build(folder: Path, size: int) -> tuple[VectorIndex, Matrix, float]:
    vectors, ids = make_vectors(size, seed=1), np.arange(size, dtype=np.int64)
    began = time.perf_counter()
    write_index(folder, ids, vectors, space=SPACE.name, catalogue_id="bench")
    return _load(folder), vectors, time.perf_counter() - began


def _load(folder: Path) -> VectorIndex:
    return load_index(folder, catalogue_id="bench", space=SPACE.name, dimension=SPACE.dimension)


def _row(folder: Path, size: int) -> str:
    index, vectors, build_s = _build(folder, size)
    queries = make_vectors(QUERIES, seed=2)
    graph = timed(lambda query: index.nearest(query, K), queries)
    few = queries[: 100 if size > 50_000 else QUERIES]
    exact = timed(lambda query: index.exact.nearest(query, K), few)
    hits = 0
    for query in queries:
        truth = {one.track_id for one in index.exact.nearest(query, K)}
        hits += len(truth & {one.track_id for one in index.nearest(query, K)})
    recall = hits / (K * QUERIES)
    return (
        f"| {size:,} | {build_s:.1f} | {index.manifest.bytes / 1e6:.1f} | {_load_ms(folder):.0f}"
        f" | {np.median(graph):.3f} | {np.quantile(graph, 0.99):.3f} | {recall:.4f}"
        f" | {np.median(exact):.3f} | {_ball_tree(vectors, few)} |"
    )


def _load_ms(folder: Path) -> float:
    """Return the median time to check and load, in processes of their own."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from benchmarks.bench_index import _load\n"
        "began = time.perf_counter(); _load(Path(sys.argv[1]))\n"
        "print(1e3 * (time.perf_counter() - began))\n"
    )
    command = [sys.executable, "-c", script, str(folder)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(15)]
    return float(np.median([float(run.stdout) for run in runs]))


def _ball_tree(vectors: Matrix, queries: Matrix) -> str:
    try:
        from sklearn.neighbors import BallTree
    except ImportError:
        return "(scikit-learn is not installed)"
    tree = BallTree(vectors)
    return f"{np.median(timed(lambda query: tree.query(query[np.newaxis], k=K), queries)):.3f}"


def _filters(folder: Path, size: int) -> str:
    """Compare the graph with the exact search where filters leave few, or many are wanted."""
    index, queries = _load(folder), make_vectors(60, seed=3)
    rng = np.random.default_rng(4)
    lines = [f"{size:,} tracks, k = {K}, of which a filter leaves a share:", ""]
    lines += ["| left | as answered | exact, masked | graph with filter |", "|---|---|---|---|"]
    graph = hnswlib.Index("l2", SPACE.dimension)
    graph.init_index(size, M=M, random_seed=1)
    graph.add_items(make_vectors(size, seed=1))
    for share in (0.99, 0.5, 0.1, 0.01, 0.001):
        among = index.subset(np.sort(rng.permutation(size)[: round(share * size)]))
        answered = timed(partial(index.nearest, k=K, among=among), queries)
        masked = timed(partial(index.exact.nearest, k=K, among=among), queries)
        own = timed(_filtered(graph, set(among.rows.tolist())), queries[:20])
        lines.append(
            f"| {share:.1%} | {np.median(answered):.3f} | {np.median(masked):.3f}"
            f" | {np.median(own):.3f} |"
        )
    exact = float(np.median(timed(lambda query: index.exact.nearest(query, K), queries)))
    lines += ["", f"neighbours wanted (k and the excluded together); exact takes {exact:.3f}:", ""]
    lines += ["| wanted | graph | tracks / wanted |", "|---|---|---|"]
    for wanted in (50, 200, 500, 1000, 2000, 4000, 8000):
        if wanted < size / 5:
            spent = np.median(timed(_asked(index, wanted), queries))
            lines.append(f"| {wanted} | {spent:.3f} | {size // wanted} |")
    return "\n".join(lines)


def _asked(index: VectorIndex, wanted: int) -> Callable[[Matrix], object]:
    assert index._graph is not None
    graph = index._graph
    return lambda query: index._ask_graph(graph, query, wanted)


def _filtered(graph: hnswlib.Index, left: set[int]) -> Callable[[Matrix], object]:
    graph.set_ef(200)

    def ask(query: Matrix) -> object:
        try:
            return graph.knn_query(query[np.newaxis], K, num_threads=1, filter=left.__contains__)
        except RuntimeError:
            return None  # It found fewer than K.

    return ask


def _crossing() -> str:
    """Say up to which size the exact search does as well as the graph."""
    queries = make_vectors(200, seed=2)
    lines = ["| tracks | graph | exact |", "|---|---|---|"]
    as_well = 0
    with tempfile.TemporaryDirectory() as place:
        for size in (1000, 2000, 5000, 10_000, 20_000, 50_000):
            index, _, _ = _build(Path(place), size)
            graph = float(np.median(timed(partial(index.nearest, k=K), queries)))
            exact = float(np.median(timed(partial(index.exact.nearest, k=K), queries)))
            lines.append(f"| {size:,} | {graph:.3f} | {exact:.3f} |")
            as_well = size if exact <= 1.1 * graph else as_well
    return "\n".join([f"exact search does as well up to {as_well:,} tracks:", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
