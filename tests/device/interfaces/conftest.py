"""A broker, an ear and a kiosk for the tests of MQTT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from device.interfaces import mqtt as edge
from device.interfaces import mqtt_session
from tests.fakes.broker import Broker, Certificates, Listener
from tests.fakes.mqtt_kiosk import Running, settings_for
from tests.fakes.states import a_state


@pytest.fixture(name="quick")
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits that are long for the sake of a real house."""
    monkeypatch.setattr(mqtt_session, "PUBLISH_INTERVAL_S", 0.05)
    monkeypatch.setattr(mqtt_session, "CONTROL_INTERVAL_S", 0.02)
    monkeypatch.setattr(mqtt_session, "BIRTH_JITTER_S", (0.0, 0.05))
    monkeypatch.setattr(edge, "RECONNECT_MIN_S", 0.2)
    monkeypatch.setattr(edge, "RECONNECT_MAX_S", 0.4)
    monkeypatch.setattr(mqtt_session, "SETTLE_S", 0.5)
    monkeypatch.setattr(mqtt_session, "TURN_S", 0.01)


@pytest.fixture(name="broker")
def _broker(tmp_path: Path, quick: None) -> Iterator[Broker]:
    with Broker(tmp_path, "allow_anonymous true") as broker:
        yield broker


@pytest.fixture(name="ear")
def _ear(broker: Broker) -> Iterator[Listener]:
    listener = Listener(broker.port)
    yield listener
    listener.close()


@pytest.fixture(name="running")
def _running(broker: Broker, ear: Listener) -> Iterator[Running]:
    running = Running(settings_for(broker.port))
    running.states.put(a_state())
    ear.wait_for("attune/hall/available", "online")
    yield running
    running.stop()


@pytest.fixture(name="start")
def _start(quick: None) -> Iterator[list[Running]]:
    """Kiosks of a test, stopped at its end whatever happens."""
    started: list[Running] = []
    yield started
    for running in started:
        running.stop()


@pytest.fixture(name="certificates", scope="session")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
