"""The build on a Dask cluster: two workers of their own, the same result as here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

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


class ClosesAt:
    """A way to a scheduler that is closed for good once a word is said to it."""

    def __init__(self, word: bytes, scheduler: str) -> None:
        host, port = scheduler.removeprefix("tcp://").split(":")
        self._word, self._scheduler = word, (host, int(port))
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.address = f"tcp://127.0.0.1:{self._door.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._let_in, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._door, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                here = self._door.accept()[0]
                there = socket.create_connection(self._scheduler)
                self._open += [here, there]
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self._word in data:
                    self.__exit__()
                to.sendall(data)


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


def test_what_is_no_scheduler_is_named() -> None:
    """Of a port that greets, as that of SSH, Dask takes the greeting for a length in bytes."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(
            target=lambda: door.accept()[0].sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n"), daemon=True
        ).start()
        address = f"tcp://127.0.0.1:{door.getsockname()[1]}"
        with pytest.raises(CatalogError, match=f"no Dask scheduler answers at {address}: .* still"):
            cluster.ClusterPool(address, "x")


@pytest.mark.slow
def test_a_scheduler_that_closes_the_connection_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 2)
    with ClosesAt(b"broadcast", address) as door, pytest.raises(CatalogError) as told:
        cluster.ClusterPool(door.address, "x")
    assert f"the Dask scheduler at {door.address} closed the connection" in str(told.value)
    assert "Traceback" not in caplog.text


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
