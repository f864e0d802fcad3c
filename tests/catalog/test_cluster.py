"""The build on a Dask cluster: two workers of their own, the same result as here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.analysis import CatalogError
from catalog.builder import cluster
from catalog.builder.building import BuildOptions, build
from catalog.builder.evidence import analysis_fingerprint
from catalog.builder.wire import Job
from catalog.library import Library
from tests.fakes.tagged_sounds import write_tone

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as workers:
        yield workers.scheduler_address


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number, mood in enumerate(("happy", "sad", "angry", "calm", "afraid", "proud")):
        tags = {"title": f"{mood} song", "album": "x", "mood": mood}
        path = tmp_path / "music" / f"{mood}.flac"
        write_tone(path, 1.5, frequency_hz=300 + 50 * number, tags=tags)
    (tmp_path / "music/broken.mp3").write_bytes(b"nothing")
    return tmp_path / "music"


@pytest.mark.slow
def test_a_cluster_builds_the_same_catalogue(address: str, music: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    local = build([music], here, BuildOptions(workers=1))
    spread = build([music], there, BuildOptions(scheduler=address))
    assert (spread.analysed, spread.in_index) == (local.analysed, local.in_index) == (6, 6)
    assert [one.reason for one in spread.failures] == [one.reason for one in local.failures]
    with Library.open(here) as one, Library.open(there) as other:
        for track in one.tracks():
            twin = other.find(str(track.path))
            assert twin is not None
            assert twin.integrated_loudness_lufs == track.integrated_loudness_lufs
            assert twin.point.valence == pytest.approx(track.point.valence)
    assert build([music], there, BuildOptions(scheduler=address)).analysed == 0


@pytest.mark.slow
def test_workers_of_another_version_are_refused(address: str) -> None:
    with pytest.raises(CatalogError, match="has another version of Attune"):
        cluster.ClusterPool(address, "another fingerprint")


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(CatalogError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        cluster.ClusterPool("tcp://127.0.0.1:1", "x")


@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_build_and_blames_no_file(
    music: Path, tmp_path: Path
) -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
    ) as workers:
        pool = cluster.ClusterPool(workers.scheduler_address, analysis_fingerprint(None))
        jobs = (Job(path) for _ in range(20) for path in sorted(music.glob("*.flac")))
        with pool:
            outcomes = pool.outcomes(jobs)
            assert next(outcomes)[1].analysis is not None
            workers.close()
            with pytest.raises(CatalogError, match="went away; what was done is kept"):
                for _, outcome in outcomes:
                    assert outcome.analysis is not None
