"""The owner's switch for the camera: what was switched off stays off over a restart."""

from __future__ import annotations

import logging
from pathlib import Path

from catalog.disk import sync_folder

log = logging.getLogger(__name__)

FILE_NAME = "camera-off"


class CameraSwitch:
    """Whether the owner allows the camera; an empty file in the state folder says no.

    A visitor's yes comes on top of it. Where the file cannot be written the switch holds until
    the kiosk ends, and the log says so.
    """

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / FILE_NAME
        try:
            self.allows = not self._file.exists()
        except OSError as error:  # A folder nobody may look into: nothing was ever kept there.
            self.allows = True
            log.error("%s: cannot be read: %s", self._file, error)
        if not self.allows:
            log.info("the camera stays closed: the owner switched it off (%s)", self._file)

    def turn(self, allows: bool) -> None:
        """Switch, and remember it."""
        if allows == self.allows:
            return
        self.allows = allows
        log.info("the owner switched the camera %s", "on" if allows else "off")
        try:
            if allows:
                self._file.unlink(missing_ok=True)
            else:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch()
            sync_folder(self._file.parent)  # Who pulls the plug now means it to stay off.
        except OSError as error:
            log.error("%s: the camera's switch holds only until a restart: %s", self._file, error)
