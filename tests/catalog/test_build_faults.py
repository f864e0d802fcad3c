"""The build on a machine and on files that fail it: real kills, real limits, a real full disk."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av.error
import pytest

from catalog.analysis import CatalogError
from catalog.builder import building
from catalog.builder.building import build
from catalog.builder.workers import WorkerSetup
from catalog.library import Library
from catalog.sound_file import OpenSound
from tests.fakes.builds import ONE
from tests.fakes.plain_user import as_plain_user
from tests.fakes.tagged_sounds import write_tone

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
MB = 1 << 20

BUILD = """\
import json, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from catalog.builder import building
from catalog.builder.building import BuildOptions, build
building._BATCH_TRACKS = 1
report = build([Path(sys.argv[1])], Path(sys.argv[2]), BuildOptions(workers=int(sys.argv[3])))
print(json.dumps([report.analysed, [one.reason for one in report.failures]]))
"""


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(4):
        tags = {"title": f"Joy {number}", "artist": "A", "album": "B", "mood": "happy"}
        seconds = 2.0 if number else 60.0  # Time to be met at work on the first.
        write_tone(tmp_path / f"music/{number}.flac", seconds, frequency_hz=300 + number, tags=tags)
    return tmp_path / "music"


def sources(folder: Path) -> list[set[str]]:
    with Library.open(folder) as library:
        parts = [library.explain(track.track_id).parts for track in library.tracks()]
    return [{one.part.source for one in some} for some in parts]


def builder(music: Path, catalogue: Path, workers: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(music), str(catalogue), str(workers)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def workers_of(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def wait_until(condition: object, seconds: float = 200.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def has_open(pid: int, folder: Path) -> bool:
    """Return whether a process reads a file below ``folder`` now."""
    try:
        links = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.startswith(f"{folder}/") for link in links)


def test_a_worker_that_the_kernel_kills_costs_one_track_till_the_next_build(
    music: Path, catalogue: Path
) -> None:
    process = builder(music, catalogue, 1)
    wait_until(lambda: any(has_open(pid, music) for pid in workers_of(process.pid)))
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert json.loads(output) == [3, ["the process that analysed it was ended by SIGKILL"]]
    again = build([music], catalogue, ONE)
    assert (again.unchanged, again.analysed, again.failures) == (3, 1, [])


@pytest.mark.slow
def test_workers_killed_before_they_are_ready_stop_no_build(music: Path, catalogue: Path) -> None:
    process = builder(music, catalogue, 1)
    wait_until(lambda: any(has_open(pid, music) for pid in workers_of(process.pid)))
    [first] = workers_of(process.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: set(workers_of(process.pid)) - {first})
    os.kill(max(workers_of(process.pid)), signal.SIGKILL)  # Python itself has hardly started.
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    analysed, why = json.loads(output)
    assert (analysed, len(why)) == (2, 2)
    assert build([music], catalogue, ONE).in_index == 4


def test_a_builder_that_is_killed_leaves_no_worker_and_goes_on_next_time(
    music: Path, catalogue: Path
) -> None:
    process = builder(music, catalogue, 1)
    wait_until(lambda: stored(catalogue) >= 1)
    workers = workers_of(process.pid)
    process.kill()
    process.communicate(timeout=30)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    kept = stored(catalogue)
    report = build([music], catalogue, ONE)
    assert kept >= 1
    assert (report.unchanged, report.analysed, report.in_index) == (kept, 4 - kept, 4)


def stored(folder: Path) -> int:
    from catalog.store import Store

    try:
        with Store(folder) as store:
            return len(store.known_files())
    except CatalogError:
        return 0


@pytest.mark.parametrize(
    "megabytes",
    [
        470,
        *(pytest.param(size, marks=pytest.mark.slow) for size in (250, 330, 400, 430, 500, 540)),
    ],
)
def test_memory_that_runs_out_costs_nothing_for_good(
    music: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int
) -> None:
    """Wherever it hits (decoder, numbers, network): the next build has it all, sound included."""
    tight = functools.partial(WorkerSetup, memory_bytes=megabytes * MB)
    with monkeypatch.context() as patch:
        patch.setattr(building, "WorkerSetup", tight)
        try:
            report = build([music], catalogue, ONE)
        except CatalogError as error:
            assert "cannot start" in str(error)
        else:
            assert report.analysed + len(report.failures) == 4
    report = build([music], catalogue, ONE)
    assert (report.in_index, report.failures) == (4, [])
    assert all("sound" in some for some in sources(catalogue))


def test_a_disk_that_fails_under_a_file_is_not_taken_for_its_end(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog.builder.analyse import do_job
    from catalog.builder.evidence import EvidenceFinder
    from catalog.builder.wire import Job

    real = OpenSound.frames

    def failing(self: OpenSound) -> object:
        frames = real(self)
        yield next(frames)
        raise av.error.OSError(5, "Input/output error")

    finder = EvidenceFinder()
    monkeypatch.setattr(OpenSound, "frames", failing)
    outcome = do_job(Job(music / "0.flac"), "test", finder)
    assert outcome.analysis is None
    assert outcome.failure == "cannot be read: Input/output error"
    assert outcome.passing


def test_a_file_without_the_right_to_read_is_taken_once_there_is_one(
    music: Path, catalogue: Path
) -> None:
    """Rights are not in the time of a file: the build looks at it again all the same."""
    found = []
    for rights in (0, 0o644):
        (music / "2.flac").chmod(rights)
        done = as_plain_user(BUILD, music, catalogue, "1")
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found == [[3, ["cannot be opened: Permission denied"]], [1, []]]


FULL = """\
import json, subprocess, sys
from pathlib import Path
disk, music = Path(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(disk)], check=True)
from catalog.builder.building import BuildOptions, CatalogError, build
from catalog.library import Library
one = BuildOptions(workers=1)
said = []
late = [music / name for name in ("2.flac", "3.flac")]
for path in late:
    path.rename(path.with_suffix(".later"))
build([music], disk / "catalogue", one)
with (disk / "filler").open("wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
for path in late:
    path.with_suffix(".later").rename(path)
try:
    build([music], disk / "catalogue", one)
except CatalogError as error:
    said.append(str(error))
with Library.open(disk / "catalogue") as library:
    said.append(sum(1 for _ in library.tracks()))
(disk / "filler").unlink()
said.append(build([music], disk / "catalogue", one).in_index)
print(json.dumps(said))
"""


def test_a_disk_that_is_really_full_is_named_and_nothing_is_lost(
    music: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("this system lets nobody mount a disk of his own")
    done = subprocess.run(
        [*alone, sys.executable, "-c", FULL, str(disk), str(music)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    fault, kept, mended = json.loads(done.stdout)
    assert "free some space" in fault
    assert "\n" not in fault
    assert (kept, mended) == (2, 4)


def test_wrong_names_and_broken_tags_cost_nothing(music: Path, catalogue: Path) -> None:
    (music / "0.flac").rename(music / "0.mp3")
    content = (music / "1.flac").read_bytes()
    assert b"Joy 1" in content
    (music / "1.flac").write_bytes(content.replace(b"Joy 1", b"J\xff\xc3\x28\x00"))
    report = build([music], catalogue, ONE)
    assert (report.in_index, report.failures) == (4, [])
    with Library.open(catalogue) as library:
        found = {track.path.name: track for track in library.tracks()}
    assert found["0.mp3"].title == "Joy 0"
    assert found["1.flac"].title.startswith("J")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_file_of_24_hours_is_taken_and_played_at_its_end(tmp_path: Path) -> None:
    from device.playback.decode import SoundFile

    tone = write_tone(tmp_path / "tone.mp3", 60.0).read_bytes()
    whole = tmp_path / "music/night.mp3"
    whole.parent.mkdir()
    with whole.open("wb") as file:
        for _ in range(24 * 60):
            file.write(tone)
    report = build([whole.parent], tmp_path / "catalogue", ONE)
    assert (report.in_index, report.failures) == (1, [])
    with Library.open(tmp_path / "catalogue") as library:
        [track] = library.tracks()
    assert track.duration_s == pytest.approx(24 * 3600, rel=0.02)
    assert track.tail_silence_s == 0
    with SoundFile(whole, 44_100, start_s=23.9 * 3600, end_s=23.9 * 3600 + 2) as sound:
        assert sum(map(len, sound.blocks())) == 2 * 44_100
