"""Two kiosks with one id: how one learns of the other."""

from __future__ import annotations

import uuid


class Claim:
    """A retained mark by which a kiosk learns that another one goes by its id.

    A broker pushes the older of two connections with one client id out, and not every broker
    says why. Who comes back and finds the mark of another gives way; a mark that has not
    moved since was left by a kiosk that has gone.
    """

    def __init__(self) -> None:
        self._own = uuid.uuid4().hex
        self._count = 0
        self._foreign = ""

    @property
    def is_made(self) -> bool:
        """Whether this process has left a mark."""
        return self._count > 0

    def next_mark(self) -> str:
        """Return a mark unlike all before."""
        self._count += 1
        return f"{self._own}-{self._count}"

    def is_disputed_by(self, mark: str) -> bool:
        """Return whether ``mark`` shows another kiosk at work."""
        if not mark or mark.startswith(self._own) or mark == self._foreign:
            return False
        self._foreign = mark
        return True
