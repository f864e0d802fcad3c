"""Payloads to commands, at a pace that leaves room for the people at the box."""

from __future__ import annotations

import logging

from device.channels import BoundedQueue
from device.interfaces.entities import MAX_PAYLOAD_BYTES, Entity, PayloadError
from device.readings import Clock, Command

log = logging.getLogger(__name__)

COMMANDS_PER_S = 10.0
BURST = 20
"""A scene may set everything at once; the conductor's inbox holds more than this."""
SETTINGS_PLATFORMS = ("number", "select", "switch", "media_player")
"""Here the last wish counts: over the limit the newest waits its turn instead of being lost."""
COMPLAINT_INTERVAL_S = 10.0


def parse_command(entity: Entity, payload: bytes) -> Command:
    """Return the command in ``payload``; raises PayloadError saying what is expected."""
    assert entity.command is not None
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadError(f"{len(payload)} bytes are too many (at most {MAX_PAYLOAD_BYTES})")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise PayloadError("UTF-8 text is expected") from None
    return entity.command(text)


class CommandGate:
    """Lets commands through to the conductor, :data:`COMMANDS_PER_S` at most after a burst.

    A flood over MQTT neither fills the inbox that the screen shares nor the log.
    """

    def __init__(self, inbox: BoundedQueue[Command], clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self._tokens = float(BURST)
        self._filled_at = clock()
        self._waiting: dict[str, Command] = {}
        self._complained_at = float("-inf")
        self._unsaid = 0
        self.refused = 0
        """Commands that were understood and not carried out."""

    def take(self, topic: str, entity: Entity, payload: bytes) -> None:
        """Carry out, keep for a moment, or refuse a command."""
        try:
            command = parse_command(entity, payload)
        except PayloadError as error:
            self._complain(f"ignored a command on {topic}: {error}")
            return
        if entity.key not in self._waiting and self._has_token():
            self._put(topic, command)
        elif entity.platform in SETTINGS_PLATFORMS:
            self._waiting[entity.key] = command
        else:
            self._refuse(topic)

    def ignore(self, topic: str) -> None:
        """Say that an old, retained wish was not carried out."""
        self._complain(f"ignored a retained command on {topic}")

    def turn(self) -> None:
        """Let through what had to wait; call a few times a second."""
        while self._waiting and self._has_token():
            key = next(iter(self._waiting))
            self._put(key, self._waiting.pop(key))

    def forget(self) -> None:
        """Drop what waits: the connection it came over is gone."""
        self._waiting.clear()

    def _put(self, topic: str, command: Command) -> None:
        if not self._inbox.put(command):
            self._refuse(topic)

    def _refuse(self, topic: str) -> None:
        self.refused += 1
        self._complain(f"too many commands: one on {topic} was refused")

    def _has_token(self) -> bool:
        now = self._clock()
        self._tokens = min(BURST, self._tokens + (now - self._filled_at) * COMMANDS_PER_S)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _complain(self, line: str) -> None:
        now = self._clock()
        if now - self._complained_at < COMPLAINT_INTERVAL_S:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more like this in between)" if self._unsaid else ""
        log.warning("%s%s", line, more)
        self._complained_at, self._unsaid = now, 0
