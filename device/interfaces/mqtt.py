"""KioskState to the broker, commands from it.

What is about the person is sent without the retain flag, so no broker keeps it, and as null
when the visit ends. Nothing is queued while the broker is away, in neither direction: every
connection starts afresh and is sent the present state whole, and what was under way when the
last one broke is dropped. Retained commands are old wishes and are ignored.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from device.channels import BoundedQueue, LatestSlot
from device.config import Settings
from device.interfaces import broker
from device.interfaces.entities import Entity, entities, seen_by, without_person
from device.interfaces.home_assistant import Topics, discovery_payload, topics
from device.interfaces.media_player import PLAYER_TABLE, player_payload
from device.interfaces.mqtt_claim import Claim
from device.interfaces.mqtt_commands import CommandGate
from device.readings import Clock, Command, KioskState

log = logging.getLogger(__name__)

RECONNECT_MIN_S, RECONNECT_MAX_S = 1.0, 60.0
TURN_S = 0.05
"""How long a new state or a stop may wait for the network."""
PUBLISH_INTERVAL_S = 1.0
"""A value that keeps changing is sent at most this often; a visit's end is sent at once."""
BIRTH_JITTER_S = (1.0, 10.0)
"""Home Assistant restarts for all devices at once: they do not all answer at once."""
SETTLE_S, REPEAT_S = 3.0, 30.0
"""What no broker keeps is said again once Home Assistant has had time to make its entities of
the discovery message, and then now and then for those who came late."""
GOODBYE_S = 1.0
SEND_RETAINED, NO_OLD_COMMANDS = 0, 2
"""Retain Handling (MQTT 5.0, 3.8.3.1): are retained messages sent at subscription?"""
CLAIM_WAIT_S = 0.5
"""A retained message follows the answer to its subscription at once; this is for slow networks."""


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
                wait_s = RECONNECT_MIN_S
                self._serve(session, stop, beat)
                if session.taken_over:
                    wait_s = RECONNECT_MAX_S  # Else the two would push each other out for ever.
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
        old = session.refused_for == broker.UNSUPPORTED_PROTOCOL or not session.answered
        if old:
            # Old brokers refuse MQTT 5.0 or hang up on it.
            v5 = self._protocol == MQTTProtocolVersion.MQTTv5
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
            if session.complaint:
                self._set_note(session.complaint)
        if stop.is_set() and not session.taken_over:
            session.say_goodbye()
        else:
            self._note_loss(session)
        self.gate.forget()

    def _note_loss(self, session: Session) -> None:
        if session.taken_over:
            session.close()
            self._set_note(
                f"another kiosk came to {self._address()} with the same id"
                f" {self._settings.kiosk.id!r}: give each its own id in [kiosk]"
            )
        else:
            self._set_note(f"the broker {self._address()} went away ({session.lost}); trying again")

    def _set_note(self, note: str) -> None:
        if note and note != self.note:
            log.warning("%s", note)
        self.note = note

    def _address(self) -> str:
        return f"{self._settings.mqtt.host}:{self._settings.mqtt.port}"


class Session:
    """One connection to the broker; belongs to the worker's thread alone."""

    def __init__(
        self,
        settings: Settings,
        gate: CommandGate,
        claim: Claim,
        clock: Clock,
        protocol: MQTTProtocolVersion,
    ) -> None:
        self._settings = settings
        self._gate = gate
        self._claim = claim
        self._clock = clock
        self._topics: Topics = topics(settings)
        self._table = entities(settings.mqtt)
        if self._topics.media_player:
            self._table += PLAYER_TABLE
        self._by_command = {self._topics.command(e): e for e in self._table if e.command}
        self._sent: dict[str, str] = {}
        self._under_way: dict[int, str] = {}
        self._state: KioskState | None = None
        self._told: KioskState | None = None
        self._told_at = clock()
        self._resend_at: float | None = clock()
        self._repeat_at = clock()
        self._quiet_until = 0.0
        """Until the mark of whoever was here last has been seen, nothing is said."""
        self.answered = False
        self.accepted = False
        self.refused_for = ""
        self.refusal = ""
        self.lost = ""
        self.taken_over = False
        self.complaint = ""
        """What the broker's access list forbids."""
        self.client = broker.make_client(settings.mqtt, f"attune-{settings.kiosk.id}", protocol)
        self.client.will_set(self._topics.availability, "offline", qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.on_subscribe = self._on_subscribe

    def turn(self) -> bool:
        """Send and receive what there is, waiting at most :data:`TURN_S`; False when lost."""
        result = self.client.loop(TURN_S)
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS and not self.lost:
            self.lost = paho.error_string(result).rstrip(".")
        return not (self.lost or self.taken_over)

    def tell(self, state: KioskState) -> None:
        """Send what changed, if it is time to; all of it after (re)connection or a birth."""
        now = self._clock()
        if now < self._quiet_until:
            return
        everything = self._resend_at is not None and now >= self._resend_at
        due = now - self._told_at >= PUBLISH_INTERVAL_S and state is not self._told
        turned = self._told is not None and state.visit is not self._told.visit
        repeat = now >= self._repeat_at
        if not (everything or due or turned or repeat):
            return
        if everything:
            self._resend_at = None
            self._sent.clear()
            self._introduce()
            self._repeat_at = now + SETTLE_S
        elif repeat:
            self._forget_unretained()
            self._repeat_at = now + REPEAT_S
        self._told, self._told_at = state, now
        self._send_state(state)

    def say_goodbye(self) -> None:
        """Take back what is personal, say offline and part in peace."""
        if self._told is not None:
            self._send_state(without_person(self._told))
        self._publish(self._topics.availability, "offline", retain=True)
        end = self._clock() + GOODBYE_S
        while self._under_way and self.turn() and self._clock() < end:
            pass
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.client.disconnect()

    def _introduce(self) -> None:
        documents = {
            self._topics.discovery: discovery_payload,
            self._topics.media_player: player_payload,
        }
        for topic, make in documents.items():
            if topic:
                payload = json.dumps(make(self._settings), ensure_ascii=False)
                self._publish(topic, payload, retain=True)
        self._publish(self._topics.instance, self._claim.next_mark(), retain=True)
        self._publish(self._topics.availability, "online", retain=True)

    def _send_state(self, state: KioskState) -> None:
        state = seen_by(self._settings.mqtt, state)
        for entity in self._table:
            retain = not entity.personal
            # First the attributes: who waits for the state may read them at once.
            if entity.attributes is not None:
                attributes = json.dumps(entity.attributes(state), ensure_ascii=False)
                self._send(self._topics.attributes(entity), attributes, retain)
            if entity.value is not None:
                self._send(self._topics.state(entity), payload_of(entity, state), retain)

    def _forget_unretained(self) -> None:
        for entity in self._table:
            if entity.personal:
                self._sent.pop(self._topics.state(entity), None)
                self._sent.pop(self._topics.attributes(entity), None)

    def _send(self, topic: str, payload: str, retain: bool) -> None:
        if self._sent.get(topic) != payload and self._publish(topic, payload, retain):
            self._sent[topic] = payload

    def _publish(self, topic: str, payload: str, retain: bool) -> bool:
        """Publish at QoS 1; False when too much is under way, so that it is tried again."""
        message = self.client.publish(topic, payload, qos=1, retain=retain)
        if message.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._under_way[message.mid] = topic
        return True

    # --- called by paho from within turn() ----------------------------------------------

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self.answered = True
        if reason.is_failure:
            self.refused_for = str(reason)
            self.refusal = broker.refusal(self._settings.mqtt, reason)
            return
        self.accepted = True
        if self._claim.is_made:
            self._quiet_until = self._clock() + CLAIM_WAIT_S
            self._subscribe(client, self._topics.instance, SEND_RETAINED)
        self._subscribe(client, self._topics.all_commands, NO_OLD_COMMANDS)
        if self._topics.birth:
            self._subscribe(client, self._topics.birth, NO_OLD_COMMANDS)

    def _subscribe(self, client: paho.Client, topic: str, retain_handling: int) -> None:
        if client.protocol == MQTTProtocolVersion.MQTTv5:
            options = SubscribeOptions(1, retainHandling=retain_handling)
            client.subscribe(topic, options=options)
        else:
            client.subscribe(topic, qos=1)

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self.complaint = (
                f"the broker's access list forbids reading {self._topics.all_commands}"
                " or Home Assistant's birth: the controls do nothing"
            )

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        topic = self._under_way.pop(mid, "")
        if reason.is_failure and not self.complaint:
            self.complaint = f"the broker does not let the kiosk write {topic}: {reason}"

    def _on_disconnect(
        self, _client: Any, _data: Any, flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server:  # Else turn() knows better.
            self.lost = str(reason)
            self.taken_over = self.taken_over or self.lost == "Session taken over"

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if message.topic == self._topics.birth:
            if message.payload == b"online" and not message.retain:
                jitter_s = random.uniform(*BIRTH_JITTER_S)  # noqa: S311
                self._resend_at = self._clock() + jitter_s
            return
        if message.topic == self._topics.instance:
            self._quiet_until = 0.0
            mark = message.payload.decode("utf-8", errors="replace")
            self.taken_over = self.taken_over or self._claim.is_disputed_by(mark)
            return
        entity = self._by_command.get(message.topic)
        if entity is None:
            return
        if message.retain:
            self._gate.ignore(message.topic)
        else:
            self._gate.take(message.topic, entity, bytes(message.payload))


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


def payload_of(entity: Entity, state: KioskState) -> str:
    """Return the state payload of an entity: plain text, a number, or null for no reading."""
    assert entity.value is not None
    value = entity.value(state)
    return value if isinstance(value, str) else json.dumps(value)


def _rest(stop: threading.Event, beat: Callable[[], None], seconds: float) -> None:
    """Wait ``seconds`` or until stopped, with the heart beating."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop.wait(min(left, 1.0)):
        beat()
