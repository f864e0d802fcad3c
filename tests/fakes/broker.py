"""A real mosquitto on a free port of the loopback, and a client that keeps what it hears."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

PASSWORD = "täglich Brot"
"""With a blank and an umlaut: passwords are UTF-8 and not trimmed."""


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """mosquitto with the given lines of configuration; start, stop and start again."""

    def __init__(self, folder: Path, *lines: str, port: int = 0) -> None:
        self.port = port or free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        # mosquitto leaves root for its own user, who may not enter pytest's folders.
        config = ["user root", f"listener {self.port} 127.0.0.1", *lines]
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

    def freeze(self) -> None:
        """Let it accept and answer nothing, as a machine that swaps to death does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def reload(self) -> None:
        """Let it read its access list and users anew, as ``systemctl reload`` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

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

    def __init__(
        self,
        port: int,
        topic: str = "#",
        user: str = "",
        password: str = PASSWORD,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        """(topic, payload, retained) in the order of arrival."""
        self._changed = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1000)
        if user:
            self._client.username_pw_set(user, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_message = self._keep
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.connect("localhost" if tls else "127.0.0.1", port)
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

    def flood(self, topic: str, payloads: list[str]) -> None:
        """Publish all as fast as it goes and wait until the broker has them."""
        sent = [self._client.publish(topic, payload, qos=1) for payload in payloads]
        for message in sent:
            message.wait_for_publish(20)

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

    def last(self, topic: str) -> str:
        """Return the newest payload on ``topic``."""
        return next(text for seen, text, _ in reversed(self.messages) if seen == topic)

    def forget(self) -> None:
        """Drop what was heard so far."""
        with self._changed:
            self.messages.clear()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def packets(client: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Yield the packets that come, and (0, b"") when none has come for a moment."""
    waiting = b""
    client.settimeout(0.05)
    while True:
        try:
            if not (more := client.recv(65536)):
                return
        except TimeoutError:
            yield 0, b""
            continue
        waiting += more
        while len(waiting) > 1:
            end = next((n for n in range(1, len(waiting)) if waiting[n] < 0x80), 0)
            length = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(waiting[1 : end + 1]))
            if not end or len(waiting) < (whole := end + 1 + length):
                break
            yield waiting[0], waiting[end + 1 : whole]
            waiting = waiting[whole:]


def password_file(folder: Path, *users: str) -> Path:
    """Make mosquitto's file of ``users``, all with :data:`PASSWORD`, by its own program."""
    path = folder / "users"
    path.touch(mode=0o600)
    for user in users:
        subprocess.run(
            ["mosquitto_passwd", "-b", str(path), user, PASSWORD], check=True, capture_output=True
        )
    return path


class Certificates:
    """An authority of the house with a broker's and a kiosk's certificate, and a stranger's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca = self._authority("ca", "The house")
        self.stranger_ca = self._authority("stranger", "A stranger")
        self.broker = self._signed("broker", "ca", "subjectAltName=DNS:localhost")
        self.other_name = self._signed("elsewhere", "ca", "subjectAltName=DNS:elsewhere.lan")
        # OpenSSL 3.5 takes no negative days, and 3.0 no dates: this one ends within the second.
        self.expired = self._signed("expired", "ca", "subjectAltName=DNS:localhost", days=0)
        self.kiosk = self._signed("kiosk", "ca", "extendedKeyUsage=clientAuth")
        self.stranger = self._signed("guest", "stranger", "extendedKeyUsage=clientAuth")
        time.sleep(1.0)

    def key(self, certificate: Path) -> Path:
        """Return the key of a certificate."""
        return certificate.with_suffix(".key")

    def listener(self, certificate: Path, *more: str) -> tuple[str, ...]:
        """Return mosquitto's lines for a TLS listener with ``certificate``."""
        return (
            f"cafile {self.ca}",
            f"certfile {certificate}",
            f"keyfile {self.key(certificate)}",
            *more,
        )

    def renew(self, certificate: Path) -> None:
        """Sign a new certificate of the house for the broker, with a new key, in its place."""
        self._signed(certificate.stem, "ca", "subjectAltName=DNS:localhost")

    def _authority(self, name: str, title: str) -> Path:
        path = self._folder / f"{name}.crt"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", f"/CN={title}", "-keyout", str(self.key(path)),
            "-out", str(path), "-addext", "keyUsage=keyCertSign",
        )  # fmt: skip
        return path

    def _signed(self, name: str, authority: str, extension: str, days: int = 2) -> Path:
        path = self._folder / f"{name}.crt"
        request, extensions = path.with_suffix(".csr"), path.with_suffix(".ext")
        extensions.write_text(extension + "\n")
        self._openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-keyout", str(self.key(path)), "-out", str(request),
        )  # fmt: skip
        signer = self._folder / f"{authority}.crt"
        self._openssl(
            "x509", "-req", "-in", str(request), "-CA", str(signer), "-CAkey",
            str(self.key(signer)), "-CAcreateserial", "-days", str(days),
            "-extfile", str(extensions), "-out", str(path),
        )  # fmt: skip
        return path

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
