"""Where sound goes: a sound card by its stable name, a silent output, or a WAV file."""

from __future__ import annotations

import os
import re
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from device.playback.mix import Sound

RATE_HZ = 48_000
BLOCK_FRAMES = 2048
"""43 ms: with the card's own buffer far from any deadline that Python could miss."""
CARD_LATENCY_S = 0.25
ALSA = Path("/proc/asound")


class OutputError(Exception):
    """Sound cannot go out now; the message names the output and what to do."""


@dataclass(frozen=True, slots=True)
class OutputDevice:
    """An output as the configuration names it."""

    name: str
    """ALSA's card id: it stays the same when cards are renumbered."""
    title: str


class Output(Protocol):
    """Takes blocks and paces its caller."""

    name: str

    def write(self, block: Sound) -> None: ...

    def close(self) -> None: ...


def list_outputs() -> list[OutputDevice]:
    """Return the sound cards that can play, and the desktop's sound server if there is one."""
    outputs = [
        OutputDevice(card_id, title)
        for number, card_id, title in _cards()
        if list(ALSA.glob(f"card{number}/pcm*p"))
    ]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.environ.get("PULSE_SERVER") or (runtime and Path(runtime, "pulse/native").exists()):
        outputs.append(OutputDevice("pulse", "the desktop's sound server"))
    return outputs


def _cards() -> list[tuple[int, str, str]]:
    """Return (number, id, title) from ``/proc/asound/cards``."""
    try:
        text = (ALSA / "cards").read_text()
    except OSError:
        return []
    found = re.findall(r"^\s*(\d+)\s+\[(\S+)\s*\]:\s*(.*)$", text, re.MULTILINE)
    return [(int(number), card_id, title) for number, card_id, title in found]


def open_output(name: str) -> Output:
    """Open ``auto``, a card's id, ``null`` or a path ending in .wav; raises OutputError."""
    if name == "null":
        return NullOutput()
    if name.endswith(".wav"):
        return WaveOutput(Path(name))
    return CardOutput(name)


class NullOutput:
    """Takes the sound at the pace of a card and lets it go."""

    name = "null"

    def __init__(self) -> None:
        self._due = time.monotonic()

    def write(self, block: Sound) -> None:
        """Wait as long as the block lasts."""
        now = time.monotonic()
        # After a pause of the machine, do not hurry to catch up.
        self._due = max(self._due, now - CARD_LATENCY_S) + len(block) / RATE_HZ
        time.sleep(max(0.0, self._due - now - CARD_LATENCY_S))

    def close(self) -> None:
        """Nothing to close."""


class WaveOutput(NullOutput):
    """Writes what is played into a WAV file (16 bits) at the pace of a card."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name = str(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error}") from error
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE_HZ)

    def write(self, block: Sound) -> None:
        """Write the block; the file's header is right after each."""
        pcm = np.clip(np.round(block * 32767), -32768, 32767).astype("<i2")
        try:
            self._file.writeframes(pcm.tobytes())
        except OSError as error:
            raise OutputError(f"{self.name}: cannot be written: {error}") from error
        super().write(block)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class CardOutput:
    """A sound card through PortAudio, by blocking writes.

    No callback is used: it would need the interpreter at the card's deadlines, and executable
    memory that systemd's MemoryDenyWriteExecute forbids.
    """

    def __init__(self, name: str) -> None:
        import sounddevice

        self._errors: Any = sounddevice.PortAudioError
        self.name = name
        try:
            # PortAudio lists the devices once: a card that came back needs a new list.
            sounddevice._terminate()
            sounddevice._initialize()
            device = _find(sounddevice, name)
            self._stream = sounddevice.OutputStream(
                samplerate=RATE_HZ, device=device, channels=2, dtype="float32",
                blocksize=BLOCK_FRAMES, latency=CARD_LATENCY_S,
            )  # fmt: skip
            self.name = str(sounddevice.query_devices(self._stream.device)["name"])
            self._stream.start()
        except (self._errors, ValueError) as error:
            raise OutputError(_advice(name, error)) from error

    def write(self, block: Sound) -> None:
        """Hand the block to the card, waiting until there is room."""
        try:
            self._stream.write(np.ascontiguousarray(block))
        except self._errors as error:
            raise OutputError(_advice(self.name, error)) from error

    def close(self) -> None:
        """Close the card; one that is gone cannot be closed, which is no fault now."""
        try:
            self._stream.close(ignore_errors=True)
        except self._errors:
            return


def _find(sounddevice: Any, name: str) -> int | None:
    """Return PortAudio's index for a configured name; None is the system's default."""
    if name == "auto":
        return None
    numbers = [number for number, card_id, _ in _cards() if card_id == name]
    for index, device in enumerate(sounddevice.query_devices()):
        if device["max_output_channels"] < 1:
            continue
        if any(f"(hw:{number}," in device["name"] for number in numbers) or device["name"] == name:
            return index
    raise ValueError(f"no output is called {name!r}")


def _advice(name: str, error: Exception) -> str:
    which = "the sound card" if name == "auto" else f"the sound output {name}"
    return f"{which} is not there: plug it in or choose another (`attune devices`); {error}"
