"""``attune mqtt-test``: reaches the broker step by step and says exactly what is wrong."""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device.commands.errors import CommandError
from device.config import MqttSettings, Settings

ANSWER_TIMEOUT_S = 5.0
NEVER_TOO_LARGE_BYTES = 128
"""No broker limits messages to so little: one that hangs up on less has another reason."""
ALERT_WAIT_S = 1.0
"""TLS 1.3 brokers refuse a client certificate only after the handshake (RFC 8446, 4.4.2.4)."""


class StepError(Exception):
    """What is wrong at this step, and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder to the broker."""

    name: str
    ok: bool
    detail: str


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "mqtt-test",
        help="test the way to the MQTT broker, step by step",
        description=(
            "Name, port, TLS, password, access list: each is tried as the kiosk would, and the"
            " first that is wrong is named with what to do. A kiosk that runs is not disturbed."
            " Exit code 1 when a step fails."
        ),
        epilog="example: attune mqtt-test --config /etc/attune/kiosk.toml",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument("--host", help="broker to test instead of the configured one")
    parser.add_argument("--port", type=int, help="its port")
    parser.add_argument("--json", action="store_true", help="the steps as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Climb the ladder; exit code 1 when a step fails."""
    from device.commands.doctor_access import barriers_to_broker
    from device.commands.run import load_settings

    settings: Settings = load_settings(args.config)
    given = {key: getattr(args, key) for key in ("host", "port")}
    changes = {key: value for key, value in given.items() if value is not None}
    if not 1 <= changes.get("port", 1) <= 65535:
        raise CommandError(
            f"--port {changes['port']}: a port is a number from 1 to 65535", exit_code=2
        )
    mqtt = settings.mqtt.model_copy(update=changes)
    settings = settings.model_copy(update={"mqtt": mqtt})
    if not mqtt.host:
        raise CommandError("no broker is configured: set host in [mqtt] or give --host")
    steps = climb(settings)
    # Root reads every file, the kiosk does not.
    steps += [Step("service", False, ". ".join(barred)) for barred in barriers_to_broker(mqtt)]
    if args.json:
        print(json.dumps([asdict(step) for step in steps], indent=2))
    else:
        for step in steps:
            print(f"{'ok  ' if step.ok else 'FAIL'} {step.name}: {step.detail}")
    return 0 if all(step.ok for step in steps) else 1


def climb(settings: Settings) -> list[Step]:
    """Return the steps taken; the last one is the first that failed, or all are ok."""
    from device.interfaces.broker import BrokerError

    mqtt = settings.mqtt
    probe = _Probe(settings)
    rungs: list[tuple[str, Callable[[], str]]] = [
        ("look up", lambda: _look_up(mqtt)),
        ("connect", lambda: _connect(mqtt)),
    ]
    if mqtt.tls:
        rungs.append(("TLS", lambda: _handshake(mqtt)))
    rungs += [("log in", probe.log_in), ("write", probe.write), ("read", probe.read)]
    if mqtt.discovery_prefix:
        rungs.append(("Home Assistant discovery", probe.write_discovery))
    steps: list[Step] = []
    for name, rung in rungs:
        try:
            steps.append(Step(name, True, rung()))
        except (StepError, BrokerError) as error:
            steps.append(Step(name, False, str(error)))
            break
    probe.close()
    return steps


def _look_up(mqtt: MqttSettings) -> str:
    from device.interfaces.broker import fault

    try:
        found = socket.getaddrinfo(mqtt.host, mqtt.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StepError(fault(mqtt, error)) from error
    return f"{mqtt.host} is {found[0][4][0]}"


def _connect(mqtt: MqttSettings) -> str:
    from device.interfaces.broker import CONNECT_TIMEOUT_S, fault

    try:
        socket.create_connection((mqtt.host, mqtt.port), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise StepError(fault(mqtt, error)) from error
    return f"port {mqtt.port} is open"


def _handshake(mqtt: MqttSettings) -> str:
    from device.interfaces.broker import CONNECT_TIMEOUT_S, fault, tls_context

    context = tls_context(mqtt)
    try:
        with (
            socket.create_connection((mqtt.host, mqtt.port), CONNECT_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=mqtt.host) as secure,
        ):
            secure.settimeout(ALERT_WAIT_S)
            with contextlib.suppress(TimeoutError):  # It waits for us to speak: all is well.
                secure.recv(1)
            return f"{secure.version()}, certificate of {mqtt.host} accepted"
    except OSError as error:
        raise StepError(fault(mqtt, error)) from error


def _speaks_tls(mqtt: MqttSettings) -> bool:
    """Whether a plain port turns out to be a TLS port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Nothing is sent over it: it only tells TLS from none.
    try:
        with (
            socket.create_connection((mqtt.host, mqtt.port), ANSWER_TIMEOUT_S) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except OSError:
        return False


class _Probe:
    """An MQTT connection beside the kiosk's own, with an id of its own."""

    def __init__(self, settings: Settings) -> None:
        from device.interfaces.home_assistant import topics

        self._settings = settings
        self._topics = topics(settings)
        self._client: Any = None
        self._reason: Any = None
        self._most_bytes = 0
        self._is_lost = False
        self._dismissed_for = ""
        self._acknowledged: dict[int, Any] = {}
        self._granted: dict[int, Any] = {}
        self._heard: set[bytes] = set()

    def log_in(self) -> str:
        """Connect with MQTT 5.0, else 3.1.1; raises StepError for a refusal."""
        from paho.mqtt.enums import MQTTProtocolVersion as Version

        from device.interfaces import broker

        for protocol, title in ((Version.MQTTv5, "MQTT 5.0"), (Version.MQTTv311, "MQTT 3.1.1")):
            self._open(protocol)
            if self._reason is not None and not self._reason.is_failure:
                user = self._settings.mqtt.username
                return f"{title}, {f'as {user!r}' if user else 'without a user'}"
            if self._reason is not None and str(self._reason) != broker.UNSUPPORTED_PROTOCOL:
                break
        if self._reason is not None:
            raise StepError(broker.refusal(self._settings.mqtt, self._reason))
        mqtt = self._settings.mqtt
        if not mqtt.tls and _speaks_tls(mqtt):
            raise StepError(f"port {mqtt.port} speaks TLS: set tls = true in [mqtt]")
        raise StepError(
            f"{mqtt.host}:{mqtt.port} takes the connection and then says nothing: is this an MQTT"
            " broker? Does it forbid this address?"
        )

    def write(self) -> str:
        """Publish where the kiosk publishes its state."""
        return self._publish(f"{self._topics.base}/mqtt_test/state")

    def write_discovery(self) -> str:
        """Publish all of the discovery message beside its topic, where nobody listens."""
        from device.interfaces.home_assistant import discovery_payload

        payload = json.dumps(discovery_payload(self._settings), ensure_ascii=False)
        return self._publish(f"{self._topics.discovery.removesuffix('config')}mqtt_test", payload)

    def read(self) -> str:
        """Send a command that no kiosk knows and wait for it."""
        topic, token = f"{self._topics.base}/mqtt_test/set", str(time.time_ns())
        result, mid = self._client.subscribe(self._topics.all_commands, qos=1)
        self._pump(lambda: mid in self._granted)
        if result or any(reason.is_failure for reason in self._granted.get(mid, ())):
            raise StepError(self._forbidden("reading", self._topics.all_commands))
        self._publish(topic, token)
        if not self._pump(lambda: token.encode() in self._heard):
            raise StepError(self._forbidden("reading", self._topics.all_commands))
        return f"{self._topics.all_commands} comes through"

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.disconnect()

    def _open(self, protocol: Any) -> None:
        from device.interfaces import broker

        mqtt, self._reason, self._is_lost = self._settings.mqtt, None, False
        client = broker.make_client(mqtt, f"attune-{self._settings.kiosk.id}-test", protocol)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = lambda _c, _d, message: self._heard.add(bytes(message.payload))
        client.on_publish = lambda _c, _d, mid, why, _p: self._acknowledged.update({mid: why})
        client.on_subscribe = lambda _c, _d, mid, why, _p: self._granted.update({mid: why})
        self._client = client
        broker.connect(client, mqtt)
        self._pump(lambda: self._reason is not None)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, more: Any) -> None:
        from device.interfaces.broker import packet_limit

        self._reason, self._most_bytes = reason, packet_limit(more)

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _more: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self._dismissed_for = str(reason)

    def _publish(self, topic: str, payload: str = "attune mqtt-test") -> str:
        from device.interfaces.broker import too_large

        if wrong := too_large(topic, payload, self._most_bytes):
            raise StepError(wrong)
        mid = self._client.publish(topic, payload, qos=1).mid
        if not self._pump(lambda: mid in self._acknowledged):
            if self._is_lost:
                raise StepError(self._hung_up(topic, len(payload.encode())))
            raise StepError(f"the broker does not acknowledge what is written to {topic}")
        reason = self._acknowledged[mid]
        if reason.is_failure:
            raise StepError(f"{self._forbidden('writing', topic)} ({reason})")
        return f"{topic} may be written"

    def _hung_up(self, topic: str, size: int) -> str:
        from device.interfaces.broker import IS_SIZE_LIMITED, MAYBE_TOO_LARGE

        said = f" ({self._dismissed_for})" if self._dismissed_for else ""
        start = f"the broker hangs up{said} on {size} bytes to {topic}:"
        if size > NEVER_TOO_LARGE_BYTES and self._dismissed_for in MAYBE_TOO_LARGE:
            return f"{start} {IS_SIZE_LIMITED}"
        # Before MQTT 5.0 there was no other way to say so.
        return f"{start} its access list {self._demand(topic)}"

    def _forbidden(self, what: str, topic: str) -> str:
        return f"the broker's access list forbids {what} {topic}: it {self._demand(topic)}"

    def _demand(self, topic: str) -> str:
        user = self._settings.mqtt.username or "anonymous users"
        beside_discovery = self._topics.discovery.removesuffix("config")
        mine = bool(beside_discovery) and topic.startswith(beside_discovery)
        allowed = f"{beside_discovery if mine else self._topics.base + '/'}#"
        return f"must allow {user} to read and write {allowed}"

    def _pump(self, done: Callable[[], bool]) -> bool:
        """Let the network run until ``done``, at most for a while; return what it came to."""
        end = time.monotonic() + ANSWER_TIMEOUT_S
        while not done() and time.monotonic() < end:
            if self._client.loop(0.05):
                self._is_lost = True
                break
        return done()
