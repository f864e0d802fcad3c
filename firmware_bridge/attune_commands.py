"""Commands to a sensor with our own firmware: one at a time, repeated until acknowledged."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass

from firmware_bridge import attune_frames as wire

RETRY_EVERY_S = 0.5
"""A frame of 12 bytes takes 1 ms at 115200 baud; a board in its boot loader needs 2 s."""
MAX_TRIES = 8
MAX_WAITING = 8


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended; ``result`` is None when the sensor never answered."""

    code: wire.CommandCode
    argument: int
    result: int | None


class CommandLink:
    """Sends what is asked, again until it is answered; the sensor does each command once."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[wire.CommandCode, int]] = deque()
        # A sensor that stayed on must not take ours for the last one of the host before.
        self._seq = secrets.randbelow(1 << 16)
        self._tries = 0
        self._next_at_s: float | None = None
        self.ended: deque[CommandEnd] = deque(maxlen=MAX_WAITING)

    def ask(self, code: wire.CommandCode, argument: int = 0) -> bool:
        """Queue a command; False when too many wait."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append((code, argument))
        return True

    def due(self, now_s: float) -> bytes:
        """Return the bytes to send now, empty when none are due."""
        if not self._waiting or (self._next_at_s is not None and now_s < self._next_at_s):
            return b""
        if self._tries >= MAX_TRIES:
            self._end(None)
            return self.due(now_s)
        self._tries += 1
        self._next_at_s = now_s + RETRY_EVERY_S
        payload = wire.COMMAND.pack(*self._waiting[0])
        return wire.encode(wire.Frame(wire.FrameType.COMMAND, self._seq, 0, payload))

    def hear(self, payload: bytes) -> None:
        """Take the payload of a COMMAND_DONE frame; one for another command is ignored."""
        if len(payload) < wire.COMMAND_DONE.size or not self._tries:
            return
        seq, code, result = wire.COMMAND_DONE.unpack_from(payload)
        if seq == self._seq and code == self._waiting[0][0]:
            self._end(result)

    def _end(self, result: int | None) -> None:
        code, argument = self._waiting.popleft()
        self.ended.append(CommandEnd(code, argument, result))
        self._seq = (self._seq + 1) & 0xFFFF
        self._tries, self._next_at_s = 0, None
