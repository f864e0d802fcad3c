"""The demo's play and its picture; the visit itself is `make demo`, its parts are tested apart."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pygame
import pytest

from device import demo
from device.demo_picture import SCREENS, draw_visit
from device.interfaces.screen import screenshot
from device.readings import KioskState
from tests.fakes.kiosk_states import CONSENT, GREETING, IDLE, PLAYING, SENSING
from tests.fakes.screens import view


def visit_states() -> list[KioskState]:
    """Return a visit of a minute, four states a second."""
    parts = [(IDLE, 2), (GREETING, 2), (CONSENT, 3), (SENSING, 6), (PLAYING, 45), (IDLE, 2)]
    states, at = [], 100.0
    for state, seconds in parts:
        for _ in range(4 * seconds):
            states.append(replace(state, updated_at=at))
            at += 0.25
    return states


def test_the_play_takes_less_than_two_minutes_and_shows_every_screen() -> None:
    assert sum(act.after_s for act in demo.PLAY) < 112, "the start and the end come on top"
    shots = {act.shot for act in demo.PLAY}
    assert shots >= set(SCREENS)


def test_the_picture_is_drawn_from_what_was_seen_and_heard(tmp_path: Path) -> None:
    states = visit_states()
    for name in SCREENS:
        pygame.image.save(screenshot(PLAYING, view(320, 180)), str(tmp_path / f"{name}.png"))
    with wave.open(str(tmp_path / "played.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(np.arange(8000 * 40))).astype(np.int16).tobytes())
    draw_visit(states, [(103.0, "touch"), (120.0, "like")], 100.0, tmp_path)
    picture = cv2.imread(str(tmp_path / "visit.png"))
    assert picture is not None
    assert picture.shape[1] > 1200
    music = picture[-250:-60, 100:950].astype(int)
    assert len(np.unique(music.reshape(-1, 3), axis=0)) > 20, "the sound is drawn"


def test_without_a_catalogue_the_demo_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["demo", "--out", str(tmp_path), "--catalogue", "/nowhere"])
    assert demo.main() == 1
    assert "attune catalog build" in capsys.readouterr().err
