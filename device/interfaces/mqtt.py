"""KioskState to the broker, commands from it.

What is about the person is sent without the retain flag, so no broker keeps it, and as null
when the visit ends. Nothing is queued while the broker is away: on every connection the
present state is sent whole. Retained commands are old wishes and are ignored.
"""

from __future__ import annotations

import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from device.channels import BoundedQueue, LatestSlot
from device.config import MqttSettings, Settings
from device.interfaces.entities import MAX_PAYLOAD_BYTES, Entity, PayloadError, Value, entities
from device.interfaces.home_assistant import discovery_payload, topics
from device.readings import Clock, Command, KioskState

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
RECONNECT_MIN_S, RECONNECT_MAX_S = 1, 60
PUBLISH_INTERVAL_S = 1.0
"""A value that keeps changing is sent at most this often; a visit's end is sent at once."""
BIRTH_JITTER_S = (1.0, 10.0)
"""Home Assistant restarts for all devices at once: they do not all answer at once."""
GOODBYE_S = 1.0


class MqttConfigError(Exception):
    """The broker's settings cannot be used; the message names the file or key."""


def make_client(settings: MqttSettings, client_id: str) -> paho.Client:
    """Return a client with identity, password and TLS; raises MqttConfigError."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    if settings.username:
        client.username_pw_set(settings.username, _password(settings.password_file))
    if settings.tls:
        try:
            client.tls_set(
                ca_certs=_text(settings.ca_file),
                certfile=_text(settings.cert_file),
                keyfile=_text(settings.key_file),
                cert_reqs=ssl.CERT_REQUIRED,
            )
        except (OSError, ssl.SSLError, ValueError) as error:
            files = ", ".join(
                str(f) for f in (settings.ca_file, settings.cert_file, settings.key_file) if f
            )
            raise MqttConfigError(f"[mqtt] TLS files cannot be used ({files}): {error}") from error
    return client


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
        self._commands = commands
        self._clock = clock
        self._topics = topics(settings)
        self._entities = entities(settings.mqtt)
        self._by_command = {
            self._topics.command(entity): entity for entity in self._entities if entity.command
        }
        self._sent: dict[str, str] = {}
        self._resend_at: float | None = None
        self._lock = threading.Lock()
        self.note = ""
        """Why the house is not told at the moment; shown beside the worker's health."""

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Publish every new state until stopped, then say goodbye."""
        mqtt = self._settings.mqtt
        client = make_client(mqtt, f"attune-{self._settings.kiosk.id}")
        client.will_set(self._topics.availability, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.reconnect_delay_set(RECONNECT_MIN_S, RECONNECT_MAX_S)
        self.note = f"connecting to {mqtt.host}:{mqtt.port}"
        client.connect_async(mqtt.host, mqtt.port, KEEPALIVE_S)
        client.loop_start()
        try:
            self._serve(client, stop, beat)
        finally:
            self._say_goodbye(client)
            client.loop_stop()

    def _serve(self, client: paho.Client, stop: threading.Event, beat: Callable[[], None]) -> None:
        version, last_visit, due_at = 0, None, self._clock()
        while not stop.is_set():
            beat()
            newer, state = self._states.wait_newer(version, 0.5)
            now = self._clock()
            if state is not None and client.is_connected():
                resend = self._take_resend(now)
                if resend or state.visit is not last_visit or (newer > version and now >= due_at):
                    self._publish(client, state, everything=resend)
                    last_visit, due_at = state.visit, now + PUBLISH_INTERVAL_S
            version = newer
            stop.wait(0.05)

    def _publish(self, client: paho.Client, state: KioskState, everything: bool) -> None:
        if everything:
            self._sent.clear()
            if self._topics.discovery:
                payload = json.dumps(discovery_payload(self._settings), ensure_ascii=False)
                client.publish(self._topics.discovery, payload, qos=1, retain=True)
            client.publish(self._topics.availability, "online", qos=1, retain=True)
        for entity in self._entities:
            retain = not entity.personal
            if entity.value is not None:
                self._send(client, self._topics.state(entity), payload_of(entity, state), retain)
            if entity.attributes is not None:
                attributes = json.dumps(entity.attributes(state), ensure_ascii=False)
                self._send(client, self._topics.attributes(entity), attributes, retain)

    def _send(self, client: paho.Client, topic: str, payload: str, retain: bool) -> None:
        if self._sent.get(topic) != payload:
            self._sent[topic] = payload
            client.publish(topic, payload, qos=1, retain=retain)

    def _take_resend(self, now: float) -> bool:
        with self._lock:
            due = self._resend_at is not None and now >= self._resend_at
            if due:
                self._resend_at = None
            return due

    def _ask_resend(self, at: float) -> None:
        with self._lock:
            if self._resend_at is None or at < self._resend_at:
                self._resend_at = at

    def _say_goodbye(self, client: paho.Client) -> None:
        if client.is_connected():
            state = self._states.latest()
            for entity in self._entities:
                if entity.personal and entity.value is not None and state is not None:
                    client.publish(self._topics.state(entity), "null", qos=1)
            last = client.publish(self._topics.availability, "offline", qos=1, retain=True)
            last.wait_for_publish(GOODBYE_S)
        client.disconnect()

    # --- called by paho's own thread --------------------------------------------------

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._set_note(f"{self._address()} refuses the connection: {reason}")
            return
        self._set_note("")
        client.subscribe(self._topics.all_commands, qos=1)
        if self._topics.birth:
            client.subscribe(self._topics.birth, qos=0)
        self._ask_resend(self._clock())
        log.info("connected to the broker %s", self._address())

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        self._set_note(f"no broker answers at {self._address()}; trying again")

    def _on_disconnect(
        self, _client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure and not self.note:  # A refusal has already said what is wrong.
            self._set_note(f"the broker {self._address()} went away ({reason}); trying again")

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if message.topic == self._topics.birth:
            if message.payload == b"online" and not message.retain:
                self._ask_resend(self._clock() + random.uniform(*BIRTH_JITTER_S))  # noqa: S311
            return
        entity = self._by_command.get(message.topic)
        if entity is None:
            return
        if message.retain:
            log.warning("ignored a retained command on %s", message.topic)
            return
        try:
            command = parse_command(entity, bytes(message.payload))
        except PayloadError as error:
            log.warning("ignored a command on %s: %s", message.topic, error)
            return
        if not self._commands.put(command):
            log.warning("too many commands: one on %s was refused", message.topic)

    def _set_note(self, note: str) -> None:
        if note and note != self.note:
            log.warning("%s", note)
        self.note = note

    def _address(self) -> str:
        return f"{self._settings.mqtt.host}:{self._settings.mqtt.port}"


def payload_of(entity: Entity, state: KioskState) -> str:
    """Return the state payload of an entity: plain text, a number, or null for no reading."""
    assert entity.value is not None
    return _encode(entity.value(state))


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


def _encode(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise MqttConfigError(f"[mqtt] password_file cannot be read: {error}") from error
