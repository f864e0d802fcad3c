"""Real PortAudio outputs without a sound card: ALSA devices from an own configuration.

``recorder`` writes what is played to a raw file (16-bit stereo, 44.1 kHz); it takes everything
at once, as ALSA's null device does. A PulseAudio server with a null sink plays in real time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

WAV_HEADER_BYTES = 44
NO_CARD = "pcm.!default { type hw card 0 }\n"
"""As on a machine without cards: PortAudio aborts where no default is configured at all."""

RECORDER = """
pcm.silence {{ type null }}
pcm.{name} {{
  type plug
  slave {{ pcm {name}_file format S16_LE rate 44100 channels 2 }}
}}
pcm.{name}_file {{
  type file
  slave.pcm silence
  file "{file}"
  format raw
}}
"""
PULSE = """
pcm.room { type pulse }
pcm.!default { type pulse device room }
pcm.mouth { type pulse device "mouth.monitor" }
ctl.!default { type pulse }
"""


class AlsaConfig:
    """An ALSA configuration of its own for this process and its children."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "asound.conf"
        self.recording = folder / "played.raw"
        self.unplug()
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(self.path))

    def plug_in(self, name: str) -> None:
        """Let a recording card appear."""
        self._write(NO_CARD + RECORDER.format(name=name, file=self.recording))

    def use_pulse(self) -> None:
        """Let everything go to the PulseAudio server."""
        self._write(PULSE)

    def unplug(self) -> None:
        """Let no card be there."""
        self._write(NO_CARD)

    def played(self) -> NDArray[np.float64]:
        """Return what was recorded so far (n, 2), -1..1."""
        samples = np.frombuffer(self.recording.read_bytes(), "<i2")
        sound: NDArray[np.float64] = samples[: len(samples) // 2 * 2].reshape(-1, 2) / 32768
        return sound

    def _write(self, text: str) -> None:
        self.path.write_text(text)


class PulseServer:
    """A PulseAudio server of our own: a sink ``room`` whose monitor can be recorded, and a
    microphone ``mouth`` that hears what is played to the sink of this name."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("pulseaudio")
        if program is None:
            pytest.skip("needs pulseaudio (apt install pulseaudio pulseaudio-utils)")
        self._program = program
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._socket = folder / "pulse.sock"
        self.environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "PULSE_SERVER": f"unix:{self._socket}",
        }
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self._socket.unlink(missing_ok=True)
        self._server = subprocess.Popen(
            [
                self._program, "-n", "--daemonize=no", "--exit-idle-time=-1",
                "--use-pid-file=no", "--disable-shm=yes",
                "-L", "module-null-sink sink_name=room rate=44100",
                "-L", "module-null-sink sink_name=mouth rate=44100",
                "-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1",
            ],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(100):
            if self._socket.exists():
                return
            time.sleep(0.05)
        self.stop()
        pytest.skip("pulseaudio does not start here")

    def stop(self) -> None:
        """End the server, as when a card is unplugged."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def say(self, path: Path) -> None:
        """Play a file to the microphone ``mouth`` and wait for its end."""
        subprocess.run(
            ["paplay", "--device=mouth", str(path)], env=self.environment, check=True, timeout=60
        )

    def record(self, path: Path) -> subprocess.Popen[bytes]:
        """Record what comes out of the sink into a WAV file until the process is ended.

        Returns once the recording runs.
        """
        recorder = subprocess.Popen(
            [
                "parec", "--device=room.monitor", "--file-format=wav", "--rate=44100",
                "--channels=2", "--format=s16le", "--latency-msec=50", str(path),
            ],
            env=self.environment,
        )  # fmt: skip
        for _ in range(100):
            if path.exists() and path.stat().st_size > WAV_HEADER_BYTES:
                break
            time.sleep(0.05)
        return recorder
