"""A kiosk whose screen is read by a test, whose camera a test can hold still or cover, and whose
wall clock it can set.

As a program (``python -m tests.fakes.watched_kiosk run ...``) it is ``attune`` itself that
writes down each text it draws; its /dev/video0 is a live camera that does what the
file $ATTUNE_CAMERA says: ``seeing``, ``frozen``, ``black`` or ``unplugged``; the
file of $ATTUNE_CLOCK says how many seconds the wall clock is off.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.fakes.kiosk_at_work import KioskAtWork

PROGRAM = ("-m", "tests.fakes.watched_kiosk", "run")
DEVICE = "/dev/video0"
SEEN, CAMERA, CLOCK = "ATTUNE_SEEN", "ATTUNE_CAMERA", "ATTUNE_CLOCK"


class WatchedKiosk(KioskAtWork):
    """A kiosk with a screen in memory; :meth:`sees` tells what a person reads there."""

    def __init__(self, folder: Path, **tables: dict[str, Any]) -> None:
        super().__init__(folder, screen={"mode": "window"}, camera={"source": DEVICE}, **tables)
        self._seen = folder / "seen.txt"
        self._behaviour = folder / "camera"
        self._clock = folder / "clock"
        self._looked_to = 0
        self.jump_s = 0.0

    def open_eyes(
        self, environment: dict[str, str] | None = None, program: Sequence[str] = PROGRAM
    ) -> None:
        """Start it, with the camera seeing."""
        self.clock(0.0)
        self.camera("seeing")
        self._seen.write_text("")
        eyes = {
            SEEN: str(self._seen), CAMERA: str(self._behaviour), CLOCK: str(self._clock),
            "SDL_VIDEODRIVER": "dummy",
        }  # fmt: skip
        self.start(environment=(environment or {}) | eyes, program=program)

    def camera(self, behaviour: str) -> None:
        """Let the camera be ``seeing``, ``frozen``, ``black`` or ``unplugged``."""
        _put(self._behaviour, behaviour)

    def clock(self, jump_s: float) -> None:
        """Let the wall clock be ``jump_s`` ahead of the true one."""
        self.jump_s = jump_s
        _put(self._clock, str(jump_s))

    def look_away(self) -> None:
        """From now on only what is drawn anew counts as seen."""
        self._looked_to = self._seen.stat().st_size

    def sees(self, text: str, timeout_s: float = 20.0) -> None:
        """Wait until ``text`` is drawn on the screen."""
        self.wait_until(lambda: text in self.on_screen(), timeout_s, f"{text!r} on the screen")

    def on_screen(self) -> str:
        """Return all that was drawn since :meth:`look_away`, one text a line."""
        return self._seen.read_bytes()[self._looked_to :].decode()


def _put(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


class LiveCamera:
    """A camera with the noise of a sensor in front of the built-in portrait."""

    is_live = True

    def __init__(self, behaviour: Path, width_px: int, height_px: int) -> None:
        from device.sensing.pictures import CameraError, builtin_picture

        self._lost = CameraError
        self._behaviour = behaviour
        self._portrait = builtin_picture(width_px, height_px)
        self._random = np.random.default_rng(0)
        self._last = self._portrait
        self._look()

    def _look(self) -> str:
        behaviour = self._behaviour.read_text()
        if behaviour == "unplugged":
            raise self._lost(f"{DEVICE}: the camera was unplugged")
        return behaviour

    def read(self) -> Any:
        time.sleep(1 / 30)
        behaviour = self._look()
        if behaviour == "seeing":
            noise = self._random.integers(0, 3, self._portrait.shape, np.uint8)
            self._last = np.asarray(np.clip(self._portrait, 0, 250) + noise, np.uint8)
        if behaviour == "black":
            return np.zeros_like(self._portrait)
        return self._last.copy()

    def close(self) -> None:
        """Nothing to close."""


def main() -> int:
    """Be ``attune``, watched."""
    true_time, clock = time.time, Path(os.environ[CLOCK])
    time.time = lambda: true_time() + float(clock.read_text())
    from device import cli
    from device.interfaces.screen.typesetting import Typesetter
    from device.sensing import camera, camera_sources

    seen = Path(os.environ[SEEN]).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115
    write = Typesetter.write

    def watched(self: Typesetter, surface: Any, text: str, *where: Any, **how: Any) -> Any:
        seen.write(text.replace("\n", " ") + "\n")
        return write(self, surface, text, *where, **how)

    Typesetter.write = watched  # type: ignore[method-assign]
    behaviour = Path(os.environ[CAMERA])
    true_source = camera_sources.open_source

    def source(settings: Any) -> Any:
        if settings.source != DEVICE:
            return true_source(settings)
        return LiveCamera(behaviour, settings.width_px, settings.height_px)

    vars(camera)["open_source"] = source
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
