"""The whole kiosk as its own process, as systemd starts it: real catalogue, sound, broker, sensor.

The built-in portrait is the camera and a simulated finger on a real pseudo-terminal is the
visitor, who agrees by holding still; the broker is a mosquitto.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from catalog.analysis import FileStamp
from catalog.indexing import renew_index
from catalog.store_writer import StoreWriter
from device.commands.setup_files import as_toml
from firmware_bridge.simulator import SimulatedSensor
from tests.fakes.broker import Broker, Listener
from tests.fakes.sounds import sine, write_sound
from tests.fakes.synthetic_library import analysis, make_points

KIOSK_ID = "at_work"
WRAPPERS = (b"strace", b"bwrap")
TRACK_S = 12.0
HELLO_S, LOOK_S = 3.0, 0.6
"""The sensor says within so long what it is; the pulse worker looks at it five times a second."""
QUICK_VISIT = {"greeting_s": 0.2, "finger_consent_s": 1.0, "sensing_s": 3.0, "farewell_s": 1.0}


def playable_library(catalogue: Path, music: Path, count: int = 12, seed: int = 0) -> Path:
    """Write sounds and a catalogue that leads to them; return the catalogue."""
    music.mkdir(parents=True, exist_ok=True)
    with StoreWriter(catalogue) as store:
        with store.batch():
            for number, point in enumerate(make_points(count, seed)):
                path = music / f"tone {number}.flac"
                if not path.exists():
                    write_sound(path, sine(TRACK_S, 220 + 40 * number, 0.1))
                stat = path.stat()
                stamp = FileStamp(stat.st_size, stat.st_mtime_ns)
                found = replace(analysis(number, point), duration_s=TRACK_S)
                store.put_track(path, stamp, found)
        renew_index(store, catalogue)
    return catalogue


class KioskAtWork:
    """A kiosk process in ``folder``; use as a context manager, then :meth:`start`."""

    def __init__(self, folder: Path, **tables: dict[str, Any]) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.music = folder / "music"
        self.catalogue = self.state / "catalogue"
        self.config = folder / "kiosk.toml"
        self._tables = tables
        self._opened = ExitStack()
        self._runs = 0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(exist_ok=True)
        playable_library(self.catalogue, self.music)
        with ExitStack() as opened:
            self.finger = opened.enter_context(SimulatedSensor())
            self.finger.lift_finger(True)
            self.broker = opened.enter_context(Broker(self.folder, "allow_anonymous true"))
            self.house = Listener(self.broker.port)
            opened.callback(self.house.close)
            opened.callback(self.kill)
            self._opened = opened.pop_all()
        self.configure()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def configure(self, **tables: dict[str, Any]) -> None:
        """Write kiosk.toml; ``tables`` go over those of the constructor."""
        settings: dict[str, dict[str, Any]] = {
            "kiosk": {"id": KIOSK_ID, "state_dir": str(self.state)},
            "camera": {"source": "builtin"},
            "sensor": {"port": self.finger.path, "protocol": "attune"},
            "catalog": {"folder": str(self.catalogue)},
            "playback": {"output": "null", "crossfade_s": 1.0},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
            "screen": {"mode": "none"},
            "visit": QUICK_VISIT,
        }
        for given in (self._tables, tables):
            for name, table in given.items():
                settings[name] = settings.get(name, {}) | table
        self.config.write_text(as_toml(settings))

    # --- the process ----------------------------------------------------------------------

    @property
    def log(self) -> str:
        """What the present run has said so far."""
        return self._log_path.read_text(errors="replace")

    @property
    def _log_path(self) -> Path:
        return self.folder / f"log-{self._runs}.txt"

    def start(
        self,
        wrapper: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        program: Sequence[str] = ("-m", "device.cli", "run"),
    ) -> None:
        """Start ``attune run``, below ``wrapper`` if given, and wait until it is ready."""
        self._runs += 1
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, *program, "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}),
                start_new_session=True,
            )  # fmt: skip
        self.wait_for_log("attune: ready after", 60)
        # Before anybody comes, the sensor is seen to be empty.
        end = time.monotonic() + HELLO_S
        while "finger sensor: " not in self.log and time.monotonic() < end and self.alive():
            time.sleep(0.05)
        time.sleep(LOOK_S)

    def stop(self, timeout_s: float = 20.0) -> int:
        """Ask it to end as systemd does and return its exit code."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(timeout_s)

    @property
    def pid(self) -> int:
        """The kiosk's own process, below a wrapper that passes no signals on."""
        assert self.process is not None
        pid = self.process.pid
        while Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] in WRAPPERS:
            pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return pid

    def kill(self) -> None:
        """End it as a power cut would, with the audio process and what a wrapper left behind."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # --- what happens in it ---------------------------------------------------------------

    def wait_for_log(self, text: str, timeout_s: float = 30.0, times: int = 1) -> None:
        """Wait until the log holds ``text`` so many times."""
        self.wait_until(lambda: self.log.count(text) >= times, timeout_s, f"{text!r} in the log")

    def wait_until(self, true: Callable[[], bool], timeout_s: float, what: str) -> None:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if true():
                return
            if not self.alive():
                raise AssertionError(f"the kiosk has ended while waiting for {what}:\n{self._tail}")
            time.sleep(0.05)
        raise AssertionError(f"no {what} within {timeout_s} s:\n{self._tail}")

    @property
    def _tail(self) -> str:
        return self.log[-3000:]

    def topic(self, name: str) -> str:
        return f"attune/{KIOSK_ID}/{name}"

    def say(self, name: str, payload: str = "PRESS") -> None:
        """Send a command over MQTT."""
        self.house.publish(self.topic(f"{name}/set"), payload)

    def heard(self, name: str, payload: str | None = None, timeout_s: float = 20.0) -> str:
        """Return the newest state of ``name`` on MQTT, waiting for it (to be ``payload``)."""
        return self.house.wait_for(self.topic(f"{name}/state"), payload, timeout_s)

    def says(self, name: str, payload: str, timeout_s: float = 20.0) -> None:
        """Wait until ``payload`` is what ``name`` says on MQTT, whatever it said before."""
        topic = self.topic(f"{name}/state")

        def newest() -> str:
            heard = [text for seen, text, _ in self.house.messages if seen == topic]
            return heard[-1] if heard else ""

        self.wait_until(lambda: newest() == payload, timeout_s, f"{name} {payload} on MQTT")

    def to_playing(self) -> None:
        """Let the visitor come, agree with the finger, and hear music."""
        times = self.log.count("visit state: playing") + 1
        self.finger.lift_finger(False)
        self.wait_for_log("visit state: playing", 60, times)
        self.wait_for_log("playing track", 20, times)

    def end_visit(self) -> None:
        """Let the visitor go and wait for the empty kiosk."""
        times = self.log.count("visit state: idle") + 1
        self.finger.lift_finger(True)
        self.say("stop")
        self.wait_for_log("visit state: idle", 20, times)

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


class SystemdSocket:
    """Takes the place of systemd: hears what the service says to $NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        import socket

        self.path = path
        self.said: list[tuple[float, str]] = []
        """(monotonic s, message)"""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        while not self._stop.is_set():
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            self.said += [(time.monotonic(), line) for line in data.decode().splitlines()]

    def fed_since(self, since: float) -> bool:
        """Whether the watchdog was fed after that moment."""
        return any(line == "WATCHDOG=1" and at > since for at, line in self.said)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)
        self._socket.close()


def mqtt_json(text: str) -> Any:
    """Return what a state on MQTT says, None where it says nothing."""
    return json.loads(text) if text not in ("", "None") else None


ROOT = Path(__file__).resolve().parents[2]
