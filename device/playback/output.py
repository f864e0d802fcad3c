"""Where the sound goes: a sound card by its stable name, nothing at all, or a WAV file.

A card is named by its ALSA card id (``Headphones``, ``DAC``), never by an index, which changes with
the order of plugging. Sound is written by blocking writes into a deep device buffer: no
callback, so no deadline of milliseconds and no writable-and-executable memory (sounddevice's
callbacks need it and fail under systemd's ``MemoryDenyWriteExecute``; plain writes do not).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from device.playback.clocked import DEFAULT_RATE_HZ, NullOutput, Pacer, WavOutput

log = logging.getLogger(__name__)

BUFFER_S = 0.25
"""Sound kept in the device: what the audio process may sleep, and what an order waits."""

RATES_HZ = (44_100, 48_000, 96_000, 32_000)
"""Tried after the device's own rate; most music is at 44.1 kHz and then needs no resampling."""

LIST_TIMEOUT_S = 8.0

_HARDWARE = re.compile(r"^(?P<label>.*?)(?:: .*)? \(hw:(?P<card>\d+),(?P<device>\d+)\)$")

_PLUMBING = re.compile(
    r"^(sysdefault|front|rear|center_lfe|side|surround\d+|iec958|spdif|hdmi|dmix|dsnoop|modem"
    r"|phoneline|lavrate|samplerate|speexrate|speex|upmix|vdownmix|jack|oss|null|usbstream|hw"
    r"|plughw|shm|tee|file|cards)$"
)
"""ALSA's ready-made PCMs that are parts of others: not offered, but taken when named."""


class OutputError(Exception):
    """The output cannot be opened, or went away; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class OutputDevice:
    """A sound output of this machine."""

    name: str
    """What to write into ``output`` of [playback]; stays the same when plugged elsewhere."""
    description: str
    index: int
    """PortAudio's number, valid only until devices are listed anew."""
    rate_hz: int
    channels: int
    is_default: bool = False


class Output(Protocol):
    """An opened output. ``write`` blocks until the sound is taken."""

    name: str
    rate_hz: int
    latency_s: float

    def write(self, block: NDArray[np.float32]) -> bool:
        """Play (n, 2) float32 -1..1; False when the device had run dry before.

        Raises:
            OutputError: the output is gone.
        """
        ...

    def close(self) -> None: ...


def list_outputs() -> list[OutputDevice]:
    """Return what can be played to, the default first; empty without PortAudio or a card.

    A process of its own asks: PortAudio and ALSA's plugins may hang on a sick sound server and
    abort on a sick configuration, and neither may take the caller along.
    """
    command = [sys.executable, "-m", "device.playback.output"]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=LIST_TIMEOUT_S, check=True)  # noqa: S603
        return [OutputDevice(**found) for found in json.loads(asked.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        log.warning("the sound outputs cannot be listed: %s", error)
        return []


def main() -> int:
    """Print this machine's outputs as JSON."""
    try:
        with _quiet():
            found = _devices(_fresh_portaudio())
    except OutputError:
        found = []
    print(json.dumps([asdict(device) for device in found]))
    return 0


def open_output(
    name: str, *, paced: bool = True, clock: Callable[[], float] = time.monotonic
) -> Output:
    """Open ``auto``, ``null``, a path ending in ``.wav`` or a name of ``list_outputs()``.

    ``paced=False`` writes a WAV file as fast as it can.

    Raises:
        OutputError: there is no such output, or it is taken; the message helps.
    """
    if name == "null":
        return NullOutput(clock)
    if name.lower().endswith(".wav"):
        try:
            return WavOutput(Path(name).expanduser(), clock if paced else None)
        except OSError as error:
            raise OutputError(f"{name} cannot be written: {error.strerror}") from error
    with _quiet():
        sounddevice = _fresh_portaudio()
        return _CardOutput(sounddevice, _find(_devices(sounddevice), name), clock)


def _find(devices: list[OutputDevice], name: str) -> OutputDevice:
    for device in devices:
        if name == device.name or (name == "auto" and device.is_default):
            return device
    if name == "auto":
        if devices:
            return devices[0]
        raise OutputError("no sound card: plug one in; music starts when it appears")
    there = ", ".join(device.name for device in devices) or "none"
    raise OutputError(f"sound card {name} is not there: plug it in (there now: {there})")


class _CardOutput:
    """A PortAudio stream."""

    def __init__(self, sounddevice: Any, device: OutputDevice, clock: Callable[[], float]) -> None:
        self.name = device.name
        self._sounddevice = sounddevice
        self._channels = min(2, device.channels)
        self.rate_hz = _supported_rate(sounddevice, device, self._channels)
        try:
            self._stream = sounddevice.RawOutputStream(
                samplerate=self.rate_hz, device=device.index, channels=self._channels,
                dtype="float32", latency=BUFFER_S,
            )  # fmt: skip
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise OutputError(
                f"sound card {self.name} cannot be opened: {_reason(error)}; is another"
                " program using it?"
            ) from error
        self.latency_s = float(self._stream.latency)
        # ALSA's null and file devices take everything at once; a card never runs ahead.
        self._pacer = Pacer(clock, self.rate_hz, ahead_s=self.latency_s + 1.0)

    def write(self, block: NDArray[np.float32]) -> bool:
        self._pacer.wait()
        sound = block if self._channels == 2 else block.mean(axis=1, dtype=np.float32)
        try:
            underrun = self._stream.write(np.ascontiguousarray(sound))
        except self._sounddevice.PortAudioError as error:
            raise OutputError(
                f"sound card {self.name} is gone: plug it in; music goes on by itself"
                f" ({_reason(error)})"
            ) from error
        self._pacer.add(len(block))
        return not underrun

    def close(self) -> None:
        with contextlib.suppress(self._sounddevice.PortAudioError), _quiet():
            self._stream.abort()
            self._stream.close()


def _supported_rate(sounddevice: Any, device: OutputDevice, channels: int) -> int:
    for rate_hz in (device.rate_hz, *RATES_HZ):
        try:
            sounddevice.check_output_settings(
                device=device.index, channels=channels, dtype="float32", samplerate=rate_hz
            )
        except (sounddevice.PortAudioError, ValueError):
            continue
        return rate_hz
    raise OutputError(f"sound card {device.name} takes none of the usual sample rates")


def _devices(sounddevice: Any) -> list[OutputDevice]:
    apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[1]
    if default < 0:
        default = next((api["default_output_device"] for api in apis), -1)
    found = []
    for index, facts in enumerate(sounddevice.query_devices()):
        name, description = _stable_name(str(facts["name"]))
        if facts["max_output_channels"] < 1 or not name:
            continue
        found.append(
            OutputDevice(
                name=name,
                description=description,
                index=index,
                rate_hz=round(facts["default_samplerate"] or DEFAULT_RATE_HZ),
                channels=int(facts["max_output_channels"]),
                is_default=index == default,
            )
        )
    return sorted(found, key=lambda device: not device.is_default)


def _stable_name(portaudio_name: str, proc: Path = Path("/proc/asound")) -> tuple[str, str]:
    """Return (name, description); an empty name for what is not to be offered.

    >>> _stable_name("default")
    ('default', 'default')
    """
    hardware = _HARDWARE.match(portaudio_name)
    if hardware is None:
        plain = portaudio_name.strip()
        return ("" if _PLUMBING.match(plain) else plain), plain
    card, device = hardware["card"], hardware["device"]
    try:
        card_id = (proc / f"card{card}" / "id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        card_id = hardware["label"].strip()
    return (card_id if device == "0" else f"{card_id},{device}"), portaudio_name


def _fresh_portaudio() -> Any:
    """Return sounddevice with the devices that are there now (PortAudio looks only once)."""
    # Lets ALSA convert where a card knows one sample format or channel count only.
    os.environ.setdefault("PA_ALSA_PLUGHW", "1")
    try:
        known = "sounddevice" in sys.modules
        import sounddevice

        if known:
            sounddevice._terminate()
            sounddevice._initialize()
    except OSError as error:
        raise OutputError("PortAudio is not installed: apt install libportaudio2") from error
    except Exception as error:  # sounddevice.PortAudioError, which we may not have to name it
        raise OutputError(f"PortAudio does not start: {error}") from error
    return sounddevice


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep ALSA's library from writing about every card that is not there."""
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _reason(error: Exception) -> str:
    """The last, most precise part of PortAudio's words."""
    text = str(error.args[0]) if error.args else str(error)
    return text.split(": ")[-1] if text else "no reason given"


if __name__ == "__main__":
    sys.exit(main())
