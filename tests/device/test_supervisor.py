from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device import supervisor as s
from device.supervisor import Supervisor, sd_notify


class Labourer:
    """A real worker that dies a given number of times before it works."""

    def __init__(self, name: str, deaths: int = 0, critical: bool = False) -> None:
        self.name = name
        self.critical = critical
        self.note = ""
        self._deaths = deaths
        self.runs = 0
        self.deaf = False

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        self.runs += 1
        beat()
        if self.runs <= self._deaths:
            raise OSError("the cable is out")
        while not stop.wait(0.01) or self.deaf:
            beat()


@pytest.fixture(autouse=True)
def _quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "FIRST_BACKOFF_S", 0.001)


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


def test_a_worker_that_dies_is_restarted_and_counted() -> None:
    worker = Labourer("camera", deaths=3)
    house = Supervisor([worker])
    house.start()
    wait_until(lambda: worker.runs == 4 and house.health()[0].status == "running")
    assert house.health()[0].restarts == 3
    assert house.stop() == []
    assert house.health()[0].status == "stopped"


@pytest.mark.parametrize("critical", [False, True])
def test_a_worker_that_keeps_dying_fails_visibly(critical: bool) -> None:
    worker = Labourer("conductor", deaths=1000, critical=critical)
    house = Supervisor([worker])
    house.start()
    wait_until(lambda: house.health()[0].status == "failed")
    assert worker.runs == s.MAX_RESTARTS + 1
    assert "the cable is out" in house.health()[0].message
    assert house.fatal.is_set() is critical
    house.stop()


def test_a_worker_that_returns_unasked_counts_as_dead() -> None:
    class Quitter(Labourer):
        def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
            self.runs += 1

    house = Supervisor([Quitter("pulse")])
    house.start()
    wait_until(lambda: house.health()[0].status == "failed")
    assert "without being asked" in house.health()[0].message
    house.stop()


def test_the_watchdog_starves_when_a_critical_worker_hangs_only() -> None:
    now = [0.0]
    camera, conductor = Labourer("camera"), Labourer("conductor", critical=True)
    house = Supervisor([conductor, camera], clock=lambda: now[0])
    house.start()
    wait_until(lambda: all(h.status == "running" for h in house.health()))
    house._stop.set()  # Both stop beating from here on.
    for post in house._posts:
        assert post.thread is not None
        post.thread.join(5)
    now[0] = s.HEARTBEAT_MAX_AGE_S + 1
    assert not house.critical_are_fresh()
    house._posts[0].last_beat = now[0]
    assert house.critical_are_fresh(), "a missing camera must not trip the watchdog"


def test_a_thread_that_does_not_end_is_named() -> None:
    worker = Labourer("player")
    worker.deaf = True
    house = Supervisor([worker])
    house.start()
    wait_until(lambda: worker.runs == 1)
    assert house.stop(deadline_s=0.1) == ["player"]
    worker.deaf = False


def test_systemd_is_told_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (str(tmp_path / "notify"), f"@attune-test-{time.time_ns()}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(address.replace("@", "\0"))
            monkeypatch.setenv("NOTIFY_SOCKET", address)
            sd_notify("READY=1")
            systemd.settimeout(2)
            assert systemd.recv(100) == b"READY=1"
    monkeypatch.delenv("NOTIFY_SOCKET")
    sd_notify("READY=1")


def test_a_worker_that_hangs_is_given_up_aloud_and_taken_back_when_it_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    now, hang = [0.0], threading.Event()

    class Sleeper(Labourer):
        def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
            while not stop.wait(0.005):
                if not hang.is_set():
                    beat()

    house = Supervisor([Sleeper("camera"), Sleeper("conductor", critical=True)], lambda: now[0])
    house.start()
    wait_until(lambda: all(one.status == "running" for one in house.health()))
    hang.set()
    time.sleep(0.05)
    now[0] = s.HANGING_S + 1
    house.find_hanging()
    house.find_hanging()
    camera, conductor = house.health()
    assert camera.status == "failed"
    assert "hangs" in camera.message
    assert conductor.status == "running"  # systemd's watchdog sees to it.
    assert not house.fatal.is_set()
    hang.clear()
    wait_until(lambda: house.health()[0].status == "running")
    assert house.health()[0].message == ""
    now[0] += 1
    assert house.stop() == []
    assert [one.getMessage().split(";")[0] for one in caplog.records] == [
        "worker camera hangs, it has said nothing for 60 s", "worker camera goes on",
    ]  # fmt: skip
