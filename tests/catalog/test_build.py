"""The build on real files: what changed is done, what failed is named, nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalog.analysis import CatalogError
from catalog.builder import building
from catalog.builder.building import BuildOptions, build
from catalog.builder.wire import Job
from catalog.builder.workers import WorkerPool, WorkerSetup
from catalog.index_file import MANIFEST_FILE, read_manifest
from catalog.indexing import renew_index
from catalog.library import Library
from catalog.store_writer import StoreWriter
from tests.fakes.builds import HAPPY, ONE, SAD, reasons, titles
from tests.fakes.tagged_sounds import write_tone

ROOT = Path(__file__).parents[2]


def test_a_second_build_touches_nothing(music: Path, catalogue: Path) -> None:
    first = build([music], catalogue, ONE)
    assert (first.found, first.analysed, first.in_index) == (2, 2, 2)
    manifest = read_manifest(catalogue)
    second = build([music], catalogue, ONE)
    assert (second.found, second.unchanged, second.analysed) == (2, 2, 0)
    assert read_manifest(catalogue) == manifest
    third = build([], catalogue, ONE)  # The folders are remembered.
    assert third.unchanged == 2


def test_bad_files_are_named_and_the_rest_is_built(music: Path, catalogue: Path) -> None:
    (music / "empty.mp3").write_bytes(b"")
    (music / "text.flac").write_text("no sound at all\n" * 100)
    (music / "loop.ogg").symlink_to(music / "loop.ogg")
    write_tone(music / "silent.wav", 1.5, level_dbfs=-100)
    whole = (music / "happy.flac").read_bytes()
    (music / "cut.flac").write_bytes(whole[: len(whole) * 4 // 5])
    write_tone(music / "said-nothing.wav", 1.5)
    report = build([music], catalogue, ONE)
    assert reasons(report).keys() == {"empty.mp3", "text.flac", "loop.ogg", "silent.wav"}
    assert reasons(report)["silent.wav"] == "is silent from beginning to end"
    assert report.in_index + sum(report.without_evidence.values()) == 4
    again = build([music], catalogue, ONE)
    assert again.analysed == 0
    assert reasons(again) == reasons(report)

    write_tone(music / "empty.mp3", 1.5, tags=SAD)  # A failure that was mended.
    assert "empty.mp3" not in reasons(build([music], catalogue, ONE))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_builds_belongs_to_whom_the_place_belongs(music: Path, tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.mkdir()
    os.chown(place, 4321, 4322)
    build([music], place / "catalogue", ONE)
    for path in (place / "catalogue", *(place / "catalogue").iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (4321, 4322), path
    build([music], tmp_path / "own", ONE)
    assert (tmp_path / "own" / MANIFEST_FILE).stat().st_uid == 0


def test_an_ontology_that_cannot_be_read_stops_the_build_and_blames_no_file(
    music: Path, catalogue: Path
) -> None:
    ontology = music.parent / "ontology.xlsx"
    ontology.write_text("no spreadsheet")
    with pytest.raises(CatalogError, match=f"cannot start: {ontology}: is no readable .xlsx"):
        build([music], catalogue, BuildOptions(workers=1, dlut=ontology))
    with StoreWriter(catalogue) as store:
        assert not store.failures()


def test_a_damaged_index_is_made_anew(music: Path, catalogue: Path) -> None:
    build([music], catalogue, ONE)
    index = catalogue / read_manifest(catalogue).file
    index.write_bytes(index.read_bytes()[:-100])
    with pytest.raises(CatalogError):
        Library.open(catalogue)
    assert build([music], catalogue, ONE).analysed == 0
    assert len(titles(catalogue)) == 2
    (catalogue / MANIFEST_FILE).write_text("{}")
    build([music], catalogue, ONE)
    assert len(titles(catalogue)) == 2


def test_what_is_done_can_be_played_while_the_build_goes_on(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def renew(store: StoreWriter, folder: Path, *, announce: bool = False) -> int:
        count = renew_index(store, folder, announce=announce)
        seen.append(titles(catalogue))
        return count

    monkeypatch.setattr(building, "renew_index", renew)
    monkeypatch.setattr(building, "_BATCH_TRACKS", 1)
    monkeypatch.setattr(building, "_INDEX_EVERY_S", 0.0)
    monkeypatch.setattr(building, "_INDEX_SHARE", 1e9)
    build([music], catalogue, ONE)
    assert [len(found) for found in seen] == [1, 2, 2]


def test_two_builds_at_once_are_refused(music: Path, catalogue: Path) -> None:
    with (
        building.alone(catalogue),
        pytest.raises(CatalogError, match="another build is running"),
    ):
        build([music], catalogue, ONE)


@pytest.mark.parametrize("what", ["nothing", "file"])
def test_a_wrong_folder_is_named(tmp_path: Path, what: str) -> None:
    if what == "file":
        (tmp_path / "file").write_text("x")
    with pytest.raises(CatalogError, match=f"{tmp_path / what}: (there is no|is a file)"):
        build([tmp_path / what], tmp_path / "catalogue", ONE)


def test_no_folder_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="say where the music is"):
        build([], tmp_path / "catalogue", ONE)


def test_an_empty_folder_makes_an_empty_catalogue(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    assert build([tmp_path / "music"], tmp_path / "catalogue", ONE).in_index == 0
    assert titles(tmp_path / "catalogue") == []


def test_an_interrupted_build_goes_on_where_it_was(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_BATCH_TRACKS", 1)
    kept: list[int] = []
    real = StoreWriter.put_track

    def interrupt(self: StoreWriter, *arguments: object) -> int:
        if kept:
            raise KeyboardInterrupt
        kept.append(real(self, *arguments))  # type: ignore[arg-type]
        return kept[0]

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "put_track", interrupt)
        report = build([music], catalogue, ONE)
    assert report.interrupted
    assert not (catalogue / MANIFEST_FILE).exists()
    with pytest.raises(CatalogError, match="was not finished"):
        Library.open(catalogue)
    second = build([music], catalogue, ONE)
    assert (second.unchanged, second.analysed, second.in_index) == (1, 1, 2)


def test_ctrl_c_ends_the_build_and_its_workers_in_order(music: Path, catalogue: Path) -> None:
    for number in range(6):
        write_tone(music / f"{number}.flac", 10.0, frequency_hz=300 + number, tags=HAPPY)
    script = (
        "import signal, sys; from pathlib import Path\n"
        # A shell's background job ignores the key, and its children inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from catalog.builder.building import BuildOptions, build\n"
        "report = build([Path(sys.argv[1])], Path(sys.argv[2]), BuildOptions(workers=2))\n"
        "print(report.interrupted)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(music), str(catalogue)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not workers_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = workers_of(process.pid)
    assert workers
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert output.strip() == "True"
    assert process.returncode == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def workers_of(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.mark.slow
def test_a_disk_that_fills_up_is_named_and_keeps_what_was_done(
    music: Path, catalogue: Path
) -> None:
    build([music], catalogue, ONE)
    for number in range(16):
        tags = HAPPY | {"title": f"Joy {number}", "lyrics": "joy and love " * 20}
        write_tone(music / f"{number}.flac", 1.2, frequency_hz=300 + number, tags=tags)
    room = 40_000  # Enough to open the store (its shared memory has 32 kB), not to add to it.
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from catalog.builder.building import BuildOptions, CatalogError, build\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        "try:\n"
        "    build([Path(sys.argv[1])], Path(sys.argv[2]), BuildOptions(workers=1))\n"
        "except CatalogError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(music), str(catalogue)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "cannot be written" in done.stdout, done.stderr
    assert len(done.stdout.splitlines()) == 1
    kept = titles(catalogue)
    assert {"Happy joy", "Sad tears"} <= set(kept)
    assert len(kept) < 18, "the disk did not fill up"
    assert build([music], catalogue, ONE).in_index == 18


# --- workers ----------------------------------------------------------------------------


CRASHES_ON_SAD = """\
import os, sys
print("ready", flush=True)
for line in sys.stdin:
    if "sad" in line:
        os.kill(os.getpid(), 11)
    print('{"analysis": null, "failure": "done", "notice": "", "passing": false}', flush=True)
"""


def test_a_file_that_crashes_its_worker_costs_only_itself(
    sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes = [sys.executable, "-c", CRASHES_ON_SAD]
    monkeypatch.setattr(WorkerSetup, "command", lambda _setup: crashes)
    jobs = [Job(sounds / name) for name in ("happy.flac", "sad.mp3", "happy.flac")]
    with WorkerPool(1, WorkerSetup("test")) as pool:
        failures = [outcome.failure for _, outcome in pool.outcomes(jobs)]
    crashed = "the process that analysed it was ended by SIGSEGV"
    assert failures == ["done", crashed, "done"]


KILLED = """\
import os, sys
print("ready", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), 9)
"""


def test_a_worker_that_is_killed_costs_no_track_whose_analysis_is_merely_old(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one whose content alone is known: it may be played under its new name."""
    (music / "sad.mp3").rename(music / "track.mp3")
    build([music], catalogue, ONE)
    (music / "happy.flac").rename(music / "moved.flac")
    with monkeypatch.context() as patch:
        patch.setattr(building, "analysis_fingerprint", lambda _dlut: "of a later Attune")
        patch.setattr(WorkerSetup, "command", lambda _setup: [sys.executable, "-c", KILLED])
        report = build([music], catalogue, ONE)
    killed = "the process that analysed it was ended by SIGKILL"
    assert reasons(report) == {"moved.flac": killed, "track.mp3": killed}
    assert report.in_index == 2
    # The Attune before is back: its analyses are good.
    report = build([music], catalogue, ONE)
    assert (report.analysed, report.in_index, report.failures) == (0, 2, [])

    (music / "track.mp3").write_bytes((music / "track.mp3").read_bytes() + b"other music")
    with monkeypatch.context() as patch:
        patch.setattr(WorkerSetup, "command", lambda _setup: [sys.executable, "-c", KILLED])
        report = build([music], catalogue, ONE)
    assert (reasons(report), report.in_index) == ({"track.mp3": killed}, 1)


def test_a_file_that_takes_for_ever_is_given_up(
    sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
    monkeypatch.setattr(WorkerSetup, "command", lambda _setup: sleeps)
    with WorkerPool(1, WorkerSetup("test"), timeout_s=0.5) as pool:
        [(job, outcome)] = pool.outcomes([Job(sounds / "happy.flac")])
    assert job.path.name == "happy.flac"
    assert outcome.failure == "took longer than 0.5 s to analyse"


def test_workers_that_cannot_start_blame_no_file(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks = [sys.executable, "-c", "import no_such_library"]
    with monkeypatch.context() as patch:
        patch.setattr(WorkerSetup, "command", lambda _setup: breaks)
        with pytest.raises(CatalogError, match=r"cannot start: .*no_such_library"):
            build([music], catalogue, ONE)
    report = build([music], catalogue, ONE)
    assert (report.analysed, report.failures) == (2, [])


def test_more_workers_than_files_and_no_files_at_all(sounds: Path) -> None:
    with WorkerPool(3, WorkerSetup("test")) as pool:
        [(_, outcome)] = pool.outcomes([Job(sounds / "sad.mp3")])
        assert outcome.analysis is not None
        assert outcome.analysis.title == "Sad tears"
        assert outcome.analysis.integrated_loudness_lufs == pytest.approx(-20, abs=1.5)
    with WorkerPool(2, WorkerSetup("test")) as pool:
        assert list(pool.outcomes([])) == []


def test_the_report_can_be_printed_as_json(music: Path, catalogue: Path) -> None:
    from device.commands.catalog_report import report_json

    report = json.loads(json.dumps(report_json(build([music], catalogue, ONE), catalogue)))
    assert report["in_index"] == 2
