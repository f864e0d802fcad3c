"""The library under a running kiosk: missing, damaged, written over, and back."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from catalog.emotions import point_from_va
from catalog.index_file import MANIFEST_FILE
from device.recommender.shelf import LOOK_AGAIN_S, TRY_AGAIN_S, Shelf
from tests.fakes.synthetic_library import make_library

HAPPY = point_from_va(0.7, 0.4)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return make_library(tmp_path / "catalogue", 40)


def ids(shelf: Shelf) -> list[int]:
    return [one.track.track_id for one in shelf.nearest(HAPPY, 5)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def test_a_missing_catalogue_is_said_once_and_taken_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, folder = Clock(), tmp_path / "catalogue"
    with Shelf(folder, clock) as shelf:
        for _ in range(3):
            assert shelf.nearest(HAPPY, 3) == []
            assert "run `attune catalog build DIR`" in shelf.fault
            clock.now += LOOK_AGAIN_S
        make_library(folder, 40)
        assert len(shelf.nearest(HAPPY, 3)) == 3
        assert shelf.fault == ""
    assert len(warnings(caplog)) == 1


def test_a_catalogue_damaged_on_disk_plays_on_from_memory_and_is_said_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    with Shelf(folder, clock) as shelf:
        before = ids(shelf)
        manifest = (folder / MANIFEST_FILE).read_text()
        (folder / MANIFEST_FILE).write_text("no manifest")
        for _ in range(3):
            clock.now += TRY_AGAIN_S
            assert ids(shelf) == before
            assert shelf.fault == ""
            assert "the one in memory plays on" in shelf.note
            assert MANIFEST_FILE in shelf.note
        assert len(warnings(caplog)) == 1
        (folder / MANIFEST_FILE).write_text(manifest)
        clock.now += TRY_AGAIN_S
        assert shelf.count == 40
        assert shelf.note == ""


def test_a_catalogue_whose_disk_is_gone_plays_on(folder: Path) -> None:
    clock = Clock()
    with Shelf(folder, clock) as shelf:
        before = ids(shelf)
        shutil.rmtree(folder)
        clock.now += LOOK_AGAIN_S
        assert ids(shelf) == before
        assert str(folder) in shelf.note
