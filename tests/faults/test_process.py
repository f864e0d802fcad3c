"""Workers that raise and hang, signals at any moment, power cuts, clocks that jump."""

from __future__ import annotations

import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from device import readings as r
from tests.data_folder import ROOT
from tests.fakes.desk import HAPPY, Stage
from tests.fakes.kiosk_at_work import KioskAtWork, SystemdSocket
from tests.fakes.synthetic_library import make_library
from tests.fakes.watched_kiosk import WatchedKiosk
from tests.faults.test_devices import music_goes_on

POWER_CUTS = 200
YEAR_S = 365 * 86_400.0

SICK = """
import os, sys, threading, time
sys.path.insert(0, {root!r})
from device.sensing.face.worker import FaceWorker
from device.conductor import Conductor
from device import cli, supervisor
illness = {illness!r}
if illness == "face raises":
    def run(self, stop, beat):
        raise ValueError("made ill by a test")
    FaceWorker.run = run
if illness == "face hangs":
    def run(self, stop, beat):
        beat()
        time.sleep(3600)
    FaceWorker.run = run
    supervisor.HANGING_S = 8.0
if illness == "conductor hangs":
    healthy = Conductor.turn
    def turn(self, command=None):
        if type(command).__name__ == "SetVolume" and command.percent == 13:
            time.sleep(3600)
        healthy(self, command)
    Conductor.turn = turn
if illness == "conductor raises":
    def turn(self, command=None):
        raise ValueError("made ill by a test")
    healthy, Conductor.turn = Conductor.turn, turn
if os.environ.get("ATTUNE_SEEN"):
    from tests.fakes import watched_kiosk
    sys.argv = ["attune", "run", *sys.argv[1:]]
    sys.exit(watched_kiosk.main())
sys.exit(cli.main(["run", *sys.argv[1:]]))
"""


def sick(illness: str) -> tuple[str, ...]:
    return ("-c", SICK.format(root=str(ROOT), illness=illness))


@pytest.mark.parametrize(
    ("illness", "logged"),
    [
        ("face raises", "worker face failed for good: ValueError: made ill by a test"),
        ("face hangs", "worker face hangs, it has said nothing for 8 s"),
    ],
)
def test_a_worker_that_raises_or_hangs_is_given_up_and_music_goes_on(
    watched: WatchedKiosk, illness: str, logged: str
) -> None:
    watched.open_eyes(program=sick(illness))
    watched.finger.lift_finger(False)
    watched.wait_for_log("visit state: sensing")
    watched.say("say_mood", "calm and happy")
    watched.wait_for_log("playing track", 60)
    watched.wait_for_log(logged, 60)
    watched.says("problem", "ON")
    watched.sees("Face reading has stopped. The rest goes on.")
    music_goes_on(watched)
    assert watched.log.count(logged) == 1


def test_a_critical_worker_that_raises_ends_the_kiosk_for_systemd_to_start_it_afresh(
    kiosk: KioskAtWork,
) -> None:
    kiosk.start(program=sick("conductor raises"))
    assert kiosk.process is not None
    assert kiosk.process.wait(60) == 1
    assert "a critical worker failed for good: ending, for systemd to start afresh" in kiosk.log


def test_a_critical_worker_that_hangs_starves_the_watchdog(
    kiosk: KioskAtWork, tmp_path: Path
) -> None:
    systemd = SystemdSocket(tmp_path / "notify")
    kiosk.start(
        program=sick("conductor hangs"),
        environment={"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "1500000"},
    )
    began = time.monotonic()
    kiosk.wait_until(lambda: systemd.fed_since(began), 10, "food for the watchdog")
    kiosk.say("volume", "13")
    time.sleep(13)  # HEARTBEAT_MAX_AGE_S and some.
    hungry = time.monotonic()
    time.sleep(3)
    assert not systemd.fed_since(hungry)
    systemd.close()


@pytest.mark.parametrize("state", ["idle", "greeting", "consent", "sensing", "playing", "farewell"])
def test_sigterm_in_every_state_ends_well_within_5_s(kiosk: KioskAtWork, state: str) -> None:
    slow = {"greeting_s": 3.0, "finger_consent_s": 3.0, "sensing_s": 12.0, "farewell_s": 30.0}
    kiosk.configure(visit=slow)
    kiosk.start()
    if state not in ("idle", "farewell"):
        kiosk.finger.lift_finger(False)
        kiosk.wait_for_log(f"visit state: {state}", 60)
    if state == "farewell":
        kiosk.to_playing()
        kiosk.say("stop")
        kiosk.wait_for_log("visit state: farewell", 20)
    began = time.monotonic()
    assert kiosk.stop(10) == 0
    assert time.monotonic() - began < 5
    assert "did not end within" not in kiosk.log


def test_sigterm_while_a_network_camera_does_not_answer_is_no_failed_end(tmp_path: Path) -> None:
    """FFmpeg waits for it longer than the kiosk may; systemd would call the service failed."""
    with socket.create_server(("127.0.0.1", 0)) as silent, KioskAtWork(tmp_path) as kiosk:
        kiosk.configure(camera={"source": f"http://127.0.0.1:{silent.getsockname()[1]}/eye"})
        kiosk.start()
        kiosk.finger.lift_finger(False)
        kiosk.wait_for_log("visit state: sensing")
        silent.settimeout(20)
        client, _ = silent.accept()
        with client:
            assert kiosk.stop() == 0
        assert "worker camera did not end within" in kiosk.log


def test_a_finger_left_on_the_sensor_does_not_agree_when_the_kiosk_is_started_again(
    kiosk: KioskAtWork,
) -> None:
    kiosk.start()
    kiosk.to_playing()
    kiosk.kill()
    kiosk.start()
    kiosk.says("finger", "ON")
    time.sleep(5)
    assert "visit state" not in kiosk.log
    kiosk.finger.lift_finger(True)
    kiosk.says("finger", "OFF")
    kiosk.to_playing()


WRITER = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from device.storage.kiosk_store import KioskStore
from tests.fakes.songs import song
with KioskStore(Path(sys.argv[1]), time.time) as store:
    for number in range(int(sys.argv[2]), 10**9):
        store.add_feedback(song(f"/music/{{number}}.flac"), "like")
        print(number, flush=True)
        store.note_played(song(f"/music/{{number}}.flac"))
"""


def test_200_power_cuts_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """kill -9 at random moments; the database is whole each time (the kernel stays up)."""
    base, chance = tmp_path / "kiosk.sqlite", random.Random(9)
    script = WRITER.format(root=str(ROOT))
    acknowledged: list[int] = []
    for _ in range(POWER_CUTS):
        following = (acknowledged[-1] if acknowledged else 0) + 1000
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(base), str(following)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.08))
        writer.send_signal(signal.SIGKILL)
        said = [following, *map(int, writer.stdout.read().split(b"\n")[:-1])]
        writer.wait()
        acknowledged += said
        opened = sqlite3.connect(base)
        with opened:
            assert opened.execute("PRAGMA quick_check").fetchone() == ("ok",)
        opened.close()
    opened = sqlite3.connect(base)
    with opened:
        kept = {row[0] for row in opened.execute("SELECT path FROM feedback")}
    opened.close()
    lost = [n for n in acknowledged if f"/music/{n}.flac" not in kept]
    assert lost == []
    assert len(acknowledged) > POWER_CUTS


def test_the_whole_kiosk_is_killed_in_every_state_and_starts_again(kiosk: KioskAtWork) -> None:
    for state in ("greeting", "consent", "sensing", "playing"):
        kiosk.start()
        kiosk.finger.lift_finger(False)
        kiosk.wait_for_log(f"visit state: {state}", 60)
        kiosk.kill()
        kiosk.finger.lift_finger(True)
    kiosk.start()
    kiosk.to_playing()
    assert kiosk.stop() == 0


def test_the_clock_jumps_a_year_under_the_whole_kiosk(watched: WatchedKiosk) -> None:
    """As when a box without a clock of its own hears the time, and when that was wrong."""
    watched.open_eyes()
    watched.to_playing()
    for jump_s in (YEAR_S, -YEAR_S):
        watched.clock(jump_s)
        for _ in range(2):
            music_goes_on(watched)
        watched.say("like")
        watched.end_visit()
        watched.to_playing()
        assert abs(last_played(watched) - time.time() - jump_s) < 3600
    assert "WARNING" not in watched.log
    assert "ERROR" not in watched.log


def last_played(kiosk: WatchedKiosk) -> float:
    base = sqlite3.connect(f"file:{kiosk.state / 'kiosk.sqlite'}?mode=ro", uri=True)
    try:
        query = "SELECT played_at FROM last_played ORDER BY rowid DESC"
        rows = [row[0] for row in base.execute(query)]
        return float(min(rows, key=lambda at: abs(at - time.time() - kiosk.jump_s)))
    finally:
        base.close()


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
def test_the_clock_jumps_a_year(tmp_path: Path, jump_s: float) -> None:
    """Only when a track was last played is wall time; music is found all the same."""
    make_library(tmp_path / "catalogue", 50)
    with Stage(tmp_path) as stage:
        stage.wall = 2e9
        stage.to_playing()
        stage.play_along()
        first = stage.state.choice
        stage.wall += jump_s
        for _ in range(3):
            stage.do(r.Skip(source="screen"))
            stage.play_along()
            state = stage.pass_time(2, face=HAPPY)
            assert state.visit is r.VisitState.PLAYING
        assert first is not None
        assert state.choice is not None
        assert state.choice.track.track_id != first.track.track_id
