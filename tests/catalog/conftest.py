"""Two short songs, one happy, one sad, and a place for their catalogue."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fakes.builds import HAPPY, SAD
from tests.fakes.tagged_sounds import write_tone


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    write_tone(folder / "happy.flac", 1.5, tags=HAPPY)
    write_tone(folder / "sad.mp3", 1.5, frequency_hz=500, tags=SAD)
    return folder


@pytest.fixture
def music(tmp_path: Path, sounds: Path) -> Path:
    shutil.copytree(sounds, tmp_path / "music")
    return tmp_path / "music"


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return tmp_path / "catalogue"
