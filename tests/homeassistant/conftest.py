"""A broker and a real Home Assistant; without $ATTUNE_HASS these tests are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.interfaces import mqtt_session
from tests.fakes.broker import Broker
from tests.fakes.home_assistant import HomeAssistant

DOCS = Path(__file__).resolve().parents[2] / "docs" / "home-assistant"

CONFIGURATION = f"""
automation: !include {DOCS / "automations.yaml"}
mqtt:
  light:
    - name: Living room
      unique_id: lamp
      schema: json
      command_topic: lamp/set
      supported_color_modes: [brightness]
"""


@pytest.fixture(name="broker", scope="session")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("broker")
    with Broker(folder, "allow_anonymous true", "persistence true",
                f"persistence_location {folder}/") as broker:  # fmt: skip
        yield broker


@pytest.fixture(name="house", scope="session")
def _house(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    if "ATTUNE_HASS" not in os.environ:
        pytest.skip("needs Home Assistant: `make test-homeassistant` gets it")
    hass = Path(os.environ["ATTUNE_HASS"])
    with HomeAssistant(hass, tmp_path_factory.mktemp("house"), CONFIGURATION) as house:
        house.add_broker(broker.port)
        yield house


@pytest.fixture(name="quick", autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits that are long for the sake of a real house."""
    monkeypatch.setattr(mqtt_session, "PUBLISH_INTERVAL_S", 0.1)
    monkeypatch.setattr(mqtt_session, "BIRTH_JITTER_S", (0.5, 1.0))
