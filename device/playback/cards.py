"""Which sound outputs this machine has, by names that stay. Imports nothing heavy.

A card is named by its ALSA card id (``Headphones``, ``DAC``), never by an index, which changes with
the order of plugging.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LIST_TIMEOUT_S = 8.0
USUAL_RATE_HZ = 44_100
"""Of a device that does not say which rate it prefers."""

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


def list_outputs() -> list[OutputDevice]:
    """Return what can be played to, the default first; empty without PortAudio or a card.

    A process of its own asks: PortAudio and ALSA's plugins may hang on a sick sound server and
    abort on a sick configuration, and neither may take the caller along.
    """
    command = [sys.executable, "-m", "device.playback.cards"]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=LIST_TIMEOUT_S, check=True)  # noqa: S603
        return [OutputDevice(**found) for found in json.loads(asked.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        log.warning("the sound outputs cannot be listed: %s", error)
        return []


def output_in_sight(
    proc: Path = Path("/proc/asound"), environment: Mapping[str, str] = os.environ
) -> bool:
    """Return at once whether sound may come out somewhere: a card or a sound server.

    Takes no process and no PortAudio, so it costs the start of the daemon nothing. It errs on
    the side of True: only opening shows whether an output plays.
    """
    try:
        if "playback" in (proc / "pcm").read_text(encoding="ascii", errors="replace"):
            return True
    except OSError:
        log.debug("no ALSA in this kernel, or no card")
    if "PULSE_SERVER" in environment or "ALSA_CONFIG_PATH" in environment:
        return True
    runtime = Path(environment.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"))
    return any((runtime / name).exists() for name in ("pulse/native", "pipewire-0"))


def main() -> int:
    """Print this machine's outputs as JSON."""
    try:
        with quiet():
            found = devices_of(fresh_portaudio())
    except OutputError:
        found = []
    print(json.dumps([asdict(device) for device in found]))
    return 0


def devices_of(sounddevice: Any, capture: bool = False) -> list[OutputDevice]:
    """Return the outputs (or with ``capture`` the microphones) that are there, default first."""
    way, position = ("input", 0) if capture else ("output", 1)
    default = sounddevice.default.device[position]
    if default < 0:
        apis = sounddevice.query_hostapis()
        default = next((api[f"default_{way}_device"] for api in apis), -1)
    found = []
    for index, facts in enumerate(sounddevice.query_devices()):
        name, description = stable_name(str(facts["name"]))
        channels = int(facts[f"max_{way}_channels"])
        if channels < 1 or not name:
            continue
        found.append(
            OutputDevice(
                name=name,
                description=description,
                index=index,
                rate_hz=round(facts["default_samplerate"] or USUAL_RATE_HZ),
                channels=channels,
                is_default=index == default,
            )
        )
    return sorted(found, key=lambda device: not device.is_default)


def find(devices: list[OutputDevice], name: str, what: str, then: str) -> OutputDevice:
    """Return the device of a name, or for ``auto`` the default, else the first.

    Raises:
        OutputError: it is not there; ``what`` names the kind, ``then`` says what follows.
    """
    for device in devices:
        if name == device.name or (name == "auto" and device.is_default):
            return device
    if name == "auto":
        if devices:
            return devices[0]
        raise OutputError(f"no {what}: plug one in; {then}")
    there = ", ".join(device.name for device in devices) or "none"
    raise OutputError(f"{what} {name} is not there: plug it in (there now: {there})")


def stable_name(portaudio_name: str, proc: Path = Path("/proc/asound")) -> tuple[str, str]:
    """Return (name, description); an empty name for what is not to be offered.

    >>> stable_name("default")
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


def fresh_portaudio() -> Any:
    """Return sounddevice with the devices that are there now (PortAudio looks only once)."""
    # Lets ALSA convert where a card knows one sample format or channel count only.
    os.environ.setdefault("PA_ALSA_PLUGHW", "1")
    try:
        known = "sounddevice" in sys.modules
        import sounddevice

        if known:
            # After a start that failed there is nothing to end, and PortAudio calls that an error.
            with contextlib.suppress(sounddevice.PortAudioError):
                sounddevice._terminate()
            sounddevice._initialize()
    except OSError as error:
        raise OutputError("PortAudio is not installed: apt install libportaudio2") from error
    except Exception as error:  # sounddevice.PortAudioError, which we may not have to name it
        raise OutputError(f"PortAudio does not start: {error}") from error
    return sounddevice


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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


if __name__ == "__main__":
    sys.exit(main())
