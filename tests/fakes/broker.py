"""A real mosquitto on a free port of the loopback, and a client that keeps what it hears."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """mosquitto with the given lines of configuration; start, stop and start again."""

    def __init__(self, folder: Path, *lines: str, listener: str = "") -> None:
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        config = [f"listener {self.port} 127.0.0.1", *listener.splitlines(), *lines]
        self._config.write_text("\n".join(config) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start mosquitto and wait until it accepts connections."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen(
            [program, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("mosquitto did not start")

    def stop(self) -> None:
        """End mosquitto as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Listener:
    """A client that subscribes to everything and remembers it."""

    def __init__(self, port: int, topic: str = "#") -> None:
        self.messages: list[tuple[str, str, bool]] = []
        """(topic, payload, retained) in the order of arrival."""
        self._changed = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._keep
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(5)

    def _keep(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(
                (message.topic, message.payload.decode(errors="replace"), message.retain)
            )
            self._changed.notify_all()

    def publish(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Publish and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def wait_for(self, topic: str, payload: str | None = None, timeout_s: float = 8.0) -> str:
        """Return the payload of the newest message on ``topic`` (equal to ``payload``)."""

        def found() -> str | None:
            for seen, text, _ in reversed(self.messages):
                if seen == topic and payload in (None, text):
                    return text
            return None

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, timeout_s)
            result = found()
        assert result is not None, f"nothing like {payload!r} on {topic}: {self.messages[-30:]}"
        return result

    def forget(self) -> None:
        """Drop what was heard so far."""
        with self._changed:
            self.messages.clear()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
