"""One connection to the broker: what is told over it, and what is heard.

What is about the person is sent without the retain flag, so no broker keeps it, and as null
when the visit ends. Retained commands are old wishes and are ignored.
"""

from __future__ import annotations

import json
import random
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from device.config import Settings
from device.interfaces import broker
from device.interfaces.entities import Entity, entities, seen_by, without_person
from device.interfaces.home_assistant import Topics, discovery_payload, topics
from device.interfaces.media_player import PLAYER_TABLE, player_payload
from device.interfaces.mqtt_claim import Claim
from device.interfaces.mqtt_commands import CommandGate
from device.readings import Clock, KioskState

TURN_S = 0.05
"""How long a new state or a stop may wait for the network."""
PUBLISH_INTERVAL_S = 1.0
"""What is measured keeps changing and is sent at most this often; a visit's end is sent at once."""
CONTROL_INTERVAL_S = 0.1
"""What a command changed shows this soon, and so does the camera in use."""
BIRTH_JITTER_S = (1.0, 10.0)
"""Home Assistant restarts for all devices at once: they do not all answer at once."""
SETTLE_S, REPEAT_S = 3.0, 30.0
"""What no broker keeps is said again once Home Assistant has had time to make its entities of
the discovery message, and then now and then for those who came late."""
RETRY_S = 60.0
"""After what the broker refused, all is sent again: rights can be given while it runs."""
GOODBYE_S = 1.0
SEND_RETAINED, NO_OLD_COMMANDS = 0, 2
"""Retain Handling (MQTT 5.0, 3.8.3.1): are retained messages sent at subscription?"""
CLAIM_WAIT_S = 0.5
"""A retained message follows the answer to its subscription at once; this is for slow networks."""


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
        self._unheard = {
            self._topics.births: "after a restart of Home Assistant values are unknown for a while",
            (self._topics.all_commands,): "the controls do nothing",
        }
        """What it means when the broker does not let the kiosk read any of the topics."""
        self._by_command = {self._topics.command(e): e for e in self._table if e.command}
        self._sent: dict[str, str] = {}
        self._under_way: dict[int, str] = {}
        self._asked: dict[int, tuple[str, ...]] = {}
        self._most_bytes = broker.NO_LIMIT
        """Of one packet to this broker, as it says itself (MQTT 5.0)."""
        self._seen: KioskState | None = None
        self._told: KioskState | None = None
        self._told_at = self._controls_told_at = clock()
        self._resend_at: float | None = clock()
        self._repeat_at = clock()
        self._quiet_until = 0.0
        """Until the mark of whoever was here last has been seen, nothing is said."""
        self.answered = False
        self.accepted = False
        self.refused_for = ""
        self.refusal = ""
        self.lost = ""
        self.dismissed_for = ""
        """Why the broker itself ended it, if it said so."""
        self.taken_over = False
        self.complaint = ""
        """What the broker forbids: by its access list, or because it is too large."""
        self._forbidden = ""
        """The topic that the complaint is about, where it may not be written."""
        self.client = broker.make_client(settings.mqtt, f"attune-{settings.kiosk.id}", protocol)
        self.client.will_set(self._topics.availability, "offline", qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.on_subscribe = self._on_subscribe

    def turn(self) -> bool:
        """Send and receive what there is, waiting at most :data:`TURN_S`; False when lost."""
        try:
            result = self.client.loop(TURN_S)
        except ValueError as error:  # Such as a topic that is no UTF-8.
            self.lost = f"it sent what is no MQTT: {getattr(error, 'reason', error)}"
            self.close()
            return False
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS and not self.lost:
            self.lost = paho.error_string(result).rstrip(".")
        return not (self.lost or self.taken_over)

    def tell(self, state: KioskState) -> None:
        """Send what changed, if it is time to; all of it after (re)connection or a birth."""
        now, self._seen = self._clock(), state
        if now < self._quiet_until or (state is self._told and not self._is_repeat(now)):
            return
        turned = self._told is not None and state.visit is not self._told.visit
        measured = turned or now - self._told_at >= PUBLISH_INTERVAL_S
        if self._resend_at is not None and now >= self._resend_at:
            self._resend_at = None
            self._sent.clear()
            self._introduce()
            self._repeat_at = now + SETTLE_S
            measured = True
        elif now >= self._repeat_at:
            self._forget_unretained()
            self._repeat_at = now + REPEAT_S
            measured = True
        elif not measured and now - self._controls_told_at < CONTROL_INTERVAL_S:
            return
        self._controls_told_at = now
        if measured:
            self._told, self._told_at = state, now
        self._send_state(state, measured)

    def _is_repeat(self, now: float) -> bool:
        return now >= self._repeat_at or (self._resend_at is not None and now >= self._resend_at)

    def say_goodbye(self) -> None:
        """Take back what is personal, say offline and part in peace."""
        if self._told is not None and self._seen is not None:
            self._send_state(without_person(self._seen), measured=True)
        self._publish(self._topics.availability, "offline", retain=True)
        end = self._clock() + GOODBYE_S
        while self._under_way and self.turn() and self._clock() < end:
            pass
        self.close()

    @property
    def introduces(self) -> bool:
        """Whether the broker has not acknowledged the discovery message yet."""
        return self._topics.discovery in self._under_way.values()

    def close(self) -> None:
        """Hang up and let go of the client; to be called however the session ended."""
        self.client.disconnect()
        # Session and client hold each other: the pair of sockets that paho keeps for itself
        # would stay open until the collector comes round.
        self.client.on_connect = self.client.on_disconnect = self.client.on_message = None
        self.client.on_publish = self.client.on_subscribe = None

    def _introduce(self) -> None:
        documents = {
            self._topics.discovery: discovery_payload,
            self._topics.media_player: player_payload,
        }
        for topic, make in documents.items():
            if topic:
                payload = json.dumps(make(self._settings), ensure_ascii=False)
                self._publish(topic, payload, retain=True)
        if self._topics.no_media_player:  # Of one that was there before, or the house keeps it.
            self._publish(self._topics.no_media_player, "", retain=True)
        self._publish(self._topics.instance, self._claim.next_mark(), retain=True)
        self._publish(self._topics.availability, "online", retain=True)

    def _send_state(self, state: KioskState, measured: bool) -> None:
        state = seen_by(self._settings.mqtt, state)
        for entity in self._table:
            if entity.personal and not measured:
                continue
            # First the attributes: who waits for the state may read them at once.
            if entity.attributes is not None:
                attributes = json.dumps(entity.attributes(state), ensure_ascii=False)
                self._send(self._topics.attributes(entity), attributes, entity.retained)
            if entity.value is not None:
                self._send(self._topics.state(entity), payload_of(entity, state), entity.retained)

    def _forget_unretained(self) -> None:
        for entity in self._table:
            if not entity.retained:
                self._sent.pop(self._topics.state(entity), None)
                self._sent.pop(self._topics.attributes(entity), None)

    def _send(self, topic: str, payload: str, retain: bool) -> None:
        if self._sent.get(topic) != payload and self._publish(topic, payload, retain):
            self._sent[topic] = payload

    def _publish(self, topic: str, payload: str, retain: bool) -> bool:
        """Publish at QoS 1; False when too much is under way, so that it is tried again."""
        if wrong := broker.too_large(topic, payload, self._most_bytes):
            self.complaint = wrong
            return True
        message = self.client.publish(topic, payload, qos=1, retain=retain)
        if message.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._under_way[message.mid] = topic
        return True

    # --- called by paho from within turn() ----------------------------------------------

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        self.answered = True
        self._most_bytes = broker.packet_limit(properties)
        if reason.is_failure:
            self.refused_for = str(reason)
            self.refusal = broker.refusal(self._settings.mqtt, reason)
            return
        self.accepted = True
        broker.heed_receive_maximum(client, properties)
        if self._claim.is_made:
            self._quiet_until = self._clock() + CLAIM_WAIT_S
            self._subscribe(client, (self._topics.instance,), SEND_RETAINED)
        self._subscribe(client, (self._topics.all_commands,), NO_OLD_COMMANDS)
        if self._topics.births:
            self._subscribe(client, self._topics.births, NO_OLD_COMMANDS)

    def _subscribe(self, client: paho.Client, asked: tuple[str, ...], retain_handling: int) -> None:
        if client.protocol == MQTTProtocolVersion.MQTTv5:
            options = SubscribeOptions(1, retainHandling=retain_handling)
            _, mid = client.subscribe([(topic, options) for topic in asked])
        else:
            _, mid = client.subscribe([(topic, 1) for topic in asked])
        if mid is not None:
            self._asked[mid] = asked

    def _on_subscribe(
        self, _client: Any, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        asked = self._asked.pop(mid, ())
        loss = self._unheard.get(asked)
        if loss and all(reason.is_failure for reason in reasons):
            names = " and ".join(asked)
            self.complaint = f"the broker's access list forbids reading {names}: {loss}"

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        topic = self._under_way.pop(mid, "")
        if topic and topic == self._forbidden and not reason.is_failure:
            self.complaint = self._forbidden = ""
        elif reason.is_failure and topic != self._topics.no_media_player:
            if not self.complaint:
                self.complaint = f"the broker does not let the kiosk write {topic}: {reason}"
                self._forbidden = topic
            if self._resend_at is None:
                self._resend_at = self._clock() + RETRY_S

    def _on_disconnect(
        self, _client: Any, _data: Any, flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server:  # Else turn() knows better.
            self.lost = self.dismissed_for = str(reason)
            self.taken_over = self.taken_over or self.lost == "Session taken over"

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if message.topic in self._topics.births:
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


def payload_of(entity: Entity, state: KioskState) -> str:
    """Return the state payload of an entity: plain text, a number, or null for no reading."""
    assert entity.value is not None
    value = entity.value(state)
    return value if isinstance(value, str) else json.dumps(value)
