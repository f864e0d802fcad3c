"""The way to the MQTT broker: identity, password, TLS, one connection; every fault in words.

MQTT 5.0 is asked for first: it lets the kiosk bound what the broker may send, leave old
commands with the broker, and hear why something was refused. Brokers that know only 3.1.1
are served too.
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from device.config import MqttSettings

CONNECT_TIMEOUT_S = 5.0
"""For each of TCP, and the broker's answer to the log-in."""
KEEPALIVE_S = 20
"""A broker that vanished without a word is noticed within one and a half of this."""
MAX_PACKET_BYTES = 8 * 1024
"""Maximum Packet Size (MQTT 5.0, 3.1.2.11.4): the broker drops anything larger before it is
sent, so no command can fill the memory."""
MAX_UNACKNOWLEDGED = 256
"""Messages under way; a broker that accepts but never answers cannot fill the memory."""

IS_SIZE_LIMITED = "does it limit the size of messages (message_size_limit in mosquitto)?"
"""Asked of a broker that hangs up in the middle of a large one and does not say why."""
MAYBE_TOO_LARGE = ("", "Packet too large")
"""What such a broker says on hanging up. mosquitto says nothing."""
UNSUPPORTED_PROTOCOL = "Unsupported protocol version"
_LOG_IN = ("Bad user name or password", "Not authorized", "Bad authentication method")
_WANTS_MORE = (
    "The kiosk needs retained messages and QoS 1: allow them in the broker (retain_available and"
    " max_qos in mosquitto)"
)
_ADVICE = {
    UNSUPPORTED_PROTOCOL: "It speaks neither MQTT 5.0 nor 3.1.1",
    "Retain not supported": _WANTS_MORE,
    "QoS not supported": _WANTS_MORE,
    "Client identifier not valid": "Give the kiosk another id in [kiosk]",
}
NO_LIMIT = 268_435_455
"""The largest packet there is (MQTT 5.0, 1.5.5)."""
_OVERHEAD_BYTES = 16
"""At most, of a PUBLISH without properties around topic and payload (MQTT 5.0, 3.3)."""

# OpenSSL, x509_vfy.h: X509_V_ERR_...
_NOT_YET_VALID, _EXPIRED = 9, 10
_WRONG_NAME = (62, 64)  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH


class BrokerError(Exception):
    """The broker cannot be used; the message says why and what to do."""


def make_client(
    settings: MqttSettings,
    client_id: str,
    protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
) -> paho.Client:
    """Return a client with identity, password and TLS; raises BrokerError."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=protocol,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.max_queued_messages_set(MAX_UNACKNOWLEDGED)
    if settings.username:
        client.username_pw_set(settings.username, _password(settings.password_file))
    if settings.tls:
        client.tls_set_context(tls_context(settings))
    return client


def connect(client: paho.Client, settings: MqttSettings) -> None:
    """Look up, connect, shake hands and ask to log in; may block for seconds.

    Raises:
        BrokerError: naming the step that failed and what to do.
    """
    properties = None
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_PACKET_BYTES
    try:
        client.connect(settings.host, settings.port, KEEPALIVE_S, properties=properties)
    except (OSError, ValueError) as error:
        # ValueError: a host that can be no name at all, such as one with a NUL.
        raise BrokerError(fault(settings, error)) from error


def packet_limit(properties: Any) -> int:
    """Return how large a packet the broker takes, by its answer to the log-in, in bytes."""
    return int(getattr(properties, "MaximumPacketSize", NO_LIMIT))


def heed_receive_maximum(client: paho.Client, properties: Any) -> None:
    """Let no more be under way than the broker takes (MQTT 5.0, 3.2.2.3.3): else it hangs up.

    HiveMQ takes 10 and paho sends 20. What it says of that paho does not read, nor may its own
    setting change on an open connection; before the first message nothing hangs on it.
    """
    most = int(getattr(properties, "ReceiveMaximum", client.max_inflight_messages))
    client._max_inflight_messages = min(most, client.max_inflight_messages)


def too_large(topic: str, payload: str, most_bytes: int) -> str:
    """Return what is wrong with a message that the broker would hang up on; empty if it fits."""
    size = len(topic.encode()) + len(payload.encode()) + _OVERHEAD_BYTES
    if size <= most_bytes:
        return ""
    return (
        f"the broker takes at most {most_bytes} bytes and {topic} would be {size}:"
        " raise its limit (max_packet_size in mosquitto)"
    )


def tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """Return a context that trusts ``ca_file`` and shows ``cert_file``; raises BrokerError."""
    try:
        context = ssl.create_default_context(
            cafile=str(settings.ca_file) if settings.ca_file else None
        )
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"[mqtt] ca_file {settings.ca_file}: {_reason(error)}") from error
    if settings.cert_file:
        try:
            # A key with a passphrase would ask on the terminal and wait for ever.
            context.load_cert_chain(settings.cert_file, settings.key_file, password="")
        except (OSError, ssl.SSLError) as error:
            files = f"cert_file {settings.cert_file}, key_file {settings.key_file}"
            raise BrokerError(f"[mqtt] {files}: {_reason(error)}") from error
    return context


def fault(settings: MqttSettings, error: Exception) -> str:
    """Return why the broker cannot be reached and what to do, in one line."""
    host, port = settings.host, settings.port
    match error:
        case socket.gaierror() | UnicodeError():
            why = getattr(error, "strerror", None) or "no valid name"
            mdns = " (names in .local need libnss-mdns)" if host.endswith(".local") else ""
            return (
                f"the name {host!r} is not known ({why}): check host in [mqtt]{mdns}, or give the"
                " broker's address in numbers"
            )
        case ssl.SSLCertVerificationError():
            return _certificate_fault(settings, error)
        case ssl.SSLError() | ConnectionResetError() if settings.tls:
            return _handshake_fault(settings, error)
        case ConnectionRefusedError():
            return (
                f"nothing listens on port {port} of {host}: is the broker running, is the port"
                " right (1883 plain, 8883 TLS), does it listen on this network?"
            )
        case TimeoutError():
            return (
                f"{host} does not answer on port {port} within {CONNECT_TIMEOUT_S:.0f} s: is it"
                " switched on, does a firewall stand between?"
            )
    return f"{host} cannot be reached on port {port}: {_reason(error)}"


def refusal(settings: MqttSettings, reason: ReasonCode) -> str:
    """Return why the broker does not let the kiosk in, in one line."""
    who = f"{settings.host}:{settings.port} refuses the connection: {reason}."
    if str(reason) not in _LOG_IN:
        return f"{who} {_ADVICE.get(str(reason), 'Its log says more')}"
    if not settings.username:
        return f"{who} It wants a user: set username and password_file in [mqtt]"
    if settings.password_file is None:
        return f"{who} User {settings.username!r} has no password: set password_file in [mqtt]"
    return (
        f"{who} Check username ({settings.username!r}) and the password in"
        f" {settings.password_file}, and that the broker has this user{_copied(settings)}"
    )


def _copied(settings: MqttSettings) -> str:
    """Return what to do where the password is the copy that systemd made when the kiosk started."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if settings.password_file is None or not folder:
        return ""
    if not settings.password_file.is_relative_to(folder):
        return ""
    return (
        f". It is systemd's copy of /etc/attune/{settings.password_file.name}: after a change"
        " there, `sudo systemctl restart attune`"
    )


def _certificate_fault(settings: MqttSettings, error: ssl.SSLCertVerificationError) -> str:
    start = f"the certificate of {settings.host} is not accepted: {error.verify_message}."
    if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
        return f"{start} Renew it; if it is good, the clock of this box is wrong (`date`)"
    if error.verify_code in _WRONG_NAME:
        return f"{start} host in [mqtt] must be one of the names in the certificate"
    return f"{start} Set ca_file in [mqtt] to the authority that signed it"


def _handshake_fault(settings: MqttSettings, error: OSError) -> str:
    reason = _reason(error)
    start = f"no TLS with {settings.host} on port {settings.port}: {reason}."
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return (
            f"{start} The broker wants a client certificate: set cert_file and key_file in [mqtt]"
        )
    if "UNKNOWN_CA" in reason or "CERTIFICATE" in reason:
        return f"{start} The broker does not accept the client certificate of cert_file in [mqtt]"
    return f"{start} Is this the plain port (TLS is mostly on 8883)?"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BrokerError(f"[mqtt] password_file {path} is no UTF-8 text") from None
    except OSError as error:
        raise BrokerError(f"[mqtt] password_file {path}: {error.strerror}") from error
