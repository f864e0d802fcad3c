"""KioskState to the broker, commands from it.

Nothing is queued while the broker is away, in neither direction: every connection starts
afresh and is sent the present state whole, and what was under way when the last one broke is
dropped.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTProtocolVersion

from device.channels import BoundedQueue, LatestSlot
from device.config import Settings
from device.interfaces import broker
from device.interfaces.mqtt_claim import Claim
from device.interfaces.mqtt_commands import CommandGate
from device.interfaces.mqtt_session import TURN_S, Session
from device.readings import Clock, Command, KioskState

log = logging.getLogger(__name__)

RECONNECT_MIN_S, RECONNECT_MAX_S = 1.0, 60.0
STEADY_S = 30.0
"""A connection that breaks sooner is one more failure: else a broker that throws the kiosk out
each time it comes would be asked every second for ever."""


class MqttWorker:
    """Keeps the house informed; a broker that is away is tried again for ever."""

    name = "mqtt"
    critical = False

    def __init__(
        self,
        settings: Settings,
        states: LatestSlot[KioskState],
        commands: BoundedQueue[Command],
        clock: Clock = time.monotonic,
    ) -> None:
        self._settings = settings
        self._states = states
        self._clock = clock
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._is_old = False
        """Whether the broker said itself that it does not know MQTT 5.0."""
        self._claim = Claim()
        self.gate = CommandGate(commands, clock)
        self.note = f"connecting to {settings.mqtt.host}:{settings.mqtt.port}"
        """Why the house is not told at the moment; shown beside the worker's health."""

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Publish every new state until stopped, then say goodbye."""
        wait_s = RECONNECT_MIN_S
        while not stop.is_set():
            beat()
            session = self._open(stop, beat)
            if session is not None:
                began_at = self._clock()
                self._serve(session, stop, beat)
                if not self._is_old:  # It was merely silent once.
                    self._protocol = MQTTProtocolVersion.MQTTv5
                if session.taken_over:
                    wait_s = RECONNECT_MAX_S  # Else the two would push each other out for ever.
                elif self._clock() - began_at >= STEADY_S:
                    wait_s = RECONNECT_MIN_S
            if stop.is_set():
                return
            # Half to one and a half: the kiosks of one house do not all come back at once.
            _rest(stop, beat, wait_s * random.uniform(0.5, 1.5))  # noqa: S311
            wait_s = min(2 * wait_s, RECONNECT_MAX_S)

    def _open(self, stop: threading.Event, beat: Callable[[], None]) -> Session | None:
        """Return a session whose log-in was accepted; None when it failed, with the note set."""
        try:
            session = Session(self._settings, self.gate, self._claim, self._clock, self._protocol)
        except broker.BrokerError as error:
            self._set_note(str(error))
            return None
        attempt = _Attempt(session.client, self._settings)
        attempt.start()
        while attempt.is_alive() and not stop.is_set():
            beat()
            attempt.join(TURN_S)
        if attempt.is_alive():
            return None  # Stopped; the daemon thread ends by its own timeout.
        if attempt.fault:
            session.close()
            self._set_note(attempt.fault)
            return None
        end = self._clock() + broker.CONNECT_TIMEOUT_S
        while not session.answered and not stop.is_set() and session.turn():
            beat()
            if self._clock() > end:
                break
        if session.accepted:
            self._set_note("")
            log.info("connected to the broker %s", self._address())
            return session
        session.close()
        if not stop.is_set():
            self._note_no_entry(session)
        return None

    def _note_no_entry(self, session: Session) -> None:
        v5 = self._protocol == MQTTProtocolVersion.MQTTv5
        refused = session.refused_for == broker.UNSUPPORTED_PROTOCOL
        if refused:
            self._is_old = v5
        if refused or not session.answered:
            # Old brokers refuse MQTT 5.0 or hang up on it.
            self._protocol = MQTTProtocolVersion.MQTTv311 if v5 else MQTTProtocolVersion.MQTTv5
        self._set_note(
            session.refusal
            or f"{self._address()} takes the connection and then says nothing;"
            " `attune mqtt-test` looks closer"
        )

    def _serve(self, session: Session, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Tell every new state until the connection is lost or the kiosk stops."""
        while not stop.is_set() and session.turn():
            beat()
            state = self._states.latest()
            if state is not None:
                session.tell(state)
            self.gate.turn()
            self._set_note(session.complaint)
        if stop.is_set() and not session.taken_over:
            session.say_goodbye()
        else:
            self._note_loss(session)
        self.gate.forget()

    def _note_loss(self, session: Session) -> None:
        session.close()
        if session.taken_over:
            self._set_note(
                f"another kiosk came to {self._address()} with the same id"
                f" {self._settings.kiosk.id!r}: give each its own id in [kiosk]"
            )
            return
        is_size = session.introduces and session.dismissed_for in broker.MAYBE_TOO_LARGE
        hint = f" while it was sent the discovery message: {broker.IS_SIZE_LIMITED}"
        self._set_note(
            f"the broker {self._address()} went away ({session.lost})"
            f"{hint if is_size else ';'} trying again"
        )

    def _set_note(self, note: str) -> None:
        if note and note != self.note:
            log.warning("%s", note)
        self.note = note

    def _address(self) -> str:
        return f"{self._settings.mqtt.host}:{self._settings.mqtt.port}"


class _Attempt(threading.Thread):
    """A look-up and connect, which may block for long: the worker can leave it behind."""

    def __init__(self, client: paho.Client, settings: Settings) -> None:
        super().__init__(name="mqtt-connect", daemon=True)
        self._client = client
        self._mqtt = settings.mqtt
        self.fault = ""

    def run(self) -> None:
        """Connect, or keep the fault in words."""
        try:
            broker.connect(self._client, self._mqtt)
        except broker.BrokerError as error:
            self.fault = str(error)


def _rest(stop: threading.Event, beat: Callable[[], None], seconds: float) -> None:
    """Wait ``seconds`` or until stopped, with the heart beating."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop.wait(min(left, 1.0)):
        beat()
