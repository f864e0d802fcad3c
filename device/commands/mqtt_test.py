"""``attune mqtt-test``: reaches the broker step by step and says exactly what is wrong."""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device.commands.errors import CommandError
from device.config import MqttSettings, Settings

STEP_TIMEOUT_S = 5.0


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
        description="Look up, connect, TLS, log in, write and read back; stop at what is wrong.",
        epilog="example: attune mqtt-test --config /etc/attune/kiosk.toml",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument("--host", help="broker to test instead of the configured one")
    parser.add_argument("--port", type=int, help="its port")
    parser.add_argument("--json", action="store_true", help="the steps as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Climb the ladder; exit code 1 when a step fails."""
    from device.commands.run import load_settings

    settings: Settings = load_settings(args.config)
    changes = {key: value for key in ("host", "port") if (value := getattr(args, key))}
    mqtt = settings.mqtt.model_copy(update=changes)
    settings = settings.model_copy(update={"mqtt": mqtt})
    if not mqtt.host:
        raise CommandError("no broker is configured: set host in [mqtt] or give --host")
    steps = climb(settings)
    if args.json:
        print(json.dumps([asdict(step) for step in steps], indent=2))
    else:
        for step in steps:
            print(f"{'ok  ' if step.ok else 'FAIL'} {step.name}: {step.detail}")
    return 0 if all(step.ok for step in steps) else 1


def climb(settings: Settings) -> list[Step]:
    """Return the steps taken; the last one is the first that failed, or all are ok."""
    mqtt = settings.mqtt
    rungs: list[tuple[str, Callable[[], str]]] = [
        ("look up", lambda: _look_up(mqtt)),
        ("connect", lambda: _connect(mqtt)),
    ]
    if mqtt.tls:
        rungs.append(("TLS", lambda: _handshake(mqtt)))
    rungs.append(("log in, write and read back", lambda: _round_trip(settings)))
    steps: list[Step] = []
    for name, rung in rungs:
        try:
            steps.append(Step(name, True, rung()))
        except (OSError, CommandError) as error:
            steps.append(Step(name, False, str(error)))
            break
    return steps


def _look_up(mqtt: MqttSettings) -> str:
    try:
        found = socket.getaddrinfo(mqtt.host, mqtt.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise CommandError(
            f"the name {mqtt.host!r} is not known ({error.strerror}): check host in [mqtt],"
            " or give the broker's address in numbers"
        ) from error
    return f"{mqtt.host} is {found[0][4][0]}"


def _connect(mqtt: MqttSettings) -> str:
    try:
        socket.create_connection((mqtt.host, mqtt.port), STEP_TIMEOUT_S).close()
    except ConnectionRefusedError as error:
        raise CommandError(
            f"nothing listens on port {mqtt.port} of {mqtt.host}: is the broker running, is the"
            " port right (1883 plain, 8883 TLS), does it listen on this network?"
        ) from error
    except TimeoutError as error:
        raise CommandError(
            f"{mqtt.host} does not answer on port {mqtt.port} within {STEP_TIMEOUT_S:.0f} s:"
            " is it switched on, does a firewall stand between?"
        ) from error
    return f"port {mqtt.port} is open"


def _handshake(mqtt: MqttSettings) -> str:
    try:
        context = ssl.create_default_context(cafile=mqtt.ca_file)
        if mqtt.cert_file:
            context.load_cert_chain(mqtt.cert_file, mqtt.key_file)
        with (
            socket.create_connection((mqtt.host, mqtt.port), STEP_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=mqtt.host) as secure,
        ):
            return f"{secure.version()}, certificate accepted"
    except ssl.SSLCertVerificationError as error:
        raise CommandError(
            f"the broker's certificate is not trusted: {error.verify_message}."
            " Set ca_file in [mqtt] to the authority that signed it"
        ) from error
    except ssl.SSLError as error:
        raise CommandError(
            f"no TLS on port {mqtt.port}: {error.reason}. Is this the plain port, or does the"
            " broker want a client certificate (cert_file, key_file)?"
        ) from error
    except FileNotFoundError as error:
        raise CommandError(f"a TLS file of [mqtt] is missing: {error}") from error


def _round_trip(settings: Settings) -> str:
    """Log in, subscribe to the kiosk's own commands' neighbour, write there and wait for it."""
    from device.interfaces.home_assistant import topics
    from device.interfaces.mqtt import MqttConfigError, make_client

    mqtt = settings.mqtt
    topic = f"{topics(settings).base}/mqtt_test"
    token = f"{time.time_ns()}"
    came_back, answered = threading.Event(), threading.Event()
    reasons: list[Any] = []

    def on_connect(client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        reasons.append(reason)
        answered.set()
        if not reason.is_failure:
            client.subscribe(topic, qos=1)

    def on_subscribe(client: Any, _data: Any, _mid: Any, _codes: Any, _more: Any) -> None:
        client.publish(topic, token, qos=1)

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        if message.payload == token.encode():
            came_back.set()

    try:
        client = make_client(mqtt, f"attune-{settings.kiosk.id}-test")
    except MqttConfigError as error:
        raise CommandError(str(error)) from error
    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    client.connect(mqtt.host, mqtt.port, keepalive=20)
    client.loop_start()
    try:
        if not answered.wait(STEP_TIMEOUT_S):
            raise CommandError("the broker takes the connection and then says nothing: no MQTT?")
        if reasons[0].is_failure:
            raise CommandError(
                f"the broker refuses: {reasons[0]}. Check username and password_file in [mqtt]"
            )
        if not came_back.wait(STEP_TIMEOUT_S):
            raise CommandError(
                f"logged in, but what was written to {topic} did not come back: the broker's"
                f" access list must allow reading and writing {topics(settings).base}/#"
            )
    finally:
        client.disconnect()
        client.loop_stop()
    return f"{topic} written and read back"
