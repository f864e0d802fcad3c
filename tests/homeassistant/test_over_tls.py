"""Kiosk and Home Assistant at a broker with the TLS and the access list that the page advises."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device import readings as r
from tests.fakes.broker import PASSWORD, Broker, Certificates, password_file
from tests.fakes.home_assistant import HomeAssistant
from tests.fakes.kiosk_states import FAREWELL, PLAYING, PULSE
from tests.fakes.mqtt_kiosk import Running, settings_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "home-assistant.md"


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secure")


@pytest.fixture(name="certificates", scope="module")
def _certificates(folder: Path) -> Certificates:
    return Certificates(folder)


@pytest.fixture(name="secure", scope="module")
def _secure(folder: Path, certificates: Certificates) -> Iterator[Broker]:
    advised = re.search(r"# /etc/mosquitto/acl\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert advised is not None
    acl = folder / "acl"
    acl.write_text(advised.group(1))
    acl.chmod(0o600)
    users = password_file(folder, "attune_hall", "homeassistant")
    lines = ("allow_anonymous false", f"password_file {users}", f"acl_file {acl}")
    with Broker(folder, *certificates.listener(certificates.broker, *lines)) as broker:
        yield broker


@pytest.fixture(name="home", scope="module")
def _home(secure: Broker, certificates: Certificates, folder: Path) -> Iterator[HomeAssistant]:
    if "ATTUNE_HASS" not in os.environ:
        pytest.skip("needs Home Assistant: `make test-homeassistant` gets it")
    (folder / "home").mkdir()
    with HomeAssistant(Path(os.environ["ATTUNE_HASS"]), folder / "home") as home:
        home.add_secure_broker(secure.port, certificates.ca, "homeassistant", PASSWORD)
        yield home


@pytest.fixture(name="way")
def _way(certificates: Certificates, folder: Path) -> dict[str, Any]:
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    return {
        "host": "localhost", "tls": True, "ca_file": str(certificates.ca),
        "username": "attune_hall", "password_file": str(secret),
    }  # fmt: skip


def test_kiosk_and_home_assistant_meet_over_tls_and_survive_a_renewed_certificate(
    home: HomeAssistant, secure: Broker, certificates: Certificates, way: dict[str, Any]
) -> None:
    kiosk = Running(settings_for(secure.port, **way))
    kiosk.states.put(PLAYING)
    home.wait_for("sensor.hall_heart_rate", "72")
    home.call("button.press", "button.hall_skip")
    assert kiosk.commands.get(10) == r.Skip(source="mqtt")

    secure.stop()
    home.wait_for("sensor.hall_heart_rate", "unavailable", 60)
    certificates.renew(certificates.broker)
    kiosk.states.put(replace(PLAYING, pulse=replace(PULSE, heart_rate_bpm=64.0)))
    secure.start()
    home.wait_for("sensor.hall_heart_rate", "64", 90)

    home.stop()
    home.start()
    home.wait_for("sensor.hall_heart_rate", "64", 90)  # Not retained: the birth came through.
    home.call("select.select_option", "select.hall_strategy", option="calm")
    assert kiosk.commands.get(10) == r.SetStrategy(source="mqtt", strategy=r.Strategy.CALM)
    kiosk.states.put(FAREWELL)
    home.wait_for("sensor.hall_heart_rate", "unknown")
    assert kiosk.worker.note == ""
    kiosk.stop()


def test_a_second_kiosk_with_the_first_ones_user_says_what_it_lacks(
    home: HomeAssistant, secure: Broker, way: dict[str, Any]
) -> None:
    kiosk = Running(settings_for(secure.port, "cellar", **way))
    kiosk.states.put(PLAYING)
    home.until(lambda: "does not let the kiosk write" in kiosk.worker.note)
    assert "homeassistant/device/cellar/config" in kiosk.worker.note
    assert not home.state("sensor.cellar_heart_rate")
    kiosk.stop()
