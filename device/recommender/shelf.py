"""The owner's library as the running kiosk holds it: missing, opened, or just rebuilt."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from catalog.emotions import EmotionPoint
from catalog.library import CatalogError, Library, Match
from device.readings import Clock

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""How often a missing or damaged catalogue is tried again, and a good one asked for news."""


class Shelf:
    """Opens the catalogue when it can be opened and says why when it cannot.

    Belongs to the thread that uses it. A catalogue that is built or rebuilt while the kiosk
    runs is taken without a restart.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._library: Library | None = None
        self._looked_at: float | None = None
        self._logged = ""
        self.fault = ""
        """Why there is no music, in one line; empty when there is."""

    def __enter__(self) -> Self:
        self._look()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._library is not None:
            self._library.close()
            self._library = None

    @property
    def count(self) -> int:
        """How many tracks there are to choose from; a catalogue made meanwhile is noticed."""
        self._look()
        return self._library.count if self._library else 0

    def nearest(self, point: EmotionPoint, k: int, exclude: Collection[int] = ()) -> list[Match]:
        """Return up to ``k`` nearest tracks; empty while there is no catalogue."""
        self._look()
        return self._library.nearest(point, k, exclude=exclude) if self._library else []

    def _look(self) -> None:
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = now
        try:
            if self._library is None:
                self._library = Library.open(self._folder)
                log.info("catalogue opened: %d tracks", self._library.count)
            elif self._library.reload_if_changed():
                log.info("catalogue was rebuilt: %d tracks", self._library.count)
            self.fault = self._logged = ""
        except CatalogError as error:
            if str(error) != self._logged:
                log.warning("%s", error)
            self._logged = str(error)
            # A damaged rebuild does not take away the good one that is open.
            if self._library is None:
                self.fault = str(error)
