"""Boxes that nobody named have names of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from device.config import KioskSettings, parse
from device.identity import APPLICATION, MACHINE_ID, NAMELESS, own_kiosk_id
from device.interfaces.home_assistant import device_name

SYSTEMD = shutil.which("systemd-id128")


def box(folder: Path, machine_id: str) -> str:
    path = folder / "machine-id"
    path.write_text(machine_id + "\n")
    return own_kiosk_id(path)


def test_two_boxes_have_two_names_and_each_keeps_its_own(tmp_path: Path) -> None:
    one, other = "3d1219c7c4c5404aaa1f6d2a48adfda4", "3d1219c7c4c5404aaa1f6d2a48adfda5"
    assert box(tmp_path, one) == box(tmp_path, one)
    assert box(tmp_path, one) != box(tmp_path, other)
    assert not set(box(tmp_path, one).removeprefix("attune_")) - set("0123456789abcdef")
    assert one[:6] not in box(tmp_path, one)


@pytest.mark.parametrize("odd", ["", "uninitialized", "3d12", "g" * 32, "ä"])
def test_a_box_without_identity_has_the_plain_name(tmp_path: Path, odd: str) -> None:
    assert box(tmp_path, odd) == NAMELESS
    assert own_kiosk_id(tmp_path / "nothing") == NAMELESS


@pytest.mark.skipif(SYSTEMD is None or not MACHINE_ID.exists(), reason="needs systemd-id128")
def test_it_is_what_systemd_makes_of_it() -> None:
    command = [str(SYSTEMD), "machine-id", f"--app-specific={APPLICATION.hex()}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"systemd-id128 does not answer here: {done.stderr.strip()}")
    assert own_kiosk_id() == f"{NAMELESS}_{done.stdout.strip()[:6]}"


def test_it_is_the_default_and_the_house_sees_a_name_that_tells_boxes_apart() -> None:
    assert KioskSettings().id == own_kiosk_id()
    assert parse({"kiosk": {"id": "hall"}}).kiosk.id == "hall"
    names = {
        "attune_3f9a2c": "Attune 3f9a2c", "attune_000001": "Attune 000001", "den": "Attune den",
        NAMELESS: "Attune",
    }  # fmt: skip
    for own, name in names.items():
        assert device_name(KioskSettings(id=own)) == name
    assert device_name(KioskSettings(id="attune_3f9a2c", name="Den")) == "Den"
