"""The owner's library as the running kiosk holds it: missing, opened, or just rebuilt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from catalog.emotions import EmotionPoint
from catalog.library import CatalogError, Library, Match
from device.readings import Clock

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""How often a missing catalogue is looked for, and a good one asked for news."""
TRY_AGAIN_S = 30.0
"""A large one that cannot be loaded takes a while to say so."""


class Shelf:
    """Opens the catalogue when it can be opened and says why when it cannot.

    Belongs to the thread that uses it. A catalogue that is built or rebuilt while the kiosk
    runs is taken without a restart; one that is damaged or written over while the kiosk runs is
    not missed, for all that choosing needs is held in memory.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._library: Library | None = None
        self._looked_at: float | None = None
        self._told: Callable[[Library], None] = lambda _: None
        self.fault = ""
        """Why there is no music, in one line; empty when there is."""
        self.note = ""
        """What is amiss with the catalogue on disk while the one in memory plays on."""

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

    def tell(self, told: Callable[[Library], None]) -> None:
        """Show the catalogue to ``told`` now and whenever it was looked for news."""
        self._told = told
        if self._library is not None:
            told(self._library)

    def _look(self) -> None:
        now = self._clock()
        if self._looked_at is not None and now - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = now
        try:
            if self._library is None:
                self._library = Library.open(self._folder, hold=True)
                log.info("catalogue opened: %d tracks", self._library.count)
            elif self._library.reload_if_changed():
                log.info("catalogue was rebuilt: %d tracks", self._library.count)
            elif self.note:
                log.info("the catalogue on disk is as it was")
            self.fault = self.note = ""
            self._told(self._library)
        except CatalogError as error:
            self._miss(str(error), now)

    def _miss(self, why: str, now: float) -> None:
        if self._library is None:
            if why != self.fault:
                log.warning("%s", why)
            self.fault = why
            return
        # A damaged rebuild does not take away the good one that is open.
        note = f"the catalogue on disk is not taken, the one in memory plays on: {why}"
        if note != self.note:
            log.warning("%s", note)
        self.note = note
        self._looked_at = now + TRY_AGAIN_S - LOOK_AGAIN_S
